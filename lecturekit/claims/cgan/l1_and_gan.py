"""`l1_and_gan`: L1 alone is blurred, a GAN alone strays, both together are best (arXiv 1611.07004, table 1).

Label maps to pictures. As in the paper a network that was trained on real pictures reads those made, and is
right as far as they show what the label map says.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from lecturekit import recipes
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.claims import Claim, kept
from lecturekit.claims.cgan.arms import SIDE, Remembered, drawn, judged, likeness, outcome, strip, tuned
from lecturekit.data import TownViews
from lecturekit.recipes.measures import translated
from lecturekit.training import Recipe

ARMS = {
    "L1": partial(Pix2Pix.tiny, adversarial=0.0),
    "GAN": partial(Pix2Pix.tiny, l1=0.0),
    "L1 + GAN": Pix2Pix.tiny,
}
WEIGHTS = (1.0, 10.0)  # of L1 beside the GAN loss, beyond the arms' 0 and 100
MARGIN = 0.03  # of pixel accuracy, and of nearness in sharpness: what both together may be short of the best
COLUMNS = ("pixel_accuracy", "mean_iou", "mae", "sharpness", "high_frequency")
SHOWN = 4  # pictures that are kept


def measure(model: nn.Module, scenes: TownViews, progress: bool = False) -> dict:
    """What is said of a model's pictures, and the first of them."""
    made = translated(model, drawn(scenes)[0])
    return judged(made, scenes) | {"pictures": strip(made[:SHOWN])}


def comparisons(runs: dict[str, list[dict]]) -> dict:
    """The claim's comparisons from its runs {arm: [measures per seed]}."""

    def pick(arm: str, name: str, margin: float = 0.0) -> list[float]:
        return [(likeness(run[name]) if name == "sharpness" else run[name]) + margin for run in runs[arm]]

    both, both_and = "L1 + GAN", f"L1 + GAN, + {MARGIN}"
    return {
        "sharpness, against L1": {both: pick(both, "sharpness"), "L1": pick("L1", "sharpness")},
        "sharpness, GAN alone": {"GAN": pick("GAN", "sharpness"), "L1": pick("L1", "sharpness")},
        "sharpness, against GAN": {
            both_and: pick(both, "sharpness", MARGIN),
            "GAN": pick("GAN", "sharpness"),
        },
        **{
            f"{name}, against GAN": {both: pick(both, name), "GAN": pick("GAN", name)}
            for name in ("pixel_accuracy", "mean_iou")
        },
        "- mae, against GAN": {arm: [-v for v in pick(arm, "mae")] for arm in (both, "GAN")},
        "pixel_accuracy, against L1": {
            both_and: pick(both, "pixel_accuracy", MARGIN),
            "L1": pick("L1", "pixel_accuracy"),
        },
    }


def base(train: int, held_out: int) -> Recipe:
    """The recipe of all arms: Pix2Pix's, on small pictures."""
    views = partial(TownViews, size=SIDE, given="labels", wanted="day")
    return replace(
        recipes.get("pix2pix"),
        train=Remembered(views(first=0, count=train)),
        val=views(first=10_000_000, count=held_out),
        evaluate=measure,
        batch_size=8,
    )


def l1_and_gan(
    seeds: range,
    folder: Path,
    progress: bool,
    steps: int = 500,
    held_out: int = 100,
    tuning: int = 50,
    train: int = 1000,
) -> dict:
    """Pix2Pix with either loss and with both; and, for one seed, with other weights of L1."""
    recipe = base(train, held_out)
    others = replace(recipe.val, first=20_000_000, count=tuning)
    runs, protocol = tuned(
        recipe,
        ARMS,
        others,
        lambda found: found["pixel_accuracy"],
        seeds=seeds,
        folder=folder,
        progress=progress,
        steps=steps,
    )
    slider = {"0": runs["GAN"][0], "100": runs["L1 + GAN"][0], "L1 alone": runs["L1"][0]}
    rate = protocol["learning rate chosen"]["L1 + GAN"]
    for weight in WEIGHTS:
        own = replace(recipe, model=partial(Pix2Pix.tiny, l1=weight), lr=rate)
        path = folder / f"{own.hash()}-l1-{weight:g}-{steps}" / f"seed{seeds[0]}-{held_out}.json"
        run = partial(outcome, own, seeds[0], steps, own.val, progress)
        slider[f"{weight:g}"] = kept(path, run, progress)
    given, wanted, _ = drawn(recipe.val)
    pictures = {"label map": strip(given[:SHOWN]), "real": strip(wanted[:SHOWN])}
    pictures |= {arm: found["pictures"] for arm, found in slider.items()}
    plain = {arm: [without_pictures(run) for run in own] for arm, own in runs.items()}
    real = judged(wanted, recipe.val)
    return {
        "comparisons": comparisons(plain),
        "runs": plain,
        "table": {
            **{arm: {name: [run[name] for run in own] for name in COLUMNS} for arm, own in plain.items()},
            "real": {name: [real[name]] * len(seeds) for name in COLUMNS},
        },
        "slider": {weight: without_pictures(found) for weight, found in slider.items()},
        "pictures": pictures,
        "protocol": protocol
        | {
            "chosen by": "pixel accuracy",
            "weights": "L1: 100 and no discriminator; GAN: 0; L1 + GAN: 100, the paper's",
            "sharpness": "mean gradient as a share of the real pictures'; compared is the nearness to 1, "
            "min(share, 1 / share)",
            "both together": f"at most {MARGIN} short of the better of the two alone",
            "slider": f"seed {seeds[0]}; the weights 1 and 10 have the learning rate of L1 + GAN",
            "pictures": f"PNGs in base64, {SHOWN} held-out scenes side by side, of seed {seeds[0]}",
        },
    }


def without_pictures(found: dict) -> dict:
    return {name: value for name, value in found.items() if name != "pictures"}


CLAIM = Claim(
    "l1_and_gan",
    "cgan",
    "L1 alone is blurred and the GAN alone follows its input less; both together are sharp and follow it.",
    l1_and_gan,
    seeds=3,
)
