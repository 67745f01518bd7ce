"""CycleGAN: losses by hand in both directions, the pools, weights of 0, initial values, sizes."""

import pytest
import torch
from cgan_toys import Pairs, make
from torch import nn

from lecturekit.cgan.cyclegan import CycleGAN
from lecturekit.training import read_weights, train


@pytest.fixture
def batch():
    return Pairs("cyclegan").batch()


@pytest.fixture
def model():
    return make("cyclegan").train()


def test_generators_losses_by_hand(model, batch):
    day, night = (2 * pictures - 1 for pictures in batch)
    to_day, to_night = model.generators["day"], model.generators["night"]
    real_day, real_night = model.discriminators["day"], model.discriminators["night"]
    expected = {
        "loss_adversarial_night": (real_night(to_night(day)) - 1).square().mean(),
        "loss_adversarial_day": (real_day(to_day(night)) - 1).square().mean(),
        "loss_cycle_day": 10 * (to_day(to_night(day)) - day).abs().mean(),
        "loss_cycle_night": 10 * (to_night(to_day(night)) - night).abs().mean(),
        "loss_identity_night": 5 * (to_night(night) - night).abs().mean(),
        "loss_identity_day": 5 * (to_day(day) - day).abs().mean(),
    }
    found = model.losses(batch, "generators")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-5), name


def test_discriminators_losses_by_hand(model, batch):
    day, night = (2 * pictures - 1 for pictures in batch)
    real_day, real_night = model.discriminators["day"], model.discriminators["night"]
    fake_night, fake_day = model.generators["night"](day), model.generators["day"](night)
    expected = {
        "loss_real_night": 0.5 * (real_night(night) - 1).square().mean(),
        "loss_fake_night": 0.5 * real_night(fake_night).square().mean(),
        "loss_real_day": 0.5 * (real_day(day) - 1).square().mean(),
        "loss_fake_day": 0.5 * real_day(fake_day).square().mean(),
    }
    found = model.losses(batch, "discriminators")  # of a pool that is empty, so the fakes are the new ones
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-5), name


def test_discriminators_see_old_fakes_too(model, batch):
    day, night = (2 * pictures - 1 for pictures in batch)
    model.losses(batch, "discriminators")
    stored = torch.stack(model.pools["night"].pictures)
    assert torch.allclose(stored, model.generators["night"](day).detach(), atol=1e-6)
    assert torch.allclose(
        torch.stack(model.pools["day"].pictures), model.generators["day"](night).detach(), atol=1e-6
    )
    for pool in model.pools.values():
        pool.pictures = [torch.ones(3, 32, 32)] * 3
    torch.manual_seed(0)
    losses = [float(model.losses(batch, "discriminators")["loss_fake_night"].detach()) for _ in range(3)]
    new = float(0.5 * model.discriminators["night"](model.generators["night"](day)).square().mean().detach())
    assert any(loss != pytest.approx(new, rel=1e-4) for loss in losses)


def test_only_the_discriminators_turn_fills_the_pools(model, batch):
    model.losses(batch, "generators")
    model.translate(batch[0])
    assert all(pool.pictures == [] for pool in model.pools.values())


def test_a_checkpoint_has_the_pools_and_weights_have_not(tmp_path):
    model, file = make("cyclegan"), tmp_path / "x.pt"
    train(model, Pairs("cyclegan"), steps=2, batch_size=2, checkpoint=file, progress=False)
    assert all(len(pool.pictures) == 3 for pool in model.pools.values())
    weights = model.state_dict()  # of the trained model, in eval mode
    assert all(torch.is_tensor(value) for value in weights.values())
    assert weights.keys() == make("cyclegan", seed=1).state_dict().keys()
    found = read_weights(file)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[key], value) for key, value in weights.items())
    saved = torch.load(file, weights_only=True)["model"]
    for domain, pool in model.pools.items():
        pictures = saved[f"pools.{domain}._extra_state"]["pictures"]
        assert all(torch.equal(a, b) for a, b in zip(pictures, pool.pictures, strict=True))


def test_weights_of_0_leave_losses_out(batch):
    names = set(make("cyclegan", cycle=0).losses(batch, "generators"))
    assert names == {"loss_adversarial_day", "loss_adversarial_night"}
    names = set(make("cyclegan", identity=0).losses(batch, "generators"))
    assert names == {f"loss_{kind}_{of}" for kind in ("adversarial", "cycle") for of in ("day", "night")}


def test_directions(model, batch):
    to_night = model.translate(batch[0], to="night")
    assert torch.equal(model.translate(batch[0]), to_night)
    model.eval()
    expected = (model.generators["night"](2 * batch[0] - 1) + 1) / 2
    assert torch.allclose(to_night, expected, atol=1e-6)
    assert not torch.allclose(model.translate(batch[0], to="day"), to_night, atol=1e-3)
    with pytest.raises(ValueError, match="to must be one of day, night, got 'dusk'"):
        model.translate(batch[0], to="dusk")


def test_other_domains(batch):
    model = make("cyclegan", domains=("horse", "zebra"))
    assert "loss_cycle_zebra" in model.losses(batch, "generators")
    assert model.translate(batch[0], to="horse").shape == batch[0].shape
    with pytest.raises(ValueError, match="domains must be two different names"):
        CycleGAN.tiny(domains=("day", "day"))


def test_parameters_of_the_paper():
    with torch.device("meta"):
        model = CycleGAN.paper()
    assert sum(p.numel() for p in model.parameters()) == 2 * (11_378_179 + 2_764_737)
    assert {pool.size for pool in model.pools.values()} == {50}
    assert not [m for m in model.modules() if isinstance(m, (nn.BatchNorm2d, nn.Dropout))]


@pytest.mark.parametrize("part", ["generators", "discriminators"])
def test_initial_values_are_the_authors(part):
    torch.manual_seed(0)
    for layer in getattr(CycleGAN.tiny(), part).modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            weight = layer.weight.detach()
            assert float(weight.std()) == pytest.approx(0.02, rel=0.15)
            assert float(weight.mean()) == pytest.approx(0, abs=0.004)
            assert not layer.bias.any()


def test_borders_are_reflected(model):
    """A picture of one colour stays of one colour up to its borders, but for the enlarging layers' zeros."""
    flat = model.generators["night"].encoder[:2](torch.full((1, 3, 16, 16), 0.5))
    assert torch.allclose(flat, flat[..., :1, :1].expand_as(flat), atol=1e-6)
    pads = [type(m).__name__ for m in model.generators["night"].modules() if "Pad" in type(m).__name__]
    assert pads == ["ReflectionPad2d"] * 6


def test_sizes_that_do_not_fit_are_answered(model, batch):
    assert model.translate(torch.rand(1, 3, 8, 12)).shape == (1, 3, 8, 12)
    with pytest.raises(ValueError, match=r"images: .*multiples of 4 of at least 8 pixels, got 30 x 32"):
        model.translate(torch.rand(1, 3, 30, 32))
    with pytest.raises(ValueError, match=r"images: .*at least 8 pixels, got 4 x 4"):
        model.translate(torch.rand(1, 3, 4, 4))
    with pytest.raises(
        ValueError, match=r"night pictures: .*multiples of 4 of at least 12 pixels, got 8 x 8"
    ):
        model.losses((batch[0], torch.rand(1, 3, 8, 8)), "generators")
    assert model.losses((batch[0], torch.rand(1, 3, 16, 12)), "discriminators")  # unpaired: any sizes
