"""Pix2Pix: the U-Net's parts, losses by hand, what the discriminator sees, initial values, sizes."""

import pytest
import torch
import torch.nn.functional as F
from cgan_toys import Pairs, make
from torch import nn

from lecturekit.cgan.pix2pix import Pix2Pix, UNet


@pytest.fixture
def batch():
    return Pairs("pix2pix").batch()


def both(condition, picture):
    """What the discriminator sees of a pair in 0..1."""
    return torch.cat((2 * condition - 1, 2 * picture - 1), dim=1)


def test_losses_by_hand(batch):
    model = make("pix2pix", dropout=0.0).train()
    condition, real = batch
    fake = (model.generator(2 * condition - 1) + 1) / 2
    real_logits = model.discriminator(both(condition, real))
    fake_logits = model.discriminator(both(condition, fake))
    found = model.losses(batch, "discriminator")
    assert found.keys() == {"loss_real", "loss_fake"}
    assert torch.allclose(found["loss_real"], 0.5 * F.softplus(-real_logits).mean(), atol=1e-6)
    assert torch.allclose(found["loss_fake"], 0.5 * F.softplus(fake_logits).mean(), atol=1e-6)
    found = model.losses(batch, "generator")
    assert found.keys() == {"loss_adversarial", "loss_l1"}
    assert torch.allclose(found["loss_adversarial"], F.softplus(-fake_logits).mean(), atol=1e-6)
    assert torch.allclose(found["loss_l1"], 100 * 2 * (fake - real).abs().mean(), rtol=1e-5)


def test_each_loss_may_be_left_out(batch):
    alone = make("pix2pix", adversarial=0)
    assert list(alone.players()) == ["generator"]
    assert alone.losses(batch, "generator").keys() == {"loss_l1"}
    alone = make("pix2pix", l1=0)
    assert list(alone.players()) == ["discriminator", "generator"]
    assert alone.losses(batch, "generator").keys() == {"loss_adversarial"}
    with pytest.raises(ValueError, match="l1 and adversarial can't both be 0"):
        make("pix2pix", l1=0, adversarial=0)
    assert make("pix2pix", gan="wgan").losses(batch, "discriminator")["loss_penalty"] > 0


def test_the_unet_halves_and_doubles_and_skips():
    torch.manual_seed(0)
    widths = (4, 6, 8, 8, 8)
    net, seen = UNet(2, 3, widths, 0.5).eval(), []
    for part in (*net.down, *net.up):
        part.register_forward_hook(lambda _, inputs, out: seen.append((inputs[0], out)))
    out = net(torch.rand(1, 2, 64, 96))
    assert out.shape == (1, 3, 64, 96)
    downs, ups = seen[:5], seen[5:]
    assert [tuple(o.shape[1:]) for _, o in downs] == [
        (width, 64 >> i, 96 >> i) for i, width in enumerate(widths, start=1)
    ]
    assert torch.equal(ups[0][0], downs[4][1])
    for i, (taken, _) in enumerate(ups[1:], start=1):
        assert torch.equal(taken, torch.cat((downs[4 - i][1], ups[i - 1][1]), dim=1))


def test_dropout_and_norms_stand_as_in_the_public_network():
    with torch.device("meta"):
        net = Pix2Pix.paper().generator
    has = lambda part, kind: any(isinstance(layer, kind) for layer in part)  # noqa: E731
    assert [has(part, nn.Dropout) for part in net.up] == [False] * 4 + [True] * 3 + [False]
    assert [has(part, nn.BatchNorm2d) for part in net.down] == [False] + [True] * 6 + [False]
    assert [has(part, nn.BatchNorm2d) for part in net.up] == [False] + [True] * 7
    assert {layer.p for part in net.up for layer in part if isinstance(layer, nn.Dropout)} == {0.5}
    slopes = {layer.negative_slope for layer in net.modules() if isinstance(layer, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_dropout_is_noise_in_training_and_none_in_translation(batch):
    model = make("pix2pix").train()
    a, b = (model.losses(batch, "generator")["loss_l1"] for _ in range(2))
    assert a != b
    assert torch.equal(model.translate(batch[0]), model.translate(batch[0]))


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_initial_values_are_the_authors(part):
    torch.manual_seed(0)
    layers = list(getattr(Pix2Pix.tiny(), part).modules())
    for kind, mean in ((nn.Conv2d, 0), (nn.ConvTranspose2d, 0), (nn.BatchNorm2d, 1)):
        own = [layer for layer in layers if isinstance(layer, kind)]
        if not own:
            continue
        weights = torch.cat([layer.weight.detach().flatten() for layer in own])
        assert float(weights.mean()) == pytest.approx(mean, abs=0.005)
        assert float(weights.std()) == pytest.approx(0.02, rel=0.15)
        assert all(not layer.bias.any() for layer in own if layer.bias is not None)


def test_numbers_of_channels_are_the_users(batch):
    model = make("pix2pix", inputs=1, outputs=2)
    condition, answer = batch[0][:, :1], batch[1][:, :2]
    for player in model.players():
        model.losses((condition, answer), player)
    assert model.translate(condition).shape == answer.shape
    with pytest.raises(ValueError, match=r"conditions must have shape \[B, 1, H, W\], got \(3, 3, 32, 32\)"):
        model.losses(batch, "generator")


def test_the_judge_maps_patches(batch):
    model = make("pix2pix").train()
    found = model.judge(*batch)
    assert found.shape == (3, 1, 6, 6)
    assert torch.equal(found, model.eval().discriminator(both(*batch)).sigmoid())
    assert not found.requires_grad


def test_sizes_that_do_not_fit_are_answered(batch):
    model = make("pix2pix")
    with pytest.raises(ValueError, match=r"images: height and width must be multiples of 32 .* 32 x 24"):
        model.translate(torch.rand(1, 3, 32, 24))
    with pytest.raises(ValueError, match=r"images\[1\]: height and width must be multiples of 32"):
        model.translate([torch.rand(3, 32, 32), torch.rand(3, 31, 32)])
    with pytest.raises(ValueError, match=r"answers must be .*\(3, 3, 32, 32\), got \(2, 3, 32, 32\)"):
        model.losses((batch[0], batch[1][:2]), "generator")
    with pytest.raises(ValueError, match=r"answers must be .*\(3, 3, 32, 32\), got \(3, 3, 64, 32\)"):
        model.losses((batch[0], torch.rand(3, 3, 64, 32)), "generator")
    shallow = make("pix2pix", widths=(4, 4))
    assert shallow.translate(torch.rand(1, 3, 8, 8)).shape == (1, 3, 8, 8)
    with pytest.raises(ValueError, match=r"conditions: .*multiples of 4 of at least 12 pixels, got 8 x 8"):
        shallow.losses((torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)), "generator")
