"""The loop itself: what a step does, who moves, and what stops it."""

import functools
import itertools
import math
import random

import numpy as np
import pytest
import torch
from torch import nn
from training_toys import SETTINGS, Gan, Line, Net, Ring, make

from lecturekit.training import NonFiniteLoss, adamw, constant, cosine, linear, losses, players, train
from lecturekit.training.parts import Permutations, describe


class Recorder(torch.optim.SGD):
    """SGD that remembers the parameters after each of its steps."""

    def __init__(self, parameters, lr, weight_decay):
        super().__init__(parameters, lr=lr)
        self.seen = []

    def step(self, closure=None):
        super().step(closure)
        self.seen.append([p.detach().clone() for group in self.param_groups for p in group["params"]])


def recording(made):
    def maker(parameters, lr, weight_decay):
        made.append(Recorder(list(parameters), lr, weight_decay))
        return made[-1]

    return maker


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items() if torch.is_tensor(v)}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_learns_a_line():
    model, dataset = make("line")
    history = train(model.eval(), dataset, steps=300, **SETTINGS["line"])
    assert not model.training
    assert history.fell("loss_fit", to=0.5)
    assert model.body[1].num_batches_tracked == 300
    x = torch.randn(200, 3, generator=torch.Generator().manual_seed(5))
    y = (x @ torch.tensor([1.0, 2.0, -1.0]))[:, None]
    assert (model(x) - y).square().mean() < 0.2 * y.square().mean()


def test_the_same_seed_trains_the_same_and_another_differently():
    results = []
    for seed in (0, 0, 1):
        model, dataset = make("line")
        _ = random.random(), torch.rand(()), np.random.rand()  # noqa: NPY002
        history = train(model, dataset, steps=20, seed=seed, **SETTINGS["line"])
        results.append((weights(model), history.rows))
    assert same(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    assert results[0][1] != results[2][1]


def test_the_callers_generators_are_left_alone():
    def draw():
        return random.random(), torch.rand(()).item(), np.random.rand()  # noqa: NPY002

    def reset():
        random.seed(3)
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002

    reset()
    expected = [draw(), draw()]
    model = Net()
    reset()
    first = draw()
    train(model, Line(), steps=3, **SETTINGS["line"])
    assert [first, draw()] == expected


def test_plain_sgd_step_by_hand():
    """Loss (w x - y)^2: each step takes lr times the mean of 2 x (w x - y) over the batch from w."""
    data = [(torch.tensor([float(i)]), torch.tensor([3.0 * i])) for i in range(1, 6)]

    class Slope(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.tensor(0.5))

        def forward(self, x, y):
            return (self.w * x - y).square().mean()

    made, model = [], Slope()
    history = train(
        model,
        data,
        steps=4,
        batch_size=2,
        lr=0.01,
        schedule=constant,
        optimiser=recording(made),
        progress=False,
    )
    w, sampler = 0.5, Permutations(5, 2, seed=0)
    for step in range(4):
        xs = [float(data[i][0]) for i in sampler.batch(step)]
        assert history.rows[step]["loss"] == pytest.approx(
            sum((w * x - 3 * x) ** 2 for x in xs) / 2, rel=1e-5
        )
        w -= 0.01 * sum(2 * x * (w * x - 3 * x) for x in xs) / 2
        assert made[0].seen[step][0].item() == pytest.approx(w, rel=1e-5)
    assert model.w.item() == pytest.approx(w, rel=1e-5)


def test_the_average_is_the_moving_average_of_the_weights():
    made, (model, dataset) = [], make("line")
    train(model, dataset, steps=30, **SETTINGS["line"] | {"average": 0.8, "optimiser": recording(made)})
    seen = made[0].seen
    mean = seen[0]
    for n, now in enumerate(seen[1:], 1):
        decay = min(0.8, (1 + n) / (10 + n))
        mean = [decay * m + (1 - decay) * p for m, p in zip(mean, now, strict=True)]
    for ours, expected in zip(model.parameters(), mean, strict=True):
        torch.testing.assert_close(ours.detach(), expected, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(p, q) for p, q in zip(model.parameters(), seen[-1], strict=True))


def test_the_average_has_averaged_statistics_and_whole_counters():
    model, dataset = make("line")
    train(model, dataset, steps=30, **SETTINGS["line"])
    norm = model.body[1]
    assert norm.num_batches_tracked.dtype == torch.int64
    assert norm.num_batches_tracked == 30
    other, _ = make("line")
    train(other, dataset, steps=30, **SETTINGS["line"] | {"average": 0.0})
    assert not torch.equal(norm.running_mean, other.body[1].running_mean)
    torch.testing.assert_close(norm.running_mean, other.body[1].running_mean, rtol=0.5, atol=0.2)


def test_without_average_the_last_weights_stay():
    made, (model, dataset) = [], make("line")
    train(model, dataset, steps=5, **SETTINGS["line"] | {"average": 0.0, "optimiser": recording(made)})
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), made[0].seen[-1], strict=True))


@pytest.mark.parametrize("clip", [0.0, 0.1, 1e6])
def test_clipping_bounds_the_step(clip):
    made, (model, dataset) = [], make("line")
    before = [p.detach().clone() for p in model.parameters()]
    settings = SETTINGS["line"] | {"clip": clip, "lr": 1.0, "schedule": constant, "warmup": 0, "average": 0}
    train(model, dataset, steps=1, **settings, optimiser=recording(made))
    moved = math.sqrt(
        sum(float((p - q).square().sum()) for p, q in zip(before, made[0].seen[0], strict=True))
    )
    assert (moved == pytest.approx(0.1, rel=1e-3)) if clip == 0.1 else (moved > 0.5)


def test_schedules():
    assert [constant(s, 10, 3) for s in range(5)] == [0.25, 0.5, 0.75, 1, 1]
    assert cosine(3, 10, 3) == 1
    assert cosine(0, 10, 0) == 1
    assert cosine(5, 10, 0) == pytest.approx(0.5)
    assert cosine(9, 10, 0) == pytest.approx(0.5 * (1 + math.cos(0.9 * math.pi)))
    assert [round(linear(s, 10, 0), 6) for s in range(0, 10, 3)] == [1, 1, 0.8, 0.2]
    assert all(0 < f(s, 7, 2) <= 1 for f in (constant, cosine, linear) for s in range(7))


def test_the_schedule_reaches_the_optimiser_and_the_rows():
    made, (model, dataset) = [], make("line")
    settings = SETTINGS["line"] | {"schedule": lambda step, steps, warmup: 0.5 if step < 2 else 0.0}
    history = train(model, dataset, steps=4, **settings, optimiser=recording(made))
    assert history.values("lr") == [0.005, 0.005, 0, 0]
    moved = [
        any(not torch.equal(a, b) for a, b in zip(*pair, strict=True))
        for pair in itertools.pairwise(made[0].seen)
    ]
    assert moved == [True, False, False]


def test_the_schedule_keeps_the_ratio_of_an_optimisers_groups():
    def two(parameters, lr, weight_decay):
        parameters = list(parameters)
        made.append(
            torch.optim.SGD([{"params": parameters[:2], "lr": lr / 10}, {"params": parameters[2:]}], lr=lr)
        )
        return made[-1]

    made, (model, dataset) = [], make("line")
    train(model, dataset, steps=4, **SETTINGS["line"] | {"schedule": linear, "warmup": 0}, optimiser=two)
    assert [group["lr"] for group in made[0].param_groups] == pytest.approx([0.0005, 0.005])


def test_weights_decay_but_neither_biases_nor_norms():
    model = Net()
    groups = adamw(model.parameters(), 1e-3, 0.1).param_groups
    decayed = {id(p) for g in groups if g["weight_decay"] for p in g["params"]}
    assert decayed == {id(p) for p in model.parameters() if p.ndim > 1}
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))


def test_the_sampler_gives_permutations_and_is_a_function_of_the_step():
    sampler = Permutations(10, 4, seed=1)
    drawn = [i for step in range(5) for i in sampler.batch(step)]
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10] != drawn[10:]
    assert Permutations(10, 4, seed=1).batch(3) == drawn[12:16]
    assert [i for step in range(5) for i in Permutations(10, 4, seed=2).batch(step)] != drawn
    assert sorted(Permutations(3, 9, seed=0).batch(0)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_gan_is_two_players_of_one_loop():
    model, dataset = make("ring")
    z = torch.randn(500, 4, generator=torch.Generator().manual_seed(1))
    assert model.generator(z).norm(dim=1).mean() < 1
    history = train(model, dataset, steps=600, **SETTINGS["ring"])
    assert [row["player"] for row in history.rows[:4]] == ["discriminator", "generator"] * 2
    assert [row["step"] for row in history.rows[:4]] == [1, 1, 2, 2]
    assert history.losses("discriminator") == ["loss_real", "loss_fake"]
    assert history.values("lr", "generator")[0] == pytest.approx(2e-3)
    assert 1.4 < model.generator(z).norm(dim=1).mean() < 2.6


def test_a_player_moves_its_own_parameters_only():
    class Watched(Gan):
        def losses(self, real, player):
            other = self.generator if player == "discriminator" else self.discriminator
            mine = self.discriminator if player == "discriminator" else self.generator
            assert all(not p.requires_grad for p in other.parameters())
            assert all(p.requires_grad for p in mine.parameters())
            turns.append((player, weights(self)))
            return super().losses(real, player)

    turns, model = [], Watched()
    train(model, Ring(), steps=3, batch_size=4, lr=1e-2, progress=False)
    for (player, before), (_, after) in itertools.pairwise(turns):
        changed = {key.split(".")[0] for key in before if not torch.equal(before[key], after[key])}
        assert changed == {player}
    assert all(p.requires_grad for p in model.parameters())


def test_frozen_parameters_stay():
    model, dataset = make("line")
    model.body[0].weight.requires_grad_(False)
    before = model.body[0].weight.clone()
    train(model, dataset, steps=5, **SETTINGS["line"])
    assert torch.equal(model.body[0].weight, before)
    assert not model.body[0].weight.requires_grad
    assert len(players(model)["model"]) == len(list(model.parameters())) - 1


class Spoiled(Net):
    """A net whose loss or gradient goes wrong in the third step."""

    def __init__(self, how):
        super().__init__()
        self.how, self.calls, self.before = how, 0, None

    def forward(self, x, y=None):
        found, self.calls = super().forward(x, y), self.calls + 1
        if self.calls == 3:
            self.before = [p.detach().clone() for p in self.parameters()]
            self.body[1].running_mean.data += torch.nan  # as a picture of NaN does
            if self.how == "gradient":  # the square root's slope at 0
                found["loss_size"] = (self.head.bias - self.head.bias.detach()).square().sum().sqrt()
            else:
                found["loss_size"] = found["loss_size"] * float(self.how)
        return found


@pytest.mark.parametrize("how", ["nan", "inf", "gradient"])
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_non_finite_loss_stops_by_name_before_the_weights_are_spoiled(how, clip, tmp_path):
    torch.manual_seed(0)
    model, file = Spoiled(how), tmp_path / "x.pt"
    name = "the gradient of head.bias" if how == "gradient" else "loss_size"
    settings = SETTINGS["line"] | {"clip": clip, "every": 1}
    with pytest.raises(
        NonFiniteLoss, match=rf"step 3: {name} is {'nan' if how == 'gradient' else how}"
    ) as caught:
        train(model, Line(), steps=10, checkpoint=file, **settings)
    assert (caught.value.step, caught.value.name, caught.value.player) == (3, name, "model")
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), model.before, strict=True))
    assert all(b.isfinite().all() for b in model.buffers())
    assert torch.load(file, weights_only=True)["step"] == 2


def test_a_non_finite_loss_names_its_player():
    class Bad(Gan):
        def losses(self, real, player):
            found = super().losses(real, player)
            return {k: v * float("nan") for k, v in found.items()} if player == "generator" else found

    with pytest.raises(NonFiniteLoss, match="step 1: loss_fool of player 'generator' is nan"):
        train(Bad(), Ring(), steps=2, batch_size=4, progress=False)


class Says(nn.Module):
    def __init__(self, found):
        super().__init__()
        self.found, self.w = found, nn.Parameter(torch.ones(()))

    def forward(self, *batch):
        return self.found(self.w)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda w: [w], "dict of named losses.*list"),
        (lambda w: {}, "dict of named losses"),
        (lambda w: {"loss_a": w.expand(3)}, r"'loss_a' must be a scalar tensor, got shape \[3\]"),
        (lambda w: {"loss_a": 0.5}, "'loss_a' must be a scalar tensor, got float"),
        (lambda w: {"total": w}, "can't be named 'total'"),
    ],
)
def test_losses_of_another_kind_are_refused(found, words):
    with pytest.raises(ValueError, match=words):
        losses(Says(found), torch.zeros(2))


def test_losses_of_plain_models():
    assert losses(Says(lambda w: w), torch.zeros(2)).keys() == {"loss"}
    assert losses(Net(), (torch.zeros(2, 3), torch.zeros(2, 1))).keys() == {"loss_fit", "loss_size"}
    assert losses(Gan(), torch.zeros(4, 2), "generator").keys() == {"loss_fool"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps.*at least 1.*0"),
        ({"batch_size": 2.5}, "batch_size.*2.5"),
        ({"every": 0}, "every"),
        ({"average": 1.0}, r"average.*below 1.*1\.0"),
        ({"resume": True}, "resume: needs the checkpoint"),
        ({"checkpoint": "."}, "is a folder"),
        ({"dataset": Line(0)}, "dataset"),
        ({"lr": {"generator": 1.0}}, r"lr.*\['model'\].*\['generator'\]"),
        ({"model": nn.ReLU()}, "player 'model' has no parameter"),
    ],
)
def test_settings_without_sense_are_refused(change, words):
    given = {"model": Net(), "dataset": Line(), "steps": 2, **SETTINGS["line"]} | change
    with pytest.raises(ValueError, match=words):
        train(given.pop("model"), given.pop("dataset"), **given)


def test_the_bar_goes_to_standard_error(capsys):
    model, dataset = make("line")
    train(model, dataset, steps=3, **SETTINGS["line"] | {"progress": True})
    out, err = capsys.readouterr()
    assert out == ""
    assert "3/3" in err
    assert "fit " in err
    train(model, dataset, steps=3, **SETTINGS["line"])
    assert capsys.readouterr() == ("", "")


def test_the_device_is_taken():
    class Seen(Net):
        def forward(self, x, y=None):
            assert x.device == self.head.weight.device == torch.device("cpu")
            return super().forward(x, y)

    assert len(train(Seen(), Line(), steps=1, device="cpu", **SETTINGS["line"])) == 1


def test_describe_is_the_same_tomorrow():
    assert describe(Line()) == "Line(count=50, noise=0.01)"
    assert describe(object()) == "builtins.object"
    assert describe(Ring()) == "Ring(count=256)"
    assert describe(functools.partial(Net, width=3)) == "training_toys.Net(width=3)"
    assert describe(Net.forward) == "training_toys.Net.forward"
    for vague in (object(), lambda: 0, functools.partial(Net, width=lambda: 0)):
        with pytest.raises(ValueError, match=r"model: .* says too little"):
            describe(vague, "model")
