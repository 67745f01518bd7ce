"""Arms on equal terms: the same scenes, steps and seeds, and the same effort to tune each."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from lecturekit.claims import kept
from lecturekit.data import TownScenes
from lecturekit.metrics.detection import ap_by_iou
from lecturekit.recipes.instance import predict
from lecturekit.training import Recipe, fit

TUNING = TownScenes(first=20_000_000)
RATES = (0.5, 1.0, 2.0)  # the learning rates tried for each arm, as multiples of the recipe's
TUNING_SEED = 1000  # a seed that no measured run uses


def ap_curve(model: nn.Module, scenes: TownScenes) -> dict[str, float]:
    """Mask AP of a trained model at IoU 0.50, 0.55, …, 0.95."""
    predictions, targets = predict(model, scenes)
    return {f"{iou:.2f}": ap for iou, ap in ap_by_iou(predictions, targets, "mask").items()}


def curve(recipe: Recipe, seed: int, steps: int, scenes: TownScenes, progress: bool) -> dict[str, float]:
    """The AP curve of a model trained from scratch for `steps` steps."""
    model, _ = fit(recipe, steps=steps, seed=seed, progress=progress)
    return ap_curve(model, scenes)


def mean_ap(ap: dict[str, float]) -> float:
    """AP averaged over the ten IoU thresholds, as COCO does."""
    return sum(ap.values()) / len(ap)


def tuned_curves(
    base: Recipe,
    models: Mapping[str, Callable[[], nn.Module]],
    seeds: range,
    folder: Path,
    progress: bool,
    steps: int,
    held_out: int,
    tuning: int,
) -> tuple[dict[str, list[dict]], dict]:
    """Each arm's `curve` of every seed on the held-out scenes, and the protocol in words.

    models: what makes the arms' models. Each arm's learning rate is the best of three on `tuning` other
    scenes.
    """
    curves, chosen = {}, {}
    for arm, model in models.items():
        by_rate = {}
        for factor in RATES:
            recipe = replace(base, model=model, lr=base.lr * factor)
            path = folder / f"{recipe.hash()}-{arm}-{steps}"
            run = partial(curve, recipe, steps=steps, progress=progress)
            tuned = kept(
                path / f"tuning-{tuning}.json",
                partial(run, TUNING_SEED, scenes=replace(TUNING, count=tuning)),
                progress,
            )
            by_rate[factor] = mean_ap(tuned), path, run
        chosen[arm] = max(by_rate, key=lambda factor: by_rate[factor][0])
        _, path, run = by_rate[chosen[arm]]
        scenes = replace(base.val, count=held_out)
        curves[arm] = [
            kept(path / f"seed{s}-{held_out}.json", partial(run, s, scenes=scenes), progress) for s in seeds
        ]
    return curves, {
        "steps": steps,
        "batch size": base.batch_size,
        "held-out scenes": held_out,
        "learning rates tried for each arm": [base.lr * f for f in RATES],
        "learning rate chosen": {arm: base.lr * f for arm, f in chosen.items()},
        "chosen on": f"{tuning} other scenes, one seed that is not measured",
    }
