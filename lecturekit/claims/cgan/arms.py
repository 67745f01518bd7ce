"""Arms on equal terms, and what the judges say of their pictures."""

import base64
import functools
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from lecturekit.claims import kept
from lecturekit.claims.instance.arms import RATES, TUNING_SEED
from lecturekit.data import TownViews
from lecturekit.metrics.images import bicubic, gradient_magnitude, high_frequency_share
from lecturekit.metrics.judges import by_night, read, segmentation_metrics
from lecturekit.town import SEMANTIC
from lecturekit.training import Recipe, fit

SIDE = 64  # of the pictures, in pixels


@dataclass(frozen=True)
class Remembered:
    """A dataset whose samples are made once, for all arms and seeds of a run."""

    dataset: object

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, i: int):
        return _samples(self.dataset)[i]


@functools.cache
def _samples(dataset) -> list:
    return [dataset[i] for i in range(len(dataset))]


@functools.cache
def drawn(scenes: TownViews) -> tuple[Tensor, Tensor, Tensor]:
    """All the scenes at once: pictures given and wanted [N, 3, H, W], and semantic maps [N, H, W]."""
    given, wanted = (torch.stack(pictures) for pictures in zip(*_samples(scenes), strict=True))
    return given, wanted, torch.stack([scenes.semantic(i) for i in range(len(scenes))])


def judged(made: Tensor, scenes: TownViews) -> dict[str, float]:
    """What is to be said of pictures [N, 3, H, W] made of the scenes' given ones.

    pixel_accuracy and mean_iou of what the segmenter reads in them, enlarged twice (in real pictures of 64
    pixels it reads 0.85 of the pixels right, and 0.98 at the size that it learned from); the share in which
    the judge of daylight is convinced that it is as wanted; the mean absolute error (mae); and as shares of
    the wanted pictures': sharpness (mean gradient), high_frequency, and variety (mean distance of two).
    """
    _, wanted, semantic = drawn(scenes)
    doubled = semantic.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    night = by_night(made) if scenes.wanted == "night" else ~by_night(made)
    return {
        **segmentation_metrics(read(bicubic(made, 2)), doubled, len(SEMANTIC)),
        "convinced": float(night.float().mean()),
        "mae": float((made - wanted).abs().mean()),
        "sharpness": gradient_magnitude(made) / gradient_magnitude(wanted),
        "high_frequency": high_frequency_share(made) / high_frequency_share(wanted),
        "variety": float(F.pdist(made.flatten(1)).mean() / F.pdist(wanted.flatten(1)).mean()),
    }


def likeness(share: float) -> float:
    """A share of the real pictures' sharpness as nearness to it, 0..1: too much is as bad as too little."""
    return min(share, 1 / share)


def tuned(
    base: Recipe,
    models: Mapping[str, Callable[[], nn.Module]],
    tuning: object,
    score: Callable[[dict], float],
    *,
    seeds: range,
    folder: Path,
    progress: bool,
    steps: int,
) -> tuple[dict[str, list[dict]], dict]:
    """Each arm's measures of every seed, {arm: [`base.evaluate`'s on `base.val`]}, and the protocol in words.

    models: what makes the arms' models. Each arm's learning rate is the one of three that has the best
    `score` of its measures on `tuning`, other held-out scenes, after half the steps.
    """
    runs, chosen = {}, {}
    for arm, model in models.items():
        recipes = [replace(base, model=model, lr=base.lr * factor) for factor in RATES]
        paths = [folder / f"{recipe.hash()}-{arm}-{steps}" for recipe in recipes]
        scores = []
        for recipe, path in zip(recipes, paths, strict=True):
            run = partial(outcome, recipe, TUNING_SEED, max(1, steps // 2), tuning, progress)
            scores.append(score(kept(path / f"tuning-{len(tuning)}.json", run, progress)))
        best = scores.index(max(scores))
        chosen[arm] = recipes[best].lr
        runs[arm] = [
            kept(
                paths[best] / f"seed{s}-{len(base.val)}.json",
                partial(outcome, recipes[best], s, steps, base.val, progress),
                progress,
            )
            for s in seeds
        ]
    return runs, {
        "steps": steps,
        "batch size": base.batch_size,
        "pictures": f"{SIDE} x {SIDE} pixels; {len(base.train)} for training",
        "held-out scenes": len(base.val),
        "learning rates tried for each arm": [base.lr * factor for factor in RATES],
        "learning rate chosen": chosen,
        "chosen on": f"{len(tuning)} other scenes, after half the steps, one seed that is not measured",
    }


def outcome(recipe: Recipe, seed: int, steps: int, scenes: object, progress: bool) -> dict:
    """The recipe's measures on `scenes` of a model trained from scratch."""
    model, _ = fit(recipe, steps=steps, seed=seed, progress=progress)
    return recipe.evaluate(model, scenes, progress)


def strip(pictures: Tensor) -> str:
    """Pictures [N, 3, H, W] in 0..1 side by side, as a PNG in base64, which JSON can hold."""
    row = (torch.cat(list(pictures), dim=2).permute(1, 2, 0) * 255).round().byte()
    file = io.BytesIO()
    Image.fromarray(row.numpy()).save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def unstrip(text: str) -> Tensor:
    """The square pictures [N, 3, H, H] in 0..1 of a `strip`."""
    row = np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))
    pictures = torch.from_numpy(row.copy()).permute(2, 0, 1).float() / 255
    return torch.stack(pictures.split(pictures.shape[1], dim=2))
