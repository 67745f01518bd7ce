"""Pix2Pix's networks and the GAN losses against the authors' public code, by the golden files."""

import pytest
import torch
from golden import load

from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.layers.gan import gan_loss, gradient_penalty


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model():
    files = (load(name) for name in ("pix2pix_unet256_bn", "pix2pix_patchgan70_bn"))
    return Pix2Pix.from_official(*(golden.state_dict() for golden in files))


@pytest.mark.parametrize("name", ["pix2pix_unet256_bn"])
def test_generator(name, model):
    golden = load(name)
    assert sum(p.numel() for p in model.generator.parameters()) == golden.parameters == 54_413_955
    (condition,) = golden.inputs()
    with torch.no_grad():
        golden.check("out", model.generator(condition))
    assert golden.outputs == ["out"]
    with torch.no_grad():  # `translate` takes and gives 0..1
        picture = ((condition + 1) / 2).clamp(0, 1)
        assert torch.equal(model.translate(picture), (model.generator(2 * picture - 1) + 1) / 2)


@pytest.mark.parametrize("name", ["pix2pix_patchgan70_bn"])
def test_discriminator(name, model):
    golden = load(name)
    assert sum(p.numel() for p in model.discriminator.parameters()) == golden.parameters == 2_768_705
    (pair,) = golden.inputs()
    with torch.no_grad():
        golden.check("out", model.discriminator(pair))
    assert golden.outputs == ["out"]


@pytest.mark.parametrize("name", ["fn_ganloss"])
def test_losses(name):
    golden = load(name)
    theirs = {"bce": "vanilla", "lsgan": "lsgan", "wgan": "wgangp"}
    for kind, called in theirs.items():
        for real in (True, False):
            expected = float(golden[f"{called}_{'real' if real else 'fake'}"])
            assert float(gan_loss(golden["pred"], real, kind)) == pytest.approx(expected, rel=1e-5)
    for pictures in ("real", "fake"):
        found = gradient_penalty(lambda z: (z.square() + z).flatten(1).mean(dim=1), golden[pictures])
        assert float(found.detach()) == pytest.approx(float(golden[f"gp_{pictures}"]), rel=1e-5)
