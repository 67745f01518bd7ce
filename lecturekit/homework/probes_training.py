"""What the grader runs of a student's training step and grid, with stand-ins for networks (see probes.py)."""

import inspect
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from lecturekit.homework.probes import Answers, Arrays, named, plain, tensors


class Painter(nn.Module):
    """A stand-in for a generator: straight lines from noise and label to pictures. It remembers its calls."""

    def __init__(self, mix: Tensor, shift: Tensor, tilt: Tensor):
        super().__init__()
        self.mix, self.shift, self.tilt = (nn.Parameter(t) for t in (mix, shift, tilt))
        self.calls: list[tuple[Tensor, Tensor, Tensor, bool]] = []

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        x = (z @ self.mix + self.shift + self.tilt * y.float()[:, None]).view(len(z), 1, 8, 8)
        self.calls.append((*(t.detach().clone() for t in (z, y, x)), self.training))
        return x


class Critic(nn.Module):
    """A stand-in for a discriminator: a straight line from picture and label to a logit."""

    def __init__(self, weight: Tensor, slope: Tensor, bias: Tensor):
        super().__init__()
        self.weight, self.slope, self.bias = (nn.Parameter(t) for t in (weight, slope, bias))
        self.calls: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.calls.append((x.detach().clone(), y.detach().clone()))
        return (x.flatten(1) @ self.weight + self.slope * y.float() + self.bias)[:, None]


class Watched(torch.optim.SGD):
    """Writes down what it finds when it steps."""

    def __init__(self, parameters, lr: float, note: Callable[[], None]):
        super().__init__(parameters, lr=lr)
        self.note = note

    def step(self, closure=None):
        self.note()
        return super().step(closure)


def flat(network: nn.Module, of: Callable[[Tensor], Tensor | None]) -> Tensor:
    """Something of all parameters in one row, 0 where there is None."""
    rows = [(p, of(p)) for p in network.parameters()]
    return torch.cat([(torch.zeros_like(p) if v is None else v.detach().clone()).flatten() for p, v in rows])


def standing_in(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """In the place of discriminator_loss, so that a wrong one costs no points twice: squared distances."""
    return (real_logits - 1).square().mean() + fake_logits.square().mean()


def standing_in_too(fake_logits: Tensor) -> Tensor:
    """In the place of generator_loss."""
    return (fake_logits - 1).square().mean()


def train_step(namespace: dict, inputs: Arrays) -> Arrays:
    """Two calls of train_step with stand-ins for networks and losses; what the second call did, step by step.

    Gradients that were left over from the first call show in the second. "turns": 0 where the
    discriminator's optimiser stepped, 1 for the generator's. Names that end in `_d` are of what happened
    before the first step of the discriminator's, `_g` of what came between that and the generator's.
    """
    answers = Answers()
    try:
        function = named(namespace, "train_step")
    except NameError as error:
        answers.fail("turns", error)
        return answers
    torch.manual_seed(int(inputs["seed"]))
    painter = Painter(*tensors(inputs, "mix", "shift", "tilt"))
    critic = Critic(*tensors(inputs, "weight", "slope", "bias"))
    x, y = tensors(inputs, "x", "y")
    events: list[dict] = []

    def note(player: int) -> None:
        events.append(
            {
                "player": player,
                "painter": flat(painter, lambda p: p.grad),
                "critic": flat(critic, lambda p: p.grad),
                "seen": len(critic.calls),
            }
        )

    critics = Watched(critic.parameters(), float(inputs["lr"]), lambda: note(0))
    painters = Watched(painter.parameters(), float(inputs["lr"]), lambda: note(1))
    seed = torch.initial_seed()
    home = getattr(inspect.unwrap(function), "__globals__", namespace)
    own = {name: home.get(name) for name in ("discriminator_loss", "generator_loss")}
    home.update(discriminator_loss=standing_in, generator_loss=standing_in_too)
    try:
        function(painter, critic, painters, critics, x, y)
        answers["first_z"] = plain(_rows(painter.calls, 0, (0, 32)))
        held = {"painter": flat(painter, lambda p: p.grad), "critic": flat(critic, lambda p: p.grad)}
        for memory in (painter.calls, critic.calls, events):
            memory.clear()
        answers["critic_d"] = plain(flat(critic, lambda p: p))
        losses = function(painter, critic, painters, critics, x, y)
    except Exception as error:
        answers.fail("turns", error)
        return answers
    finally:
        home.update({name: value for name, value in own.items() if value is not None})
        for name in (name for name, value in own.items() if value is None):
            home.pop(name, None)
    answers["turns"] = np.array([event["player"] for event in events], np.int64)
    answers["seed_kept"] = np.array(torch.initial_seed() == seed)
    answers["z"] = plain(_rows(painter.calls, 0, (0, 32)))
    answers["painted"] = plain(_rows(painter.calls, 1, (0,)))
    answers["paintings"] = plain(_rows(painter.calls, 2, (0, 1, 8, 8)))
    answers["held_d"], answers["held_g"] = plain(held["critic"]), plain(held["painter"])
    answers["critic_g"] = plain(flat(critic, lambda p: p))
    answers.ask("losses", lambda: torch.tensor([torch.as_tensor(loss).detach().item() for loss in losses]))
    first = next((i for i, e in enumerate(events) if e["player"] == 0), None)
    second = next((i for i, e in enumerate(events) if e["player"] == 1), None)
    seen = events[0]["seen"] if events else len(critic.calls)
    for side, calls in (("d", critic.calls[:seen]), ("g", critic.calls[seen:])):
        answers[f"x_{side}"] = plain(_rows(calls, 0, (0, 1, 8, 8)))
        answers[f"y_{side}"] = plain(_rows(calls, 1, (0,)))
    if first is not None:
        answers["grad_d"] = plain(events[first]["critic"])
        answers["leak"] = plain(events[first]["painter"])
    if second is not None:
        answers["grad_g"] = plain(events[second]["painter"])
    return answers


def _rows(calls: list, part: int, empty: tuple[int, ...]) -> Tensor:
    """One argument of all calls, one after the other."""
    return torch.cat([call[part] for call in calls]) if calls else torch.zeros(empty)


def sample_grid(namespace: dict, inputs: Arrays) -> Arrays:
    """sample_grid(generator, columns), of a generator in training mode and of one in eval mode."""
    answers = Answers()
    torch.manual_seed(int(inputs["seed"]))
    seed, columns = torch.initial_seed(), int(inputs["columns"])
    painter = Painter(*tensors(inputs, "mix", "shift", "tilt")).train()

    def draw() -> Tensor:
        painter.calls.clear()
        grid = named(namespace, "sample_grid")(painter, columns)
        if not (isinstance(grid, (tuple, list)) and len(grid) == 2):
            plain(None) if grid is None else None
            raise TypeError(f"it returned a {type(grid).__name__}; expected a pair: pictures x and labels y")
        return grid

    grid = None
    try:
        grid = draw()
    except Exception as error:
        answers.fail("x", error)
        return answers
    answers["mode_after_training"] = np.array(painter.training)
    answers.ask("x", lambda: grid[0])
    answers.ask("y", lambda: grid[1])
    answers["hangs"] = np.array(isinstance(grid[0], Tensor) and grid[0].requires_grad)
    answers["modes"] = np.array([call[3] for call in painter.calls], bool)
    answers["z"] = plain(_rows(painter.calls, 0, (0, 32)))
    answers["painted"] = plain(_rows(painter.calls, 1, (0,)))
    answers["paintings"] = plain(_rows(painter.calls, 2, (0, 1, 8, 8)))
    painter.eval()
    try:
        draw()
    except Exception as error:
        answers.fail("second_z", error)
        return answers
    answers["mode_after_eval"] = np.array(painter.training)
    answers["second_z"] = plain(_rows(painter.calls, 0, (0, 32)))
    answers["seed_kept"] = np.array(torch.initial_seed() == seed)
    return answers
