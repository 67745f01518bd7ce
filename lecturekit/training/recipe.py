"""A recipe: everything needed to train a tiny model again."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lecturekit.training import checkpoint as files
from lecturekit.training.history import History
from lecturekit.training.loop import train
from lecturekit.training.parts import adamw, cosine, describe


@dataclass(frozen=True)
class Paper:
    """Where a system comes from. `arxiv` is the identifier, such as "1703.06870"."""

    title: str
    year: int
    arxiv: str


@dataclass(frozen=True)
class Budget:
    """How many steps a training has, and the bar that the recipe's metric must reach within them."""

    steps: int
    bar: float
    note: str = ""


@dataclass(frozen=True)
class Recipe:
    """Everything needed to train a system's tiny model again, and to judge it.

    model: makes the tiny model; paper_model: makes it at the paper's size (on torch.device("meta") for
        counting).
    train, val: datasets whose repr says all that shapes them; `collate` makes their batches.
    evaluate: `evaluate(model, dataset, progress)` gives the metrics by name; `metric` is the one the bars are
        for.
    quick: from scratch on a laptop in about a minute and a half. full: what the shipped weights had.
    probe: `probe(model, dataset)` gives a few named tensors that change when the model's outputs do.
    The remaining fields are `train`'s.
    """

    name: str
    lecture: str
    paper: Paper | None
    model: Callable[[], nn.Module]
    paper_model: Callable[[], nn.Module] | None
    train: object
    val: object
    evaluate: Callable[[nn.Module, object, bool], Mapping[str, float | None]]
    metric: str
    quick: Budget
    full: Budget
    batch_size: int
    lr: float | Mapping[str, float]
    weight_decay: float = 1e-4
    warmup: int = 0
    clip: float = 0.0
    average: float = 0.0
    schedule: Callable[[int, int, int], float] = cosine
    optimiser: Callable | Mapping[str, Callable] = adamw
    collate: Callable | None = None
    probe: Callable[[nn.Module, object], Mapping[str, torch.Tensor]] | None = None
    seed: int = 0
    higher_is_better: bool = True

    def budget(self, name: str) -> Budget:
        """The budget of that name, "quick" or "full"; ValueError for another one."""
        if name not in ("quick", "full"):
            raise ValueError(f"budget: 'quick' or 'full' is expected, got {name!r}")
        return self.quick if name == "quick" else self.full

    def hash(self, budget: str = "full") -> str:
        """12 hexadecimal digits over all that shapes the trained weights and their metrics.

        Callables count by their names and bound arguments, datasets by their repr. ValueError for what has no
        telling name: a lambda, an object without a repr of its own.
        """
        told = ["model", "train", "val", "evaluate", "metric", "batch_size", "lr", "weight_decay"]
        told += ["warmup", "clip", "average", "schedule", "optimiser", "collate", "seed"]
        facts = {field: describe(getattr(self, field), field) for field in told}
        facts["steps"] = self.budget(budget).steps
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]

    def reached(self, metrics: Mapping[str, float | None], budget: str = "full") -> bool:
        """Whether the metrics reach the budget's bar; an undefined metric doesn't."""
        value, bar = metrics.get(self.metric), self.budget(budget).bar
        return value is not None and (value >= bar if self.higher_is_better else value <= bar)

    def judged(self, metrics: Mapping[str, float | None], budget: str = "full") -> dict:
        """The budget's bar beside what was reached: {metric, at_least (or at_most), value, reached}."""
        side = "at_least" if self.higher_is_better else "at_most"
        value, reached = metrics.get(self.metric), self.reached(metrics, budget)
        return {"metric": self.metric, side: self.budget(budget).bar, "value": value, "reached": reached}

    def parameters(self) -> dict[str, int]:
        """The number of parameters, {"tiny": …, "paper": …}, counted without allocating them."""
        with torch.device("meta"):
            models = {"tiny": self.model(), "paper": self.paper_model()}
        return {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}


def fit(
    recipe: Recipe,
    budget: str = "quick",
    *,
    steps: int | None = None,
    seed: int | None = None,
    checkpoint: str | Path | None = None,
    every: int = 50,
    resume: bool = False,
    progress: bool = True,
    device: str | torch.device | None = None,
    about: Mapping[str, str] | None = None,
) -> tuple[nn.Module, History]:
    """Make the recipe's tiny model and train it; returns it in eval mode with the averaged weights, and the
    history.

    `steps` and `seed` override the recipe's; the rest is as in `train`, whose exceptions pass through.
    """
    seed = recipe.seed if seed is None else seed
    with files.seeded(seed):
        model = recipe.model()
    history = train(
        model,
        recipe.train,
        steps=recipe.budget(budget).steps if steps is None else steps,
        **{
            name: getattr(recipe, name)
            for name in ("batch_size", "lr", "weight_decay", "warmup", "clip", "average")
        },
        **{name: getattr(recipe, name) for name in ("schedule", "optimiser", "collate")},
        seed=seed,
        checkpoint=checkpoint,
        every=every,
        resume=resume,
        progress=progress,
        device=device,
        about={"recipe": recipe.name, "made by": describe(recipe.model), **(about or {})},
    )
    return model, history
