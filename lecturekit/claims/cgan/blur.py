"""`blur`: MSE and MAE blur, a GAN doesn't, and pays with PSNR (arXiv 1609.04802, tables 1 and 2).

Super-resolution: many large pictures shrink to the same small one, and a network that is punished for its
distance from the true one draws their average. All arms go on from the same network, trained by MSE.
"""

import functools
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.transforms.functional import center_crop

from lecturekit import recipes
from lecturekit.cgan.srgan import SRGAN
from lecturekit.cgan.super_resolution import SuperResolution
from lecturekit.claims import Claim, kept
from lecturekit.claims.cgan.arms import Remembered, likeness
from lecturekit.claims.instance.arms import RATES, TUNING_SEED
from lecturekit.data import Photographs, PhotoPatches
from lecturekit.data.photos import HELD_OUT
from lecturekit.metrics.images import bicubic, gradient_magnitude, high_frequency_share, psnr, spectrum
from lecturekit.training import train

SIZE = 32  # pixels of the patches
REGRESSIONS = ("MSE", "MAE")
ARMS = (*REGRESSIONS, "SRGAN")
RATE = 4e-4  # the regressions' learning rate, of which RATES are multiples
BINS = 32
MIDDLE = 256  # pixels of each held-out photograph


def learn(model: nn.Module, patches: object, system: str, steps: int, rate: float, seed: int) -> None:
    """Training as the recipe of `system` has it, at some learning rate."""
    recipe = recipes.get(system)
    settings = ("batch_size", "weight_decay", "warmup", "clip", "average", "schedule", "optimiser")
    settings = {name: getattr(recipe, name) for name in settings}
    train(model, patches, steps=steps, lr=rate, seed=seed, progress=False, **settings)


def started(seed: int, steps: int, patches: object) -> dict[str, Tensor]:
    """The weights of a generator trained from scratch by MSE, which all arms of a seed go on from."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SuperResolution.tiny()
    learn(model, patches, "super_resolution", steps, recipes.get("super_resolution").lr, seed)
    return model.generator.state_dict()


def continued(arm: str, start: dict, seed: int, steps: int, rate: float, patches: object) -> nn.Module:
    """An arm, trained from the weights `start` on."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SRGAN.tiny(size=SIZE) if arm == "SRGAN" else SuperResolution.tiny(loss=arm.lower())
    model.generator.load_state_dict(start)
    learn(model, patches, "srgan", steps, rate, seed + 1)
    return model


def tuning(start: int, steps: int, patches: object, count: int) -> dict[str, dict[str, float]]:
    """PSNR on `count` patches of tuning of both regressions, by learning rate."""
    weights = started(TUNING_SEED, start, patches)
    others = PhotoPatches(first=20_000_000, count=count, town=0.0)
    small, large = (torch.stack(pictures) for pictures in zip(*others, strict=True))

    def gained(arm: str, rate: float) -> float:
        model = continued(arm, weights, TUNING_SEED, max(1, steps // 2), rate, patches)
        return psnr(model.upscale(small), large, on_luma=True, border=4)

    return {arm: {str(RATE * factor): gained(arm, RATE * factor) for factor in RATES} for arm in REGRESSIONS}


@functools.cache
def held_out() -> tuple[Tensor, Tensor]:
    """The middle of each held-out photograph: small [4, 3, 64, 64] and large [4, 3, 256, 256]."""
    middles = [center_crop(large, [MIDDLE, MIDDLE]) for _, large in Photographs("val")]
    large = torch.stack(middles)
    return bicubic(large, 0.25), large


def measure(made: Tensor) -> dict:
    """PSNR on luma in dB; sharpness (mean gradient) and high_frequency as shares of the true pictures'; and
    the spectrum.
    """
    _, truth = held_out()
    return {
        "psnr": psnr(made, truth, on_luma=True, border=4),
        "sharpness": gradient_magnitude(made) / gradient_magnitude(truth),
        "high_frequency": high_frequency_share(made) / high_frequency_share(truth),
        "spectrum": spectrum(made, BINS)[1].tolist(),
    }


def outcome(seed: int, start: int, steps: int, rates: dict, patches: object) -> dict:
    """The measures of every arm, and of the start, on the held-out photographs."""
    weights = started(seed, start, patches)
    begun = SuperResolution.tiny()
    begun.generator.load_state_dict(weights)
    models = {arm: continued(arm, weights, seed, steps, rates[arm], patches) for arm in ARMS}
    return {
        name: measure(model.upscale(held_out()[0])) for name, model in ({"start": begun} | models).items()
    }


def comparisons(runs: list[dict[str, dict]]) -> dict:
    """The claim's comparisons from its runs, {arm: measures} per seed."""

    def pick(arm: str, name: str) -> list[float]:
        return [run[arm][name] for run in runs]

    found = {}
    for arm in REGRESSIONS:
        found[f"PSNR, {arm}"] = {arm: pick(arm, "psnr"), "SRGAN": pick("SRGAN", "psnr")}
        for name in ("sharpness", "high_frequency"):
            found[f"{name}, {arm}"] = {
                own: [likeness(share) for share in pick(own, name)] for own in ("SRGAN", arm)
            }
    return found


def blur(
    seeds: range,
    folder: Path,
    progress: bool,
    start: int = 400,
    steps: int = 300,
    count: int = 2000,
    tuned: int = 50,
) -> dict:
    """MSE, MAE and SRGAN for equally many steps from the same start, on patches of photographs."""
    patches = Remembered(PhotoPatches(first=0, count=count, size=SIZE, town=0.0))
    path = folder / f"{start}-{steps}-{count}"
    tried = kept(path / f"tuning-{tuned}.json", partial(tuning, start, steps, patches, tuned), progress)
    rates = {arm: float(max(own, key=own.get)) for arm, own in tried.items()}
    rates["SRGAN"] = recipes.get("srgan").lr
    runs = [
        kept(path / f"seed{s}.json", partial(outcome, s, start, steps, rates, patches), progress)
        for s in seeds
    ]
    small, large = held_out()
    return {
        "comparisons": comparisons(runs),
        "runs": runs,
        "frequencies": spectrum(large, BINS)[0].tolist(),
        "real": {"spectrum": spectrum(large, BINS)[1].tolist()},
        "bicubic": measure(bicubic(small, 4)),
        "protocol": {
            "steps": f"{start} by MSE as in its recipe, then {steps} for each arm as in SRGAN's",
            "batch size": recipes.get("srgan").batch_size,
            "patches": f"{count} of {SIZE} pixels, of the training photographs",
            "held-out pictures": f"the middle {MIDDLE} x {MIDDLE} pixels of {', '.join(HELD_OUT)}",
            "learning rates tried for MSE and MAE": [RATE * factor for factor in RATES],
            "learning rate chosen": rates,
            "chosen by": f"PSNR on {tuned} other patches, after half the steps, one seed that is not "
            "measured; SRGAN has its recipe's",
            "sharpness": "mean gradient, and the power above a quarter cycle per pixel, as shares of the "
            "real photographs'; compared is the nearness to 1, min(share, 1 / share)",
            "changed after a first run": "the start's warm-up and clipping, as in its recipe: without them "
            "one seed's start stayed at 17 dB, far below bicubic interpolation, and the verdict was "
            "not shown",
            "spectra": "power of luma by frequency, in cycles per pixel",
        },
    }


CLAIM = Claim(
    "blur",
    "cgan",
    "Super-resolution by MSE or MAE has the better PSNR, but is blurred; SRGAN is sharper.",
    blur,
    seeds=3,
)
