"""Exercises with an instant check: your function and the true one on the same inputs, side by side."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Exercise:
    """One function to write.

    name: what it is called. reference: the true function. inputs: tuples of arguments, easiest first.
    mistakes: what people often write -> what to tell them. A mistake is recognised by its results.
    """

    name: str
    reference: Callable
    inputs: list[tuple]
    mistakes: dict[str, Callable] = field(default_factory=dict)
    tolerance: float = 1e-4

    def check(self, attempt: Callable) -> bool:
        """Print how `attempt` does, and for the first wrong answer what came and what was expected."""
        for done, arguments in enumerate(self.inputs):
            expected = self.reference(*arguments)
            try:
                got = attempt(*_copies(arguments))
            except NotImplementedError:
                print(f"{self.name}: not written yet.")
                return False
            except Exception as error:  # whatever a student's function raises is an answer to report
                print(f"{self.name}{_call(arguments)} stopped with {type(error).__name__}: {error}")
                return False
            wrong = _difference(got, expected, self.tolerance)
            if wrong:
                print(f"{self.name}: {done} of {len(self.inputs)} right, then {self.name}{_call(arguments)}")
                print(f"  {wrong}")
                for hint in self._hints(attempt):
                    print(f"  Hint: {hint}")
                return False
        print(f"{self.name}: all {len(self.inputs)} right. Well done!")
        return True

    def _hints(self, attempt) -> list[str]:
        """What to tell about the mistake that `attempt` shares most of its wrong answers with, if most."""
        answers = [(a, _answer(attempt, a)) for a in self.inputs]
        wrong = [(a, got) for a, got in answers if self._differ(got, self.reference(*a))]
        shared = {
            hint: sum(not self._differ(got, _answer(mistake, a)) for a, got in wrong)
            for hint, mistake in self.mistakes.items()
        }
        best = max(shared, key=shared.get, default="")
        return [best] if best and shared[best] > len(wrong) / 2 else []

    def _differ(self, got, expected) -> bool:
        return got is None or expected is None or bool(_difference(got, expected, self.tolerance))


def _answer(function, arguments):
    """What a function returns, None where it fails."""
    try:
        return function(*_copies(arguments))
    except Exception:  # a student's function may raise anything
        return None


def _copies(arguments):
    return tuple(a.clone() if isinstance(a, torch.Tensor) else a for a in arguments)


def _difference(got, expected, tolerance) -> str:
    """What is wrong with an answer, "" if nothing."""
    if got is None:
        return "It returned None; is there a `return`?"
    try:
        got = torch.as_tensor(got, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return f"It returned a {type(got).__name__}; expected a number or a tensor."
    expected = torch.as_tensor(expected, dtype=torch.float64)
    if got.shape != expected.shape:
        return f"It returned the shape {list(got.shape)}; expected {list(expected.shape)}."
    if torch.allclose(got, expected, rtol=tolerance, atol=tolerance, equal_nan=True):
        return ""
    return f"It returned {_short(got)}; expected {_short(expected)}."


def _call(arguments) -> str:
    return "(" + ", ".join(_short(a) for a in arguments) + ")"


def _short(value) -> str:
    if not isinstance(value, torch.Tensor):
        return f"{value:.4g}" if isinstance(value, float) else repr(value)
    if value.numel() > 8:
        return f"a tensor of shape {list(value.shape)}"
    return str(torch.round(value.double(), decimals=4).tolist())
