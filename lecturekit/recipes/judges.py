"""Recipes of the judges: networks that look at generated pictures, trained on real ones alone."""

from collections.abc import Mapping

import torch
from torch import nn

from lecturekit.data import Digits, TownMaps
from lecturekit.metrics.judges import DaylightJudge, DigitJudge, Segmenter, segmentation_metrics
from lecturekit.training import Budget, Recipe


@torch.no_grad()
def evaluate_digits(model: nn.Module, dataset, progress: bool = False) -> dict[str, float]:
    """The share of digits that are read right."""
    images, labels = dataset.all()
    return {"accuracy": float((model.eval()(images).argmax(dim=1) == labels).float().mean())}


@torch.no_grad()
def evaluate_segmenter(model: nn.Module, dataset, progress: bool = False) -> dict[str, float]:
    """Pixel accuracy and mean IoU on a dataset of pictures with semantic maps."""
    model.eval()
    pairs = [(model(picture[None])[0].argmax(dim=0), truth) for picture, truth, _ in dataset]
    seen, truth = (torch.stack(maps) for maps in zip(*pairs, strict=True))
    return dict(segmentation_metrics(seen, truth, classes=model.head.out_channels // 4))


@torch.no_grad()
def evaluate_daylight(model: nn.Module, dataset, progress: bool = False) -> dict[str, float]:
    """The share of pictures whose time of day is told right."""
    model.eval()
    right = [bool(model(picture[None])[0] > 0) == bool(night) for picture, _, night in dataset]
    return {"accuracy": sum(right) / len(right)}


@torch.no_grad()
def probe(model: nn.Module, dataset) -> Mapping[str, torch.Tensor]:
    """The logits for the dataset's first picture."""
    return {"logits": model.eval()(dataset[0][0][None])}


DIGIT_JUDGE = Recipe(
    name="digit_judge",
    lecture="cgan",
    paper=None,
    model=DigitJudge,
    paper_model=None,
    train=Digits("train"),
    val=Digits("val"),
    evaluate=evaluate_digits,
    probe=probe,
    metric="accuracy",
    quick=Budget(steps=300, bar=0.95, note="five seconds"),
    full=Budget(steps=1500, bar=0.97, note="half a minute on one core"),
    batch_size=64,
    lr=2e-3,
    weight_decay=1e-2,
    warmup=20,
    average=0.99,
)

TOWN_SEGMENTER = Recipe(
    name="town_segmenter",
    lecture="cgan",
    paper=None,
    model=Segmenter,
    paper_model=None,
    train=TownMaps(first=0, count=1_000_000),
    val=TownMaps(first=10_000_000, count=100),
    evaluate=evaluate_segmenter,
    probe=probe,
    metric="pixel_accuracy",
    quick=Budget(steps=300, bar=0.90, note="half a minute on one core"),
    full=Budget(steps=2000, bar=0.95, note="ten minutes on one core"),
    batch_size=8,
    lr=4e-3,
    warmup=50,
    average=0.99,
)

DAYLIGHT_JUDGE = Recipe(
    name="daylight_judge",
    lecture="cgan",
    paper=None,
    model=DaylightJudge,
    paper_model=None,
    train=TownMaps(first=0, count=1_000_000, dimmed=0.9),
    val=TownMaps(first=10_000_000, count=200, dimmed=0.9),
    evaluate=evaluate_daylight,
    probe=probe,
    metric="accuracy",
    quick=Budget(steps=60, bar=0.95, note="ten seconds"),
    full=Budget(steps=300, bar=0.98, note="a minute on one core"),
    batch_size=16,
    lr=2e-3,
    warmup=10,
    average=0.9,
)
