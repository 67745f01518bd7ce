"""Handwritten digits: scikit-learn's, which come with it, and MNIST where the user has it."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

PARTS = ("train", "val")
HELD_OUT = 5  # of scikit-learn's digits every fifth is held out


@functools.cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images / 16).astype(np.float32), found.target


@functools.cache
def _places(part: str) -> np.ndarray:
    held_out = np.arange(len(_digits()[1])) % HELD_OUT == HELD_OUT - 1
    return np.flatnonzero(held_out if part == "val" else ~held_out)


def check_part(part: str) -> None:
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(PARTS)}, got {part!r}")


@dataclass(frozen=True)
class Digits:
    """scikit-learn's 1,797 digits of 8x8 pixels (UCI, Alpaydin and Kaynak 1998); every fifth is held out.

    Sample i is (image float32 [1,8,8] in 0..1 with white ink, label 0..9). `part` is "train" (1,438 digits)
    or "val" (359). Raises ValueError for another one.
    """

    part: str = "train"

    def __post_init__(self) -> None:
        check_part(self.part)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple("0123456789")

    def __len__(self) -> int:
        return len(_places(self.part))

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        images, labels = _digits()
        place = _places(self.part)[i]  # an IndexError beyond the last one ends a loop
        return torch.from_numpy(images[place].copy())[None], int(labels[place])

    def all(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Everything at once: images [N,1,8,8] and labels int64 [N]."""
        (images, labels), places = _digits(), _places(self.part)
        return torch.from_numpy(images[places])[:, None], torch.from_numpy(labels[places].astype(np.int64))


@dataclass(frozen=True)
class Mnist:
    """MNIST's digits of 28x28 pixels, from a folder in torchvision's layout (ROOT/MNIST/raw/...).

    Samples as in `Digits`; "val" is MNIST's own test set. Nothing is downloaded: raises FileNotFoundError
    where the files are missing.
    """

    root: str | Path
    part: str = "train"

    def __post_init__(self) -> None:
        check_part(self.part)
        self._opened()

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple("0123456789")

    def _opened(self):
        return _mnist(str(self.root), self.part == "train")

    def __len__(self) -> int:
        return len(self._opened())

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        found = self._opened()
        return found.data[i][None].float() / 255, int(found.targets[i])

    def all(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Everything at once: images [N,1,28,28] and labels int64 [N]."""
        found = self._opened()
        return found.data[:, None].float() / 255, found.targets


@functools.cache
def _mnist(root: str, train: bool):
    from torchvision.datasets import MNIST

    try:
        return MNIST(root, train=train, download=False)
    except RuntimeError as error:
        raise FileNotFoundError(
            f"root: no MNIST in {root}: expected {Path(root) / 'MNIST' / 'raw'} with its four files"
        ) from error
