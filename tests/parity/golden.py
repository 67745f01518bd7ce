"""Reads golden files: what a public network put out for given weights and inputs, what a function returned.

`NAME.npz` is a network, `fn_NAME.npz` a function. Weights and inputs of a network aren't stored: both come
from a formula over the salt, phase and gain that the file names.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

TOLERANCE = 2e-4  # in standard deviations of the expected output; a wrong padding or eps gives 1e-2 and more
HERE = Path(__file__).resolve().parents[1] / "golden"
CHUNK = 1 << 20  # elements filled at once, so that a network of 200 M parameters needs little memory


def load(name: str) -> "Golden":
    """The golden file of that stem, from the folder LECTUREKIT_GOLDEN or from tests/golden.

    A file absent from tests/golden fails the test, one absent from a folder of the user's skips it.
    """
    chosen = os.environ.get("LECTUREKIT_GOLDEN")
    path = Path(chosen or HERE) / f"{name}.npz"
    if path.exists():
        return Golden(path)
    if chosen and Path(chosen).resolve() != HERE:
        pytest.skip(f"{path} is not there")
    return pytest.fail(f"{path} is not there")


class Golden:
    """One golden file. `file["NAME"]` is an array of it as a tensor, `file.note` what it says of itself."""

    def __init__(self, path: Path):
        with np.load(path, allow_pickle=False) as arrays:
            self.arrays = dict(arrays)
        self.name = path.stem
        self.meta = json.loads(bytes(self.arrays["meta"])) if "meta" in self.arrays else {}
        self.keys = json.loads(bytes(self.arrays["keys"])) if "keys" in self.arrays else []
        self.note = str(self.arrays["note"]) if "note" in self.arrays else self.meta.get("note", "")

    def __getitem__(self, name: str) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(self.arrays[name]))

    @property
    def outputs(self) -> list[str]:
        """The names of the network's outputs."""
        return [key[len("hash/") : -len(".sub")] for key in self.arrays if key.endswith(".sub")]

    @property
    def parameters(self) -> int:
        """The public network's number of parameters."""
        return self.meta["params"]

    def inputs(self) -> list[torch.Tensor]:
        """The network's inputs, float32."""
        return [wave(shape, j + self.meta["phase"]) for j, shape in enumerate(self.meta["inputs"])]

    def tensors(self) -> Iterator[tuple[str, torch.Tensor]]:
        """The public network's state dict, one tensor at a time; its counters (integers) are zeros."""
        normed = {key.rpartition(".")[0] for key, _, _ in self.keys if key.endswith(".running_mean")}
        i = self.meta["salt"]
        for key, shape, dtype in self.keys:
            if "float" not in dtype:
                yield key, torch.zeros(shape, dtype=torch.int64)
                continue
            yield key, fill(key, tuple(shape), i, self.meta["gain"], key.rpartition(".")[0] in normed)
            i += 1

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The public network's state dict."""
        return dict(self.tensors())

    def deviation(self, output: str, value: torch.Tensor) -> float:
        """The largest difference between `value` and the expected output, in its standard deviations."""
        shape = self.arrays[f"hash/{output}.shape"].tolist()
        assert list(value.shape) == shape, f"{self.name}: {output} has shape {list(value.shape)}, not {shape}"
        ours = value.detach().double().flatten()[:: int(self.arrays[f"hash/{output}.stride"])].numpy()
        expected = self.arrays[f"hash/{output}.sub"].astype(np.float64)
        return float(np.abs(ours - expected).max() / self.arrays[f"hash/{output}.std"])

    def check(self, output: str, value: torch.Tensor) -> None:
        """Fails unless `value` is the expected output, within TOLERANCE of its standard deviations."""
        deviation = self.deviation(output, value)
        assert deviation <= TOLERANCE, f"{self.name}: {output} is off by {deviation:.2g} standard deviations"


def uniform(n: int, i: int) -> np.ndarray:
    """n numbers in [-1, 1), float64, for the i-th tensor: a hash of their place (splitmix64)."""
    u = np.empty(n)
    offset = np.uint64((i * (0x9E3779B97F4A7C15 % 2**40) + 1) % 2**64)
    for start in range(0, n, CHUNK):
        x = np.arange(start, min(start + CHUNK, n), dtype=np.uint64) + offset
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
        u[start : start + CHUNK] = (x >> np.uint64(11)) * 2.0**-52 - 1
    return u


def fill(key: str, shape: tuple[int, ...], i: int, gain: float, normed: bool) -> torch.Tensor:
    """The i-th tensor of a network, float32; `normed` says that its layer has a running mean."""
    n, last = int(np.prod(shape)), key.rpartition(".")[2]
    u = uniform(n, i)
    if last == "running_mean":
        u *= 0.05
    elif last == "running_var":
        u = 1 + 0.5 * np.abs(u)
    elif normed:
        u = 1 + 0.1 * u if last == "weight" else 0.1 * u
    elif len(shape) >= 2:
        u *= gain * np.sqrt(3 * shape[0] / n)
    elif last in ("weight", "gamma", "scale"):
        u = 0.25 + 0.05 * u if n == 1 else 1 + 0.1 * u
    else:
        u *= 0.1
    return torch.from_numpy(u.astype(np.float32)).reshape(shape)


def wave(shape: list[int], phase: float) -> torch.Tensor:
    """An input of that shape [..., H, W], float32: waves over columns, rows and channels."""
    height, width = ([1, 1, *shape])[-2:]
    k = np.arange(int(np.prod(shape)))
    x, y, c = (k % width) / width, (k // width % height) / height, k // (width * height)
    values = 0.5 * np.sin(0.7310 * k + phase) + 0.3 * np.sin(6 * x + 2 * c + phase) + 0.2 * np.cos(5 * y - c)
    return torch.from_numpy(values.astype(np.float32)).reshape(shape)
