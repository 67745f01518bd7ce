"""What the grader runs of a student's notebook: each function calls the student's, and writes down what came.

`run(namespace, inputs)` -> answers, plain arrays both. An error of the student's code is an answer, too: it
stands, as bytes, under the name of what it kept from coming, with `.error` behind it. Nothing in here knows
what a right answer is; the instant check and the grader ask the same questions with other inputs.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

Arrays = dict[str, np.ndarray]
LONGEST = 1500  # bytes of an error's text


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
