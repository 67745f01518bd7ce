"""The conditional GAN: the paper's layers, its losses by hand, samples, and what a condition changes."""

import pytest
import torch
import torch.nn.functional as F
from cgan_toys import Pairs, make
from torch import nn

from lecturekit.cgan.conditional_gan import ConditionalGAN, Maxout


@pytest.fixture
def model():
    return make("conditional_gan", dropout=(0.0, 0.0))


def test_paper_has_the_papers_layers():
    """Section 4.1: noise 100 -> 200, labels -> 1000, both -> 1200 -> 784; maxout 240x5, 50x5, 240x4."""
    with torch.device("meta"):
        model = ConditionalGAN.paper()
    generator = 100 * 200 + 200 + 10 * 1000 + 1000 + 1200 * 1200 + 1200 + 1200 * 784 + 784
    discriminator = 784 * 1200 + 1200 + 10 * 250 + 250 + 290 * 960 + 960 + 240 + 1
    counts = [sum(p.numel() for p in part.parameters()) for part in (model.generator, model.discriminator)]
    assert counts == [generator, discriminator] == [2_413_984, 1_224_351]
    drops = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert drops == [0.5] * 6


def test_from_official_takes_its_own_paper_size():
    torch.manual_seed(0)
    state = ConditionalGAN.paper().state_dict()
    model = ConditionalGAN.from_official(state)
    assert not model.training
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_maxout_is_the_largest_piece():
    torch.manual_seed(0)
    layer, x = Maxout(4, 3, 5), torch.randn(2, 4)
    for unit in range(3):
        rows = slice(unit * 5, unit * 5 + 5)
        pieces = x @ layer.linear.weight[rows].T + layer.linear.bias[rows]
        assert torch.allclose(layer(x)[:, unit], pieces.max(dim=1).values)


def test_losses_by_hand(model):
    images, labels = Pairs("conditional_gan").batch()
    hot = torch.eye(10)[labels]
    torch.manual_seed(3)
    fake = model.generator(torch.rand(3, 32), hot)
    real_logits, fake_logits = model.discriminator(images, hot), model.discriminator(fake, hot)
    torch.manual_seed(3)
    found = model.losses((images, labels), "discriminator")
    assert found.keys() == {"loss_real", "loss_fake"}
    assert torch.allclose(found["loss_real"], -F.logsigmoid(real_logits).mean())
    assert torch.allclose(found["loss_fake"], -(1 - fake_logits.sigmoid()).log().mean(), atol=1e-5)
    torch.manual_seed(3)
    found = model.losses((images, labels), "generator")
    assert found.keys() == {"loss_adversarial"}
    assert torch.allclose(found["loss_adversarial"], -F.logsigmoid(fake_logits).mean())


def test_the_discriminator_judges_pairs(model):
    """The same picture under another label is another pair."""
    images, labels = Pairs("conditional_gan").batch()
    a, b = (model.losses((images, own), "discriminator")["loss_real"] for own in (labels, labels + 1))
    assert a != b


def test_samples_follow_labels_and_seed(model):
    labels = [0, 1, 2, 9, 9]
    pictures = model.sample(labels, seed=4)
    assert pictures.shape == (5, 1, 8, 8)
    assert torch.equal(pictures, model.sample(torch.tensor(labels), seed=4))
    assert torch.allclose(pictures[:2], model.sample(labels[:2], seed=4), atol=1e-6)
    assert not torch.equal(pictures, model.sample(labels, seed=5))
    assert not torch.equal(pictures[3], pictures[4])  # the same label, other noise
    noise = model.noise(1, seed=4).expand(2, -1)
    apart = model.generate(noise, [3, 4])
    assert not torch.equal(apart[0], apart[1])  # the same noise, other labels
    assert torch.equal(model.generate(model.noise(5, seed=4), labels), pictures)
    assert model.sample([]).shape == (0, 1, 8, 8)


def test_sampling_leaves_the_global_generator_alone(model):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    model.sample([1, 2], seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_noise_fills_the_unit_cube():
    noise = make("conditional_gan").noise(1000, seed=0)
    assert noise.shape == (1000, 32)
    assert 0 <= noise.min() < 0.01 < 0.99 < noise.max() < 1
    assert noise.mean() == pytest.approx(0.5, abs=0.01)
    assert noise.std() == pytest.approx(12**-0.5, abs=0.01)


def test_without_condition_it_is_a_plain_gan():
    model = make("conditional_gan", conditional=False)
    assert not [name for name, _ in model.named_parameters() if "label" in name]
    assert torch.equal(model.sample([0, 1, 2], seed=3), model.sample([7, 7, 7], seed=3))
    images, labels = Pairs("conditional_gan").batch()
    for player in model.players():
        losses = []
        for own in (labels, labels + 5):
            torch.manual_seed(0)
            losses.append(model.losses((images, own), player))
        assert losses[0] == losses[1]


@pytest.mark.parametrize("gan", ["lsgan", "wgan"])
def test_other_games(gan):
    model, batch = make("conditional_gan", gan=gan), Pairs("conditional_gan").batch()
    names = {"loss_real", "loss_fake"} | ({"loss_penalty"} if gan == "wgan" else set())
    found = model.losses(batch, "discriminator")
    assert found.keys() == names
    sum(found.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.discriminator.parameters())


LABELS = {
    "too large": [1, 10],
    "negative": [-1],
    "not whole": [1.0, 2.0],
    "truth values": [True],
    "one number": 3,
    "a table": [[1, 2]],
}
NO_NUMBERS = ("three", ["3"], None, [[1], [2, 3]])


@pytest.mark.parametrize("mistake", LABELS)
def test_wrong_labels_are_answered(model, mistake):
    with pytest.raises(ValueError, match=r"labels must be a row of integers 0\.\.9, got"):
        model.sample(LABELS[mistake])
    with pytest.raises(ValueError, match="labels"):
        model.losses((torch.rand(2, 1, 8, 8), torch.as_tensor(LABELS[mistake])), "generator")


@pytest.mark.parametrize("labels", NO_NUMBERS)
def test_labels_that_are_no_numbers_are_answered(model, labels):
    with pytest.raises(ValueError, match=r"labels must be a row of integers 0\.\.9, got"):
        model.sample(labels)


def test_what_does_not_fit_together_is_answered(model):
    with pytest.raises(ValueError, match=r"labels must be one for each image, got 1 for 2"):
        model.losses((torch.rand(2, 1, 8, 8), torch.tensor([1])), "generator")
    with pytest.raises(ValueError, match=r"images must be 8 x 8 pixels, got \(28, 28\)"):
        model.losses((torch.rand(2, 1, 28, 28), torch.tensor([1, 2])), "generator")
    with pytest.raises(ValueError, match=r"noise must have shape \(1, 32\), got \(1, 100\)"):
        model.generate(torch.rand(1, 100), [3])
    with pytest.raises(ValueError, match="gan must be one of"):
        ConditionalGAN.tiny(gan="hinge")
