"""SRResNet and SRGAN's discriminator against a public implementation, by the golden files."""

import pytest
import torch
from golden import load

from lecturekit.cgan.srgan import SRGAN
from lecturekit.cgan.super_resolution import SuperResolution


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["srgan_lornatang_srresnet_x4"])
def test_generator(name):
    golden = load(name)
    model = SuperResolution.from_official(golden.state_dict())
    assert sum(p.numel() for p in model.parameters()) == golden.parameters == 1_547_350
    (small,) = golden.inputs()
    with torch.no_grad():
        found = {"preclamp": model.generator(small)}
    found["out"] = found["preclamp"].clamp(0, 1)
    assert set(found) == set(golden.outputs)
    for output in golden.outputs:
        golden.check(output, found[output])
    picture = small.clamp(0, 1)
    with torch.no_grad():
        assert torch.equal(model.upscale(picture), model.generator(picture).clamp(0, 1))


@pytest.mark.parametrize("name", ["srgan_lornatang_disc"])
def test_discriminator(name):
    golden, generator = load(name), load("srgan_lornatang_srresnet_x4")
    model = SRGAN.from_official(generator.state_dict(), golden.state_dict())
    assert sum(p.numel() for p in model.discriminator.parameters()) == golden.parameters == 23_563_649
    (pictures,) = golden.inputs()
    with torch.no_grad():
        found = {"features": model.discriminator.features(pictures), "out": model.discriminator(pictures)}
    assert set(found) == set(golden.outputs)
    for output in golden.outputs:
        golden.check(output, found[output])


def test_newer_spelling_of_the_public_keys():
    state = load("srgan_lornatang_srresnet_x4").state_dict()
    newer = {k.replace("conv", "conv_block", 1) if k.startswith("conv") else k: v for k, v in state.items()}
    assert newer.keys() != state.keys()
    ours, theirs = (SuperResolution.from_official(s).state_dict() for s in (state, newer))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_both_have_one_generator():
    state = load("srgan_lornatang_srresnet_x4").state_dict()
    ours, theirs = SRGAN.from_official(state), SuperResolution.from_official(state)
    ours.generator.load_state_dict(theirs.generator.state_dict())
    with torch.device("meta"):
        total = sum(p.numel() for p in SRGAN.paper().parameters())
    assert total == 1_547_350 + 23_563_649
