"""CycleGAN's networks against the authors' public code, by the golden files."""

import pytest
import torch
from golden import load

from lecturekit.cgan.cyclegan import CycleGAN


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["cyclegan_resnet9_in"])
def test_generator(name):
    golden = load(name)
    state = golden.state_dict()
    model = CycleGAN.from_official(state, state)
    (picture,) = golden.inputs()
    for generator in model.generators.values():
        assert sum(p.numel() for p in generator.parameters()) == golden.parameters == 11_378_179
    with torch.no_grad():
        golden.check("out", model.generators["night"](picture))
    assert golden.outputs == ["out"]
    ours = model.generators["night"].state_dict()
    assert all(torch.equal(value, ours[key]) for key, value in model.generators["day"].state_dict().items())


@pytest.mark.parametrize("name", ["cyclegan_patchgan70_in"])
def test_discriminator(name):
    golden, generator = load(name), load("cyclegan_resnet9_in").state_dict()
    state = golden.state_dict()
    other = {key: value + 1 for key, value in state.items()}
    model = CycleGAN.from_official(generator, d_a=state, d_b=other)
    assert (
        sum(p.numel() for p in model.discriminators["night"].parameters()) == golden.parameters == 2_764_737
    )
    (picture,) = golden.inputs()
    with torch.no_grad():
        golden.check("out", model.discriminators["night"](picture))
        assert golden.deviation("out", model.discriminators["day"](picture)) > 1
    assert golden.outputs == ["out"]


def test_each_file_goes_to_its_place():
    """net_G_A translates to the second domain, net_G_B back; statistics of early files are left out."""
    state = load("cyclegan_resnet9_in").state_dict()
    early = {key: value + 1 for key, value in state.items()} | {"model.2.running_mean": torch.zeros(64)}
    model = CycleGAN.from_official(state, early, domains=("horse", "zebra"))
    assert torch.equal(model.generators["zebra"].encoder[1].bias, state["model.1.bias"])
    assert torch.equal(model.generators["horse"].encoder[1].bias, state["model.1.bias"] + 1)
    assert torch.equal(model.generators["zebra"].decoder[7].weight, state["model.26.weight"])
