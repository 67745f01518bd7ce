"""Checkpoints: written whole or not at all, read without executing anything, and the generators' states."""

import contextlib
import os
import pickle
import random
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

FORMAT = "lecturekit checkpoint 1"


def write(path: str | Path, state: dict) -> None:
    """Write `state` to `path` in one stroke: whoever reads the file, after whatever crash, finds the old one
    or the new."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        torch.save({"format": FORMAT, **state}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    with contextlib.suppress(OSError):  # some file systems can't sync a directory
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def load(path: str | Path):
    """What torch.save or safetensors wrote to `path`: tensors and plain values only, on the CPU.

    Raises ValueError when the file is absent, broken, or holds anything that would have to be executed.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"checkpoint: there is no file {path}")
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"checkpoint: {path} is no readable safetensors file ({error})") from error
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:  # torch.load doesn't compare the checksums
                if broken := archive.testzip():
                    raise ValueError(f"checkpoint: {path} is damaged (in {broken})")
        with warnings.catch_warnings(action="ignore"):  # torch's on other pickle protocols
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # torch's own message advises to load it all the same
        raise ValueError(
            f"checkpoint: {path} is no complete checkpoint of plain tensors; anything else could run code"
        ) from error
    except (zipfile.BadZipFile, RuntimeError, EOFError, OSError, KeyError) as error:
        raise ValueError(
            f"checkpoint: {path} is no complete checkpoint of plain tensors ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'empty file'})"
        ) from error


def read(path: str | Path) -> dict:
    """A checkpoint that `write` wrote; ValueError for any other file."""
    state = load(path)
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise ValueError(
            f"checkpoint: {path} is not one that lecturekit's training wrote ({FORMAT!r} expected)"
        )
    return state


def read_weights(path: str | Path) -> dict[str, torch.Tensor]:
    """The state dict in `path`: of a training checkpoint (the averaged weights if it has them), or as
    torch.save or safetensors wrote it (torchvision's and others' files; a dict under "state_dict" or "model"
    is taken out)."""
    state = load(path)
    if isinstance(state, dict) and state.get("format") == FORMAT:
        state = state["average"] or state["model"]
        state = {key: value for key, value in state.items() if torch.is_tensor(value)}  # no extra state
    elif isinstance(state, dict):
        state = next((state[k] for k in ("state_dict", "model") if isinstance(state.get(k), dict)), state)
    if not isinstance(state, dict) or not state or not all(torch.is_tensor(v) for v in state.values()):
        raise ValueError(f"checkpoint: {path} holds no state dict (names with tensors)")
    return dict(state)


def generators(device: torch.device | None = None) -> dict:
    """The state of every global random generator: torch's (and the GPU's), Python's, NumPy's."""
    numpy = np.random.get_state(legacy=False)  # noqa: NPY002 (datasets of others may use it)
    key = torch.from_numpy(numpy["state"]["key"].astype(np.int64))
    state = {
        "torch": torch.get_rng_state(),
        "python": random.getstate(),
        "numpy": {**numpy, "state": {**numpy["state"], "key": key}},
    }
    if device is not None and device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_generators(state: dict, device: torch.device | None = None) -> None:
    """Put every global generator back to `state`, which `generators` gave."""
    torch.set_rng_state(state["torch"])
    random.setstate(state["python"])
    inner = {**state["numpy"]["state"], "key": state["numpy"]["state"]["key"].numpy().astype(np.uint32)}
    np.random.set_state({**state["numpy"], "state": inner})  # noqa: NPY002
    if "cuda" in state and device is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Inside, all global generators start from `seed`; afterwards they are as they were before."""
    before = generators(device)
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        set_generators(before, device)
