"""What came back from a student's code, read with care: any name, shape, type and value may stand there."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lecturekit.homework.hints import for_error

Arrays = dict[str, np.ndarray]
EXACT, NEARLY = 1e-4, 1e-2  # relative to the largest true value: right up to here; for a person to look at
LARGEST = 40_000  # numbers in an answer: 500 pictures of 64, and some
KINDS = {"f": "decimal numbers (float)", "iu": "whole numbers (int)", "b": "truth values"}


class Wrong(Exception):
    """A property does not hold. came: what did. share: of its points that are given all the same."""

    def __init__(self, came: str, hint: str = "", *, doubtful: bool = False, share: float = 0.0):
        super().__init__(came)
        self.came, self.hint, self.doubtful, self.share = came, hint, doubtful, share


class NotWritten(Wrong):
    """The student's code says itself that it isn't written yet."""


@dataclass(frozen=True)
class Property:
    """Something that a right answer has.

    says: what is expected, in the lecture's words. test: (inputs, received) -> nothing; raises Wrong.
    """

    points: float
    says: str
    test: Callable[[Arrays, "Received"], None]


@dataclass
class Received:
    """The answers to a task's questions. Each method raises Wrong where they are not what was asked for."""

    task: str
    arrays: Arrays
    kept: dict[str, float] = field(default_factory=dict)  # what has been measured already

    def array(self, name: str, shape: tuple[int, ...] | None = None, kinds: str = "f") -> np.ndarray:
        """Finite numbers of that shape: float64, or int64 where `kinds` are "iu"."""
        found = self.raw(name)
        if found.size > LARGEST:
            raise Wrong(f"{found.size:,} numbers, of shape {list(found.shape)}")
        if found.dtype.kind not in kinds:
            wanted = KINDS.get(kinds, "numbers")
            raise Wrong(
                f"{found.dtype} of shape {list(found.shape)}", self._kind_hint(found, kinds) or wanted
            )
        if shape is not None and found.shape != shape:
            raise Wrong(f"the shape {list(found.shape)}, not {list(shape)}")
        if not np.isfinite(found).all():
            raise Wrong("values that are infinite or no numbers (nan)")
        return found.astype(bool if kinds == "b" else np.int64 if kinds == "iu" else np.float64)

    def raw(self, name: str) -> np.ndarray:
        """The array of that name, whatever its numbers."""
        self.stopped(name)
        found = self.arrays.get(name)
        if not isinstance(found, np.ndarray) or found.dtype.kind not in "biuf":
            raise Wrong("nothing that can be judged")
        return found

    def has(self, name: str) -> bool:
        return isinstance(self.arrays.get(name), np.ndarray)

    def flag(self, name: str) -> bool:
        return bool(self.array(name, (), "b"))

    def number(self, name: str) -> float:
        found = self.raw(name)
        if found.size != 1:
            raise Wrong(
                f"a tensor of shape {list(found.shape)}", "one number is asked for: reduce with mean()"
            )
        return float(found.reshape(()))

    def stopped(self, name: str) -> None:
        """Raise Wrong if an error stands where the answer should, or in its way."""
        if self.has(name):
            return
        ways = [name, *(key.removesuffix(".error") for key in self.arrays if str(key).endswith(".error"))]
        for key in ways:
            text = self._error(key)
            if text is not None:
                if text.startswith("NotImplementedError"):
                    raise NotWritten("it is not written yet")
                raise Wrong(f"it stopped with {text}", for_error(self.task, text))

    def _error(self, name: str) -> str | None:
        found = self.arrays.get(f"{name}.error")
        if not isinstance(found, np.ndarray) or found.dtype != np.uint8 or found.size > 2000:
            return None
        text = found.tobytes().decode(errors="replace")
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]

    def _kind_hint(self, found: np.ndarray, kinds: str) -> str:
        if kinds == "f" and found.dtype.kind in "iub":
            return (
                "whole numbers have no gradient: make them float32, as in F.one_hot(y, classes).float(), and "
                "let a Linear or an nn.Embedding learn from there."
            )
        if kinds == "iu" and found.dtype.kind == "f":
            return "labels are whole numbers (int64): torch.arange(10), not a float tensor."
        return ""


def close(got: np.ndarray, expected: np.ndarray, tolerance: float = EXACT) -> bool:
    """Equal up to rounding, relative to the largest true value."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if got.shape != expected.shape or not np.isfinite(got).all():
        return False
    largest = np.abs(expected).max(initial=0.0)
    return bool(np.abs(got - expected).max(initial=0.0) <= tolerance * max(largest, 1e-3))


def same(got: np.ndarray, expected: np.ndarray, came: str, hint: str = "") -> None:
    """Raises Wrong unless close; doubtful where a person might call it rounding."""
    if not close(got, expected):
        raise Wrong(came, hint, doubtful=close(got, expected, NEARLY))
