"""The watchdog warns by name of games that go wrong, each provoked here, and of no others."""

import dataclasses
import math
import warnings

import pytest
import torch
from torch import nn

from lecturekit import recipes
from lecturekit.cgan.conditional_gan import ConditionalGAN
from lecturekit.data import Digits
from lecturekit.layers.gan import variety
from lecturekit.training import History, NonFiniteLoss, TrainingWarning, train, watchdog
from lecturekit.training.watchdog import EVERY, FIRST, LOOKS, Watchdog, winning

SMALL = {"noise": 8, "generator_widths": (16, 16, 32), "discriminator_layers": ((32, 2), (8, 2), (32, 2))}


def gan(kind="bce", **changes):
    torch.manual_seed(0)
    return ConditionalGAN.tiny(gan=kind, dropout=(0.0, 0.0), **SMALL | changes)


def warned(model, lr, steps):
    """The warnings of a training, in a few words each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(model, Digits("train"), steps=steps, batch_size=16, lr=lr)
    assert all(one.category is TrainingWarning for one in caught)
    return [str(one.message) for one in caught]


def test_a_discriminator_that_wins_is_named_once_and_in_the_bar(capsys):
    """The generator stands still; the discriminator learns undisturbed."""
    (text,) = warned(gan(), {"discriminator": 1e-2, "generator": 0.0}, steps=350)
    assert "THE DISCRIMINATOR WINS" in capsys.readouterr().err
    assert text.startswith("step ")
    assert "the discriminator wins: over 200 steps its losses were 0." in text
    assert int(text.split()[1].rstrip(":")) % EVERY == 0


def test_a_mode_collapse_is_named_once(monkeypatch):
    """Noise that reaches nothing: one picture of each class, whatever the seed."""
    monkeypatch.setattr(watchdog, "GROWN", 250)
    model = gan()
    for layer in model.generator.noise:
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
    lr = {"discriminator": 1e-4, "generator": 0.0}
    assert warned(model, lr, steps=200) == []
    (text,) = warned(model, lr, steps=300)
    assert text.startswith(
        "step 250: mode collapse: over 200 steps the generator's pictures differed by 0.0%"
    )


def test_a_generator_that_was_varied_and_is_no_more_has_collapsed():
    varieties = iter([0.1, 0.1, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.1])
    seen = following(Model(varieties), steps=500)
    assert [step for step, news in seen if news] == [350, 400]


def test_what_is_alike_from_the_start_is_given_time():
    seen = following(Model(iter([0.0] * 30)), steps=1100)
    assert [step for step, news in seen if news] == [1000, 1050, 1100]
    assert following(Model(iter([None] * 30)), steps=1100)[-1] == (1100, "")


class Model(nn.Module):
    """Tells varieties out of a list."""

    def __init__(self, varieties):
        super().__init__()
        self.varieties = varieties

    def variety(self, batch):
        return next(self.varieties)


def following(model, steps):
    """(step, news for the bar) at each look."""
    dog, history, seen = Watchdog(model), History(), []
    for step in range(1, steps + 1):
        history.add(step, "discriminator", {"loss_real": 0.7, "loss_fake": 0.7}, 1e-3)
        history.add(step, "generator", {"loss_adversarial": 0.7}, 1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dog.see(history, None)
        if step % EVERY == 0:
            seen.append((step, dog.news))
    return seen


def rows(judged, believed, players=("discriminator", "generator"), penalty=None, steps=300):
    """A history in which losses go from 1 to `judged` and `believed` after the first ten steps."""
    history = History()
    for step in range(1, steps + 1):
        share = judged if step > FIRST else 1.0
        own = {"loss_real_night": 0.5 * share, "loss_fake_night": 0.5 * share}
        own |= {} if penalty is None else {"loss_penalty_night": penalty}
        history.add(step, players[0], own, 1e-3)
        late = believed if step > FIRST else 1.0
        history.add(step, players[1], {"loss_adversarial_night": late, "loss_cycle_day": 9.0}, 1e-3)
    return history


def test_who_wins_by_hand():
    assert "its losses were 2.0% of those at the start" in winning(rows(0.02, 5.0))
    assert "the generator's adversarial loss is 5.0 times its first one" in winning(rows(0.02, 5.0))
    assert winning(rows(0.02, 5.0, players=("discriminators", "generators")))
    assert winning(rows(0.06, 5.0)) == ""
    assert winning(rows(0.02, 0.4)) == ""
    assert winning(rows(0.02, 5.0, steps=FIRST + LOOKS * EVERY - 1)) == ""
    assert winning(rows(0.02, 5.0, penalty=0.1)) == "", "a critic's loss has no floor"
    assert winning(rows(-0.5, 5.0)) == ""


def test_a_game_of_one_is_left_alone():
    history = History()
    for step in range(1, 301):
        history.add(step, "model", {"loss_mse": 1 / step}, 1e-3)
    assert winning(history) == ""


def test_looking_changes_nothing(monkeypatch):
    """With and without watchdog the weights are the same, bit for bit."""
    results = []
    for watched in (True, False):
        if not watched:
            monkeypatch.setattr(Watchdog, "see", lambda self, history, batch: None)
        torch.manual_seed(1)
        model = ConditionalGAN.tiny(dropout=(0.5, 0.5), **SMALL)
        train(model, Digits("train"), steps=50, batch_size=4, progress=False)
        results.append(model.state_dict())
    assert all(torch.equal(results[0][k], results[1][k]) for k in results[0])


def test_variety_by_hand():
    real = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    fake = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 5.0]])
    distances = 5 + 1 + math.sqrt(18)
    assert variety(fake, real) == pytest.approx((1 + 5 + 4) / distances)
    assert variety(fake, real, torch.tensor([7, 7, 1])) == pytest.approx(1 / 5)
    assert variety(fake, real, torch.tensor([1, 2, 3])) is None
    assert variety(fake, real[:1].expand(3, -1)) is None
    assert variety(real[:1].expand(3, -1), real) == 0
    assert variety(real, real) == pytest.approx(1)


@pytest.mark.parametrize("name", ["conditional_gan", "pix2pix", "cyclegan"])
def test_systems_tell_their_variety(name):
    """And stay as they are, the random numbers, too; true pictures are as varied as they are."""
    torch.manual_seed(0)
    recipe = recipes.get(name)
    model = recipe.model().train()
    scale = {} if name == "conditional_gan" else {"size": 64}
    if name == "cyclegan":
        scale["crop"] = 0
    data = dataclasses.replace(recipe.train, **scale)
    batch = torch.utils.data.default_collate([data[i] for i in range(30 if not scale else 3)])
    state = torch.get_rng_state()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    assert 0 <= model.variety(batch) < 0.9
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(module.training for module in model.modules())
    if name == "pix2pix":
        model.translate = lambda conditions: batch[1]
    elif name == "cyclegan":
        model.translate = lambda pictures, to: batch[to == "night"]
    else:
        model.sample = lambda labels: batch[0]
    assert model.variety(batch) == pytest.approx(1)


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_a_loss_that_is_no_number_is_told_with_its_player(player):
    model = gan()
    with torch.no_grad():
        (model.discriminator if player == "discriminator" else model.generator).output.bias.fill_(math.nan)
    held = {"discriminator": 0.0, "generator": 0.0}
    with pytest.raises(NonFiniteLoss, match=r"step 1: loss_\w+ of player 'discriminator' is nan") as caught:
        train(model, Digits("train"), steps=3, batch_size=8, lr=held, progress=False)
    assert caught.value.name == ("loss_real" if player == "discriminator" else "loss_fake")


@pytest.mark.slow
def test_a_healthy_training_is_left_in_peace():
    recipe = recipes.get("conditional_gan")
    torch.manual_seed(0)
    settings = {name: getattr(recipe, name) for name in ("weight_decay", "schedule", "optimiser", "average")}
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        train(
            recipe.model(), recipe.train, steps=1300, batch_size=64, lr=recipe.lr, progress=False, **settings
        )
