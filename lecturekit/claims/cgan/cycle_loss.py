"""`cycle_loss`: with the GAN losses alone a translation may ignore its input (arXiv 1703.10593, table 4).

A discriminator asks for a picture by night, not for this one. The cycle loss asks that the picture by day can
be told from it. The identity loss is off in both arms: it is tied to the cycle loss, and holds the input too.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from lecturekit import recipes
from lecturekit.cgan.cyclegan import CycleGAN
from lecturekit.claims import Claim
from lecturekit.claims.cgan.arms import SIDE, Remembered, drawn, judged, tuned
from lecturekit.data import TownHeaps, TownViews
from lecturekit.recipes.measures import translated
from lecturekit.training import Recipe

WITH = "with the cycle loss"
ARMS: dict[str, Callable[[], nn.Module]] = {
    WITH: partial(CycleGAN.tiny, identity=0.0),
    "without": partial(CycleGAN.tiny, identity=0.0, cycle=0.0),
}
STEPS, HELD_OUT, TUNING, TRAIN = 500, 100, 50, 1000


def measure(model: nn.Module, scenes: TownViews, progress: bool = False) -> dict:
    """What is said of scenes translated to night, to day, and how far those to night come back (restored)."""
    day, night, _ = drawn(scenes)
    made = {"night": translated(model, day, to="night"), "day": translated(model, night, to="day")}
    back = translated(model, made["night"], to="day")
    return {
        "night": judged(made["night"], scenes),
        "day": judged(made["day"], replace(scenes, given="night", wanted="day")),
        "restored": float((back - day).abs().mean()),
    }


def both_ways(found: dict, name: str) -> float:
    """One of the judges' numbers, the mean over both directions."""
    return (found["night"][name] + found["day"][name]) / 2


def score(found: dict) -> float:
    """What a learning rate is chosen by: translated, and still the same scene."""
    return sum(found[to]["convinced"] * found[to]["mean_iou"] for to in ("night", "day"))


def comparisons(runs: dict[str, list[dict]]) -> dict:
    """The claim's comparisons from its runs {arm: [measures per seed]}."""
    return {
        what: {arm: [both_ways(run, name) for run in runs[arm]] for arm in ARMS}
        for what, name in (("variety of the outputs", "variety"), ("mean IoU", "mean_iou"))
    }


def base(train: int, held_out: int) -> Recipe:
    """The recipe of both arms: CycleGAN's, on small pictures; no scene is in both heaps."""
    return replace(
        recipes.get("cyclegan"),
        train=Remembered(TownHeaps(first=0, count=train, size=SIDE)),
        val=day_to_night(first=10_000_000, count=held_out),
        evaluate=measure,
        batch_size=1,  # the paper's
    )


def day_to_night(first: int, count: int) -> TownViews:
    """Scenes by day, and by night as the answer."""
    return TownViews(first=first, count=count, size=SIDE, given="day", wanted="night")


def cycle_loss(
    seeds: range,
    folder: Path,
    progress: bool,
    steps: int = STEPS,
    held_out: int = HELD_OUT,
    tuning: int = TUNING,
    train: int = TRAIN,
) -> dict:
    """CycleGAN with and without the cycle loss: the same heaps, steps and seeds, three rates tried each."""
    runs, protocol = tuned(
        base(train, held_out),
        ARMS,
        day_to_night(first=20_000_000, count=tuning),
        score,
        seeds=seeds,
        folder=folder,
        progress=progress,
        steps=steps,
    )
    return {
        "comparisons": comparisons(runs),
        "runs": runs,
        "protocol": protocol
        | {
            "chosen by": "share of convinced judgements times mean IoU, both directions",
            "variety": "mean distance of two outputs as a share of that of two real pictures: 0 if all are "
            "alike",
            "directions": "day to night and night to day; compared is their mean",
            "losses": "GAN losses in both arms, cycle loss of weight 10 or 0, no identity loss",
        },
    }


CLAIM = Claim(
    "cycle_loss",
    "cgan",
    "Without the cycle loss CycleGAN may ignore its input: its outputs are more alike and show less of it.",
    cycle_loss,
    seeds=3,
)
