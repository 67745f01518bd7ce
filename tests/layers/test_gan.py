"""What adversarial networks share, against formulas, finite differences and the receptive field itself."""

import math

import pytest
import torch
from torch import nn

from lecturekit.layers.gan import (
    ImagePool,
    PatchGAN,
    discriminator_losses,
    gan_loss,
    gradient_penalty,
    normal_weights,
    still,
)
from lecturekit.layers.generators import evaluating, signed, unsigned


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_gan_losses_by_hand():
    """Logits 0 and ln 3 are the probabilities 1/2 and 3/4 of being real."""
    logits = torch.tensor([[0.0], [math.log(3)]])
    assert float(gan_loss(logits, True)) == pytest.approx(-(math.log(1 / 2) + math.log(3 / 4)) / 2)
    assert float(gan_loss(logits, False)) == pytest.approx(-(math.log(1 / 2) + math.log(1 / 4)) / 2)
    scores = torch.tensor([0.5, 3.0])
    assert float(gan_loss(scores, True, "lsgan")) == (0.25 + 4) / 2
    assert float(gan_loss(scores, False, "lsgan")) == (0.25 + 9) / 2
    assert float(gan_loss(scores, True, "wgan")) == -1.75
    assert float(gan_loss(scores, False, "wgan")) == 1.75
    with pytest.raises(ValueError, match="gan must be one of bce, lsgan, wgan, got 'hinge'"):
        gan_loss(scores, True, "hinge")


def test_the_generator_does_not_saturate():
    """Where the discriminator is sure of a fake, the generator still has a gradient of nearly 1."""
    logit = torch.tensor([-9.0], requires_grad=True)
    gan_loss(logit, True).backward()
    assert float(logit.grad) == pytest.approx(-1, abs=1e-3)


def test_gradient_penalty_pulls_the_slope_to_one():
    critic = nn.Linear(2, 1, bias=False)
    critic.weight.data = torch.tensor([[3.0, 4.0]])
    penalty = gradient_penalty(critic, torch.rand(4, 2))
    assert float(penalty.detach()) == pytest.approx(10 * (5 - 1) ** 2)
    penalty.backward()
    assert critic.weight.grad.tolist() == [pytest.approx([10 * 2 * 4 * 3 / 5, 10 * 2 * 4 * 4 / 5])]
    flat = nn.Linear(2, 1, bias=False)
    flat.weight.data.zero_()
    gradient_penalty(flat, torch.rand(4, 2)).backward()
    assert flat.weight.grad.isfinite().all()


@pytest.mark.parametrize("kind", ["bce", "lsgan", "wgan"])
def test_discriminator_losses(kind):
    judge, real = nn.Linear(3, 1), torch.rand(5, 3)
    fake = torch.rand(5, 3, requires_grad=True)
    losses = discriminator_losses(judge, real, fake * 2, kind, weight=0.5)
    assert set(losses) == {"loss_real", "loss_fake"} | ({"loss_penalty"} if kind == "wgan" else set())
    assert torch.equal(losses["loss_real"], 0.5 * gan_loss(judge(real), True, kind))
    assert torch.equal(losses["loss_fake"], 0.5 * gan_loss(judge(fake * 2), False, kind))
    sum(losses.values()).backward()
    assert fake.grad is None
    assert judge.weight.grad.any()


def test_the_penalty_is_taken_between_real_and_fake():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return x.flatten(1).sum(dim=1)

    real, fake = torch.zeros(500, 1, 2, 2), torch.ones(500, 1, 2, 2)
    discriminator_losses(critic, real, fake, "wgan")
    between = seen[-1]
    assert torch.equal(between, between[:, :1, :1, :1].expand_as(between))  # one share for a whole picture
    assert between.min() < 0.02 < 0.98 < between.max()
    assert between.mean() == pytest.approx(0.5, abs=0.05)


def test_a_still_norm_normalises_and_forgets():
    net = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.InstanceNorm2d(3)).train()
    x, before = 3 + torch.randn(4, 2, 5, 5), {k: v.clone() for k, v in net.state_dict().items()}
    with still(net):
        quiet = net(x)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    loud = net(x)
    assert torch.equal(quiet, loud)
    assert not torch.equal(net[1].running_mean, before["1.running_mean"])
    with pytest.raises(KeyError), still(net):
        raise KeyError
    assert net[1].track_running_stats
    net.eval()
    with still(net):
        assert not torch.allclose(net[1](net[0](x)), loud)  # a norm in eval mode keeps using what it knows


def test_evaluating_puts_every_mode_back():
    net = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)), nn.Linear(2, 2)).train()
    net[1].eval()
    modes = [m.training for m in net.modules()]
    with evaluating(net):
        assert not any(m.training for m in net.modules())
        assert not net(torch.ones(1, 2)).requires_grad
    assert [m.training for m in net.modules()] == modes
    with pytest.raises(KeyError), evaluating(net):
        raise KeyError
    assert [m.training for m in net.modules()] == modes
    assert torch.is_grad_enabled()


def test_ranges():
    assert signed(torch.tensor([0.0, 0.25, 1.0])).tolist() == [-1, -0.5, 1]
    assert unsigned(torch.tensor([-1.0, -0.5, 1.0])).tolist() == [0, 0.25, 1]


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_patchgans_logit_sees_a_patch(layers, field):
    """By the gradient of the middle logit: which pixels it depends on."""
    judge = PatchGAN(2, width=2, layers=layers, norm="batch").eval()
    for p in judge.parameters():
        p.data.abs_().add_(0.1)
    x = torch.rand(1, 2, 160, 160, requires_grad=True)
    logits = judge(x)
    side = 160 // 2**layers - 2
    assert logits.shape == (1, 1, side, side)
    logits[0, 0, side // 2, side // 2].backward()
    rows = x.grad.abs().sum(dim=(0, 1, 3)).nonzero()[:, 0]
    assert int(rows[-1] - rows[0]) + 1 == field
    assert judge(torch.rand(1, 2, judge.smallest, judge.smallest)).shape == (1, 1, 1, 1)


def test_patchgans_biases_stand_where_no_norm_supplies_them():
    counts = {}
    for norm in ("batch", "instance"):
        convs = [m for m in PatchGAN(3, width=4, norm=norm).modules() if isinstance(m, nn.Conv2d)]
        counts[norm] = [conv.bias is not None for conv in convs]
    assert counts == {"batch": [True, False, False, False, True], "instance": [True] * 5}
    with pytest.raises(ValueError, match=r"norm must be one of .*instance"):
        PatchGAN(3, norm="layer")


def test_normal_weights():
    net = nn.Sequential(nn.Conv2d(16, 64, 4), nn.BatchNorm2d(4000), nn.ConvTranspose2d(16, 64, 4, bias=False))
    nn.init.constant_(net[1].bias, 5)
    normal_weights(net)
    for i, mean in ((0, 0), (1, 1), (2, 0)):
        weight = net[i].weight.detach()
        assert float(weight.mean()) == pytest.approx(mean, abs=2e-3)
        assert float(weight.std()) == pytest.approx(0.02, rel=0.05)
        kurtosis = ((weight - mean) / 0.02).pow(4).mean()
        assert float(kurtosis) == pytest.approx(3, rel=0.15)  # a normal distribution's; 1.8 if uniform
    assert not net[0].bias.any()
    assert not net[1].bias.any()


class TestImagePool:
    def test_fills_with_what_comes(self):
        pool, fakes = ImagePool(5), torch.rand(5, 1, 2, 2)
        assert torch.equal(pool(fakes), fakes)
        assert torch.equal(torch.stack(pool.pictures), fakes)

    def test_then_half_of_the_time_gives_an_old_one_and_keeps_the_new(self):
        torch.manual_seed(0)
        pool, old, count = ImagePool(10), torch.arange(10.0).reshape(10, 1, 1, 1), 2000
        pool(old)
        old_ones = 0
        for i in range(10, 10 + count):
            before = [float(p) for p in pool.pictures]
            given = float(pool(torch.full((1, 1, 1, 1), float(i))))
            after = [float(p) for p in pool.pictures]
            if given == i:
                assert after == before
            else:
                assert after == [i if p == given else p for p in before]
                old_ones += 1
        assert old_ones == pytest.approx(count / 2, rel=0.1)

    def test_keeps_no_graph_and_is_not_changed_from_outside(self):
        pool, fakes = ImagePool(2), torch.rand(2, 1, 2, 2, requires_grad=True)
        given = pool(fakes)
        assert not given.requires_grad
        kept = torch.stack(pool.pictures).clone()
        with torch.no_grad():
            given.zero_()
            fakes.zero_()
        assert torch.equal(torch.stack(pool.pictures), kept)

    def test_of_size_0_gives_every_fake_itself(self):
        pool, fakes = ImagePool(0), torch.rand(3, 1, 2, 2)
        assert torch.equal(pool(fakes), fakes)
        assert pool.pictures == []

    def test_is_extra_state_and_may_be_missing(self, tmp_path):
        net = nn.ModuleDict({"pool": ImagePool(4), "linear": nn.Linear(2, 2)})
        assert all(torch.is_tensor(v) for v in net.state_dict().values())  # of an empty pool: nothing
        net["pool"](torch.rand(3, 1, 2, 2))
        assert [k for k, v in net.state_dict().items() if not torch.is_tensor(v)] == ["pool._extra_state"]
        torch.save(net.state_dict(), tmp_path / "x.pt")
        other = nn.ModuleDict({"pool": ImagePool(4), "linear": nn.Linear(2, 2)})
        other.load_state_dict(torch.load(tmp_path / "x.pt", weights_only=True))
        assert torch.equal(torch.stack(other["pool"].pictures), torch.stack(net["pool"].pictures))
        other.load_state_dict({k: v for k, v in net.state_dict().items() if torch.is_tensor(v)})
        assert other["pool"].pictures == []
        assert all(torch.is_tensor(v) for v in net.eval().state_dict().values())
