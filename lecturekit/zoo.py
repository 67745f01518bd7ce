"""Trained tiny weights, inside the package: float16 safetensors, each with a card of how it came about.

>>> model = zoo.load("mask_rcnn")
"""

import datetime
import json
import os
import struct
from importlib.metadata import version
from pathlib import Path

from lecturekit import recipes

FOLDER = Path(__file__).parent / "weights"
LARGEST = 2_500_000  # bytes a file
LIBRARIES = ("torch", "torchvision", "numpy", "pillow")


def names() -> list[str]:
    """The systems that have shipped weights."""
    return [name for name in recipes.names() if _file(name).is_file()]


def extras() -> list[str]:
    """What else has shipped weights: the judges, and systems trained for another direction."""
    return [name for name in recipes.EXTRAS if _file(name).is_file()]


def card(name: str) -> dict:
    """How a system's weights came about: {system, recipe (hash), seed, steps, seconds, date, metrics, bar,
    parameters, versions, threads, outputs (on a fixed input)}. Reads the file's head alone; errors as in
    `load`."""
    with open(_present(name), "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        return json.loads(json.loads(file.read(length))["__metadata__"]["card"])


def load(name: str, device: str = "cpu"):
    """The trained tiny model of a system, in eval mode, at once and offline.

    Raises ValueError for an unknown name, and for a system whose weights are absent or made for an older
    model.
    """
    from safetensors.torch import load_file

    file = _present(name)
    model = _fresh(recipes.get(name))
    if wrong := _misfits(model, state := load_file(file)):
        raise ValueError(f"weights: those of {name!r} are for another model ({wrong[0]}); {_remedy(name)}")
    model.load_state_dict(state)  # widens float16 to the model's own type
    return model.to(device).eval()


def save(
    model, recipe, history, *, seed: int | None = None, folder: Path = FOLDER, progress: bool = True
) -> dict:
    """Ship a model that `fit(recipe, "full")` has trained; returns the card.

    The weights are rounded to float16 (integer buffers stay as they are), and the metrics and outputs on the
    card are those of the rounded model. Raises ValueError for an interrupted training, for weights that
    float16 can't hold, and for more than 2.5 MB.
    """
    import torch
    from safetensors.torch import save_file

    if history.interrupted:
        raise ValueError(f"history: the training was interrupted at step {len(history)}; resume it first")
    state = {name: _narrow(name, tensor) for name, tensor in model.state_dict().items()}
    if (size := sum(t.nbytes for t in state.values())) > LARGEST:
        raise ValueError(f"model: {size / 1e6:.1f} MB in float16, at most {LARGEST / 1e6} MB are shipped")
    rounded = _fresh(recipe)
    rounded.load_state_dict(state)
    rounded.eval()
    metrics = dict(recipe.evaluate(rounded, recipe.val, progress))
    told = {
        "system": recipe.name,
        "recipe": recipe.hash(),
        "seed": recipe.seed if seed is None else seed,
        "steps": len(history),
        "seconds": round(history.seconds),
        "threads": torch.get_num_threads(),
        "date": datetime.date.today().isoformat(),
        "metrics": metrics,
        "bar": recipe.judged(metrics),
        "parameters": sum(p.numel() for p in model.parameters()),
        "versions": {library: version(library) for library in LIBRARIES},
        "outputs": _outputs(recipe, rounded),
    }
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{recipe.name}.safetensors.part"
    save_file(state, part, metadata={"card": json.dumps(told)})
    os.replace(part, folder / f"{recipe.name}.safetensors")
    return told


def stale(name: str) -> list[str]:
    """In what the recipe, the model or its outputs have moved on from the shipped weights; empty when in
    nothing."""
    from safetensors.torch import load_file

    told, recipe, reasons = card(name), recipes.get(name), []
    if recipe.hash() != told["recipe"]:
        reasons.append(f"the recipe's hash is {recipe.hash()}, the weights were made with {told['recipe']}")
    if wrong := _misfits(_fresh(recipe), load_file(_present(name))):
        return reasons + wrong
    now = _outputs(recipe, load(name))
    for output, then in told["outputs"].items():
        if not _alike(now.get(output), then):
            reasons.append(f"output {output!r} on the fixed input was {then}, is {now.get(output)}")
    return reasons


def _file(name: str) -> Path:
    return FOLDER / f"{name}.safetensors"


def _present(name: str) -> Path:
    if name not in recipes.EXTRAS:
        recipes.entry(name)  # refuses an unknown name
    if not _file(name).is_file():
        there = ", ".join(names() + extras()) or "none"
        raise ValueError(f"weights: none are shipped for {name!r} (there are: {there}); {_remedy(name)}")
    return _file(name)


def _remedy(name: str) -> str:
    return f"`lecturekit train {name} --full --ship` makes them"


def _fresh(recipe):
    """The recipe's untrained model, made without touching the random generators."""
    import torch

    with torch.random.fork_rng():
        return recipe.model()


def _narrow(name: str, tensor):
    """float16 for floating point, everything else as it is."""
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor.clone()
    half = tensor.half()
    if not half.isfinite().all():
        raise ValueError(f"model: {name} has values that float16 can't hold (up to {tensor.abs().max():.3g})")
    return half


def _misfits(model, state: dict) -> list[str]:
    """The first missing, unexpected and misshapen key."""
    own = model.state_dict()
    missing = [f"{key} is missing" for key in own if key not in state]
    unexpected = [f"{key} is unexpected" for key in state if key not in own]
    shapes = [
        f"{key} has shape {list(state[key].shape)}, the model's has {list(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    return missing[:1] + unexpected[:1] + shapes[:1]


def _outputs(recipe, model) -> dict[str, dict]:
    """The recipe's probe of the model as numbers: up to 16 evenly spaced values of each tensor."""
    told = {}
    for name, tensor in recipe.probe(model, recipe.val).items():
        flat = tensor.detach().float().flatten()
        places = [round(i * (len(flat) - 1) / 15) for i in range(16)] if len(flat) > 16 else range(len(flat))
        told[name] = {"shape": list(tensor.shape), "values": [round(float(flat[i]), 6) for i in places]}
    return told


def _alike(now: dict | None, then: dict, tolerance: float = 1e-3) -> bool:
    return (
        now is not None
        and now["shape"] == then["shape"]
        and all(
            abs(a - b) <= tolerance * max(1.0, abs(b))
            for a, b in zip(now["values"], then["values"], strict=True)
        )
    )
