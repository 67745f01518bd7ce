"""SRResNet by regression and SRGAN: losses by hand, VGG against torchvision's, initial values, sizes."""

import math

import pytest
import torch
import torch.nn.functional as F
from cgan_toys import Pairs, make
from torch import nn

from lecturekit.cgan.srgan import SRGAN, VGGFeatures
from lecturekit.cgan.super_resolution import SRResNet, SuperResolution


@pytest.mark.parametrize("loss", ["mae", "mse"])
def test_regression_by_hand(loss):
    model = make("super_resolution", loss=loss).train()
    small, large = Pairs("super_resolution").batch()
    found = model.losses((small, large))
    assert found.keys() == {f"loss_{loss}"}
    error = model.generator(small) - large
    assert torch.allclose(found[f"loss_{loss}"], (error.abs() if loss == "mae" else error**2).mean())


def test_training_sees_what_lies_outside_0_to_1_and_upscaling_clamps():
    model = make("super_resolution", loss="mae")
    model.generator.output.bias.data.fill_(5.0)
    small, large = Pairs("super_resolution").batch()
    loss = model.losses((small, large))["loss_mae"]
    assert loss > 2
    loss.backward()
    assert model.generator.output.bias.grad.any()
    assert (model.upscale(small) <= 1).all()


@pytest.mark.parametrize("system", ["super_resolution", "srgan"])
def test_pictures_of_any_size(system):
    model = make(system)
    for height, width in ((1, 1), (5, 7), (23, 4)):
        assert model.upscale(torch.rand(2, 3, height, width)).shape == (2, 3, 4 * height, 4 * width)


def test_other_scales():
    for scale in (2, 8):
        assert make("super_resolution", scale=scale).upscale(torch.rand(1, 3, 5, 6)).shape[2:] == (
            5 * scale,
            6 * scale,
        )
    for scale in (1, 3, 0):
        with pytest.raises(ValueError, match=f"scale must be a power of two, 2 or more, got {scale}"):
            SRResNet(scale=scale)


def test_residual_branches_begin_as_he_et_al_and_the_discriminator_as_pytorch():
    torch.manual_seed(0)
    model = SRGAN.tiny(channels=64, widths=(16, 32, 64, 64))
    for name, layer in model.generator.blocks.named_modules():
        if isinstance(layer, nn.Conv2d):
            fan_in = layer.weight[0].numel()
            assert float(layer.weight.detach().std()) == pytest.approx(math.sqrt(2 / fan_in), rel=0.1), name
        elif isinstance(layer, nn.PReLU):
            assert layer.weight.tolist() == [0.25]
    last = model.discriminator.features[-3]
    assert float(last.weight.detach().abs().max()) == pytest.approx(last.weight[0].numel() ** -0.5, rel=0.01)


@pytest.mark.parametrize("scale", [2, 4])
def test_an_untrained_generator_interpolates(scale):
    torch.manual_seed(0)
    smooth = nn.functional.avg_pool2d(torch.rand(2, 3, 40, 40), 5, stride=1)
    found = make("super_resolution", scale=scale).upscale(smooth)
    expected = nn.functional.interpolate(smooth, scale_factor=scale, mode="bilinear")
    inside = (..., slice(8, -8), slice(8, -8))
    assert float((found - expected)[inside].abs().max()) < 0.05
    assert float((found - smooth.mean())[inside].abs().max()) > 0.1, "which is no constant"


def test_the_first_convolution_alone_has_a_bias_and_no_norm():
    kinds = [type(layer).__name__ for layer in SRGAN.tiny().discriminator.features]
    assert kinds[:5] == ["Conv2d", "LeakyReLU", "Conv2d", "BatchNorm2d", "LeakyReLU"]
    biases = [m.bias is not None for m in SRGAN.tiny().discriminator.features if isinstance(m, nn.Conv2d)]
    assert biases == [True] + [False] * 7


def test_srgan_losses_by_hand():
    model = make("srgan").train()
    small, large = Pairs("srgan").batch()
    fake = model.generator(small)
    real_logits, fake_logits = model.discriminator(large), model.discriminator(fake)
    found = model.losses((small, large), "generator")
    assert found.keys() == {"loss_content", "loss_adversarial"}
    assert torch.allclose(found["loss_content"], (fake - large).square().mean())
    assert torch.allclose(found["loss_adversarial"], -1e-3 * F.logsigmoid(fake_logits).mean())
    found = model.losses((small, large), "discriminator")
    assert found.keys() == {"loss_real", "loss_fake"}
    assert torch.allclose(found["loss_real"], -F.logsigmoid(real_logits).mean())
    assert torch.allclose(found["loss_fake"], F.softplus(fake_logits).mean())


def test_without_the_adversarial_loss_it_is_the_regression():
    model = make("srgan", adversarial=0)
    assert list(model.players()) == ["generator"]
    batch = Pairs("srgan").batch()
    regression = make("super_resolution")
    regression.generator.load_state_dict(model.generator.state_dict())
    found = model.losses(batch, "generator")
    assert found.keys() == {"loss_content"}
    assert torch.equal(found["loss_content"], regression.losses(batch)["loss_mse"])


@pytest.fixture(scope="module")
def vgg():
    """torchvision's VGG19 without its classifier, untrained: 20 million weights."""
    from torchvision.models.vgg import cfgs, make_layers

    torch.manual_seed(0)
    layers = make_layers(cfgs["E"]).eval()
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.bias, 0, 0.1)
    return layers


def test_vgg_features_are_torchvisions(vgg):
    state = {f"features.{k}": v for k, v in vgg.state_dict().items()} | {"classifier.0.bias": torch.zeros(3)}
    features, pictures = VGGFeatures(state), torch.rand(2, 3, 32, 48)
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        expected = vgg[:36]((pictures - mean) / std)
        found = features(pictures)
    assert found.shape == (2, 512, 2, 3)
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    assert list(features.parameters()) == []
    assert features.state_dict() == {}


def test_the_content_may_be_compared_by_vgg(vgg):
    state = {f"features.{k}": v for k, v in vgg.state_dict().items()}
    model, plain = make("srgan", vgg=state), make("srgan")
    small, large = Pairs("srgan").batch(2)
    found = model.losses((small, large), "generator")
    fake = plain.generator(small)
    expected = 0.006 * (model.features(fake) - model.features(large)).square().mean()
    assert torch.allclose(found["loss_content"], expected)
    found["loss_content"].backward()
    assert all(p.grad is not None for p in model.generator.parameters())
    assert model.state_dict().keys() == plain.state_dict().keys()
    with torch.device("meta"):  # the weights stay the user's, also where from_official lays out the model
        kept = SRGAN.tiny(vgg=state).features
    assert torch.equal(kept.weight34, state["features.34.weight"])


def test_mistakes_are_answered(vgg):
    state = {f"features.{k}": v for k, v in vgg.state_dict().items()}
    with pytest.raises(ValueError, match=r"vgg.*features\.34\.weight must have shape .*got nothing"):
        SRGAN.tiny(vgg={k: v for k, v in state.items() if "34" not in k})
    with pytest.raises(ValueError, match=r"vgg.*features\.0\.bias must have shape \(64,\), got \(3,\)"):
        SRGAN.tiny(vgg=state | {"features.0.bias": torch.zeros(3)})
    with pytest.raises(ValueError, match="loss must be one of mae, mse, got 'l1'"):
        SuperResolution.tiny(loss="l1")
    with pytest.raises(ValueError, match="size must be a multiple of 16, got 40"):
        SRGAN.tiny(size=40)
    small, large = Pairs("srgan").batch()
    for model in (make("srgan"), make("super_resolution")):
        with pytest.raises(ValueError, match=r"large must have shape \(3, 3, 32, 32\).*\(3, 3, 32, 24\)"):
            model.losses((small, large[..., :24]), "generator")
    with pytest.raises(ValueError, match=r"large must be 32 x 32 pixels, got \(24, 32\)"):
        make("srgan").losses((small[:, :, :6], large[:, :, :24]), "generator")
