"""What the grader runs of a student's notebook: each function calls the student's, and writes down what came.

`run(namespace, inputs)` -> answers, plain arrays both. An error of the student's code is an answer, too: it
stands, as bytes, under the name of what it kept from coming, with `.error` behind it. Nothing in here knows
what a right answer is; the instant check and the grader ask the same questions with other inputs.
"""

import inspect
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

Arrays = dict[str, np.ndarray]
LONGEST = 1500  # bytes of an error's text
PLAYERS = ("discriminator", "generator")


class Answers(dict):
    """name -> array. `ask` keeps what a call returns, or the error that it raises."""

    def ask(self, name: str, function: Callable, *arguments):
        """What `function` returns; None if it raises, or returns what is no tensor and no number."""
        try:
            value = function(*arguments)
            self[name] = plain(value)
        except Exception as error:  # whatever a student's code raises
            self.fail(name, error)
            return None
        return value

    def fail(self, name: str, error: Exception) -> None:
        try:
            text = f"{type(error).__name__}: {error}"
        except Exception:  # of the student's own exception class
            text = f"{type(error).__name__}"
        self[f"{name}.error"] = np.frombuffer(text.encode(errors="replace")[:LONGEST], np.uint8)


def plain(value) -> np.ndarray:
    """A tensor or a number as an array. TypeError for anything else."""
    if value is None:
        raise TypeError("it returned None; is there a `return`?")
    if isinstance(value, Tensor):
        return value.detach().cpu().numpy().copy()
    if isinstance(value, (bool, int, float, np.number, np.ndarray)):
        return np.asarray(value)
    raise TypeError(f"it returned a {type(value).__name__}; expected a tensor")


def named(namespace: dict, name: str):
    """The student's class or function. Raises NameError where there is none."""
    if not callable(namespace.get(name)):
        raise NameError(f"{name} is not there; was its cell run?")
    return namespace[name]


def tensors(inputs: Arrays, *names: str) -> list[Tensor]:
    return [torch.from_numpy(inputs[name].copy()) for name in names]


def build(answers: Answers, namespace: dict, name: str, *sizes: int) -> nn.Module | None:
    """An instance of the student's class in eval mode; None, and the reason in `made.error`, without one.

    answers["made"] is how many numbers it can learn.
    """
    try:
        network = named(namespace, name)(*sizes)
        if not isinstance(network, nn.Module):
            raise TypeError(f"{name} is no nn.Module")
        answers["made"] = np.array(sum(p.numel() for p in network.parameters() if p.requires_grad))
        return network.eval()
    except Exception as error:
        answers.fail("made", error)
        return None


def slopes(network: nn.Module, call: Callable[[], Tensor], weight: Tensor) -> Tensor:
    """How steep the weighted sum of what comes out is, in each parameter: the norms of their gradients."""
    network.zero_grad()
    total = (call() * weight).sum()
    if total.requires_grad:
        total.backward()
    steep = [0.0 if p.grad is None else float(p.grad.norm()) for p in network.parameters()]
    return torch.tensor([*steep, 0.0])  # never empty


def embedding(namespace: dict, inputs: Arrays) -> Arrays:
    """Embedding(classes, size)(y)"""
    torch.manual_seed(int(inputs["seed"]))
    answers, (y, weight) = Answers(), tensors(inputs, "y", "weight")
    classes, size = int(inputs["classes"]), int(inputs["size"])
    network = build(answers, namespace, "Embedding", classes, size)
    if network is None:
        return answers
    answers.ask("e", network, y)
    answers.ask("again", network, y)
    answers.ask("table", network, torch.arange(classes))
    answers.ask("turned", network, y.flip(0))
    answers.ask("one", network, y[:1])
    answers.ask("low", network, y % 3)  # the higher labels don't occur
    answers.ask("slopes", slopes, network, lambda: network(y), weight)
    return answers


def generator(namespace: dict, inputs: Arrays) -> Arrays:
    """Generator()(z, y)"""
    torch.manual_seed(int(inputs["seed"]))
    answers = Answers()
    z, y, other_z, other_y, weight = tensors(inputs, "z", "y", "other_z", "other_y", "weight")
    network = build(answers, namespace, "Generator")
    if network is None:
        return answers
    answers.ask("x", network, z, y)
    answers.ask("again", network, z, y)
    answers.ask("other_label", network, z, other_y)
    answers.ask("other_noise", network, other_z, y)
    answers.ask("turned", network, z.flip(0), y.flip(0))
    answers.ask("one", network, z[:1], y[:1])
    answers.ask("wide", network, 1000 * z, y)
    network.train()
    answers.ask("slopes", slopes, network, lambda: network(z, y), weight)
    return answers


def discriminator(namespace: dict, inputs: Arrays) -> Arrays:
    """Discriminator()(x, y)"""
    torch.manual_seed(int(inputs["seed"]))
    answers = Answers()
    x, y, other_x, other_y, weight = tensors(inputs, "x", "y", "other_x", "other_y", "weight")
    network = build(answers, namespace, "Discriminator")
    if network is None:
        return answers
    answers.ask("logits", network, x, y)
    answers.ask("again", network, x, y)
    answers.ask("other_label", network, x, other_y)
    answers.ask("other_picture", network, other_x, y)
    answers.ask("turned", network, x.flip(0), y.flip(0))
    answers.ask("one", network, x[:1], y[:1])
    answers.ask("slopes", slopes, network, lambda: network(x, y), weight)
    answers.ask("slope_x", _slope, lambda picture: network(picture, y), x, weight)
    try:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(10)
    except Exception as error:
        answers.fail("strong", error)
    else:
        answers.ask("strong", network, 10 * x, y)
    return answers


def _slope(function: Callable[[Tensor], Tensor], x: Tensor, weight: Tensor) -> Tensor:
    """The gradient in x of the weighted sum of what a function returns; 0 where it doesn't hang on x."""
    x = x.clone().requires_grad_()
    total = (function(x) * weight).sum()
    if not total.requires_grad:
        return torch.zeros_like(x)
    (slope,) = torch.autograd.grad(total, x, allow_unused=True)
    return torch.zeros_like(x) if slope is None else slope


def discriminator_loss(namespace: dict, inputs: Arrays) -> Arrays:
    """discriminator_loss(real_logits, fake_logits) on several pairs of logits, and on very large ones."""
    return _loss("discriminator_loss", ("real", "fake"), namespace, inputs)


def generator_loss(namespace: dict, inputs: Arrays) -> Arrays:
    """generator_loss(fake_logits) on several logits, and on very large ones."""
    return _loss("generator_loss", ("fake",), namespace, inputs)


def _loss(name: str, sides: tuple[str, ...], namespace: dict, inputs: Arrays) -> Arrays:
    answers = Answers()
    for case in range(int(inputs["cases"])):
        logits = [t.requires_grad_() for t in tensors(inputs, *(f"{side}_{case}" for side in sides))]
        loss = answers.ask(f"loss_{case}", lambda given=logits: named(namespace, name)(*given))
        if not isinstance(loss, Tensor):
            continue
        answers[f"hangs_{case}"] = np.array(loss.requires_grad)
        if loss.requires_grad and loss.numel() == 1:
            found = torch.autograd.grad(loss.sum(), logits, allow_unused=True)
            for side, given, slope in zip(sides, logits, found, strict=True):
                answers[f"slope_{side}_{case}"] = plain(torch.zeros_like(given) if slope is None else slope)
    return answers


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


class Reader(nn.Module):
    """A stand-in for the judge: picture i of a batch has i / 100 in its corner, and a row of logits."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.logits[(100 * x[:, 0, 0, 0]).round().long()]


def conditional_accuracy(namespace: dict, inputs: Arrays) -> Arrays:
    """conditional_accuracy(judge, x, y)"""
    answers = Answers()
    for case in range(int(inputs["cases"])):
        logits, y = tensors(inputs, f"logits_{case}", f"y_{case}")
        x = torch.zeros(len(y), 1, 8, 8)
        x[:, 0, 0, 0] = torch.arange(len(y)) / 100
        answers.ask(
            f"value_{case}",
            lambda *given: named(namespace, "conditional_accuracy")(*given),
            Reader(logits),
            x,
            y,
        )
    return answers


def diversity(namespace: dict, inputs: Arrays) -> Arrays:
    """diversity(features, y)"""
    answers = Answers()
    for case in range(int(inputs["cases"])):
        given = tensors(inputs, f"features_{case}", f"y_{case}")
        answers.ask(f"value_{case}", lambda *given: named(namespace, "diversity")(*given), *given)
    return answers
