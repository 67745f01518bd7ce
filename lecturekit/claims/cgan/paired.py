"""`paired`: where there are pairs, they teach more than two heaps do (arXiv 1703.10593, tables 2 and 3).

Day to night with the same generator and as many pictures: by Pix2Pix's loss on pairs, each scene by day and
by night, or by CycleGAN's on two heaps of which no scene is in both. The latter is the arm of `cycle_loss`.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from lecturekit.cgan.cyclegan import ResnetGenerator
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.claims import Claim
from lecturekit.claims.cgan import cycle_loss
from lecturekit.claims.cgan.arms import Remembered, drawn, judged, tuned
from lecturekit.data import TownViews
from lecturekit.layers.gan import PatchGAN
from lecturekit.recipes.measures import translated
from lecturekit.training import Recipe

ARMS = ("pairs", "heaps")


def paired_translator() -> Pix2Pix:
    """Pix2Pix's game with the networks of `CycleGAN.tiny`; the discriminator sees both pictures of a pair."""
    model = Pix2Pix.tiny()
    model.generator = ResnetGenerator(width=16, blocks=4)
    model.discriminator = PatchGAN(6, width=16, layers=2, norm="instance")
    return model


def measure(model: nn.Module, scenes: TownViews, progress: bool = False) -> dict:
    """What is said of scenes translated to night."""
    return {"night": judged(translated(model, drawn(scenes)[0]), scenes)}


def score(found: dict) -> float:
    """What a learning rate is chosen by: translated, and still the same scene."""
    return found["night"]["convinced"] * found["night"]["mean_iou"]


def comparisons(runs: dict[str, list[dict]]) -> dict:
    """The claim's comparisons from its runs {arm: [measures per seed]}."""

    def pick(arm: str, name: str) -> list[float]:
        return [run["night"][name] for run in runs[arm]]

    return {
        **{name: {arm: pick(arm, name) for arm in ARMS} for name in ("mean_iou", "pixel_accuracy")},
        "- mae to the true night": {arm: [-v for v in pick(arm, "mae")] for arm in ARMS},
    }


def base(train: int, held_out: int) -> Recipe:
    """The recipe of the paired arm: CycleGAN's, but for the pictures, which come in pairs."""
    pairs = Remembered(cycle_loss.day_to_night(first=0, count=train))
    recipe = cycle_loss.base(train, held_out)
    return replace(recipe, model=paired_translator, train=pairs, evaluate=measure)


def paired(
    seeds: range,
    folder: Path,
    progress: bool,
    steps: int = cycle_loss.STEPS,
    held_out: int = cycle_loss.HELD_OUT,
    tuning: int = cycle_loss.TUNING,
    train: int = cycle_loss.TRAIN,
) -> dict:
    """Both arms on the same steps, batch sizes and seeds; the unpaired one's parts are `cycle_loss`'s."""
    other = cycle_loss.day_to_night(first=20_000_000, count=tuning)
    run = partial(tuned, tuning=other, seeds=seeds, progress=progress, steps=steps)
    runs, protocol = run(base(train, held_out), {"pairs": paired_translator}, score=score, folder=folder)
    unpaired, its = run(
        cycle_loss.base(train, held_out),
        {cycle_loss.WITH: cycle_loss.ARMS[cycle_loss.WITH]},
        score=cycle_loss.score,
        folder=folder.parent / cycle_loss.CLAIM.name,
    )
    runs["heaps"] = unpaired[cycle_loss.WITH]
    rates = protocol["learning rate chosen"] | {"heaps": its["learning rate chosen"][cycle_loss.WITH]}
    return {
        "comparisons": comparisons(runs),
        "runs": runs,
        "protocol": protocol
        | {
            "learning rate chosen": rates,
            "chosen by": "share of convinced judgements times mean IoU",
            "pairs": "GAN loss + 100 * L1 to the true picture by night",
            "heaps": "GAN losses + 10 * cycle loss, both directions trained",
            "networks": "generators and PatchGANs of the same sizes in both arms",
        },
    }


CLAIM = Claim(
    "paired",
    "cgan",
    "Where there are pairs, Pix2Pix's loss translates better than CycleGAN's on as many pictures.",
    paired,
    seeds=3,
)
