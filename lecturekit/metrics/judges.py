"""Frozen networks that look at generated pictures in our stead, and the metrics that they give.

A judge is trained on real pictures alone, is no player of any game, and has another architecture than every
discriminator, so that a generator which fools its discriminator doesn't fool the judge for the same reason.
Each is right in 0.95 or more of held-out real pictures; its card says how often.
"""

import functools
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHTS = Path(__file__).parents[1] / "weights"


def block(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    """A 3x3 convolution that keeps the size, group norm and GELU."""
    conv = nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(conv, nn.GroupNorm(8, outputs), nn.GELU())


class DigitJudge(nn.Module):
    """Digits [B,1,8,8] in 0..1 -> logits [B,10]; `features(x)` gives the [B,64] that they are read from."""

    def __init__(self, classes: int = 10):
        super().__init__()
        self.body = nn.Sequential(block(1, 32), block(32, 64), nn.MaxPool2d(2), block(64, 64))
        self.squeeze = nn.Sequential(nn.Flatten(), nn.Linear(64 * 16, 64), nn.GELU(), nn.Dropout(0.3))
        self.head = nn.Linear(64, classes)

    def features(self, x: Tensor) -> Tensor:
        return self.squeeze(self.body(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def losses(self, batch: tuple[Tensor, Tensor], player: str = "model") -> dict[str, Tensor]:
        images, labels = batch
        return {"loss_class": F.cross_entropy(self(images), labels)}


class Segmenter(nn.Module):
    """Pictures [B,3,H,W] in 0..1, by day or by night, H and W multiples of 8 -> class logits [B,K,H,W].

    Features at three sizes, each with widening (dilated) convolutions, summed at the finest one.
    """

    def __init__(self, classes: int = 10, width: int = 24):
        super().__init__()
        wide = 2 * width
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), block(12, width), block(width, width))
        self.middle = nn.Sequential(nn.PixelUnshuffle(2), block(4 * width, wide), block(wide, wide, 2))
        self.deep = nn.Sequential(
            nn.MaxPool2d(2), block(wide, wide), block(wide, wide, 2), block(wide, wide, 4)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(inputs, width, 1) for inputs in (width, wide, wide))
        self.refine = block(width, width)
        self.head = nn.Conv2d(width, 4 * classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.stem(x)  # [B, width, H/2, W/2]
        middle = self.middle(fine)  # [B, 2 width, H/4, W/4]
        deep = self.deep(middle)  # [B, 2 width, H/8, W/8]
        levels = [layer(level) for layer, level in zip(self.narrow, (fine, middle, deep), strict=True)]
        size = fine.shape[2:]
        x = sum(F.interpolate(v, size, mode="bilinear", align_corners=False) for v in levels)
        return F.pixel_shuffle(self.head(self.refine(x)), 2)  # [B, K, H, W]

    def losses(self, batch: tuple[Tensor, Tensor, Tensor], player: str = "model") -> dict[str, Tensor]:
        images, semantic, _ = batch
        return {"loss_pixel": F.cross_entropy(self(images), semantic)}


class DaylightJudge(nn.Module):
    """Pictures [B,3,H,W] in 0..1 -> logits [B] of being by night."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.body = nn.Sequential(
            nn.PixelUnshuffle(4), block(48, width), nn.AvgPool2d(2), block(width, 2 * width)
        )
        self.head = nn.Linear(4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        return self.head(torch.cat((x.mean(dim=(2, 3)), x.amax(dim=(2, 3))), dim=1))[:, 0]

    def losses(self, batch: tuple[Tensor, Tensor, Tensor], player: str = "model") -> dict[str, Tensor]:
        images, _, night = batch
        return {"loss_night": F.binary_cross_entropy_with_logits(self(images), night.float())}


JUDGES = {"digit_judge": DigitJudge, "town_segmenter": Segmenter, "daylight_judge": DaylightJudge}


@functools.cache
def judge(name: str) -> nn.Module:
    """The trained judge of that name, in eval mode and without gradients of its weights.

    Raises ValueError for an unknown name, FileNotFoundError where its weights are missing.
    """
    from safetensors.torch import load_file

    if name not in JUDGES:
        raise ValueError(f"judge must be one of {', '.join(JUDGES)}, got {name!r}")
    model = JUDGES[name]()
    model.load_state_dict(load_file(WEIGHTS / f"{name}.safetensors"))
    return model.eval().requires_grad_(False)


@torch.no_grad()
def conditional_accuracy(images: Tensor, labels: Tensor) -> float:
    """The share of digits [N,1,8,8] in 0..1 that the judge reads as their labels [N]."""
    _same_length(images, labels)
    return float((judge("digit_judge")(images).argmax(dim=1) == labels).float().mean())


@torch.no_grad()
def diversity(images: Tensor, labels: Tensor, real: Tensor, real_labels: Tensor) -> float:
    """How different digits [N,1,8,8] of one class are, as a share of how different the real ones are.

    The mean pairwise distance of the judge's features within a class, averaged over the classes: 0 for a
    generator that knows one picture of each class, 1 for one as varied as the real digits. Raises ValueError
    unless every class of `labels` has two pictures on both sides.
    """
    _same_length(images, labels)
    _same_length(real, real_labels)
    classes = labels.unique().tolist()
    own, theirs = (
        [_spread(x[y == c], c) for c in classes] for x, y in ((images, labels), (real, real_labels))
    )
    return sum(own) / sum(theirs)


def nearest(images: Tensor, others: Tensor) -> Tensor:
    """The Euclidean distance [N] of each picture [N,C,H,W] to the nearest of `others` [M,C,H,W]."""
    return torch.cdist(images.flatten(1), others.flatten(1)).amin(dim=1)


def copies(images: Tensor, real: Tensor, held_out: Tensor) -> float:
    """How near generated pictures lie to the `real` ones of training, compared with held-out real ones.

    The ratio of the medians of `nearest`: about 1 (or above) for new pictures, 0 for copies.
    """
    return float(nearest(images, real).median() / nearest(held_out, real).median())


@torch.no_grad()
def read(pictures: Tensor) -> Tensor:
    """The semantic maps int64 [B,H,W] that the segmenter sees in pictures [B,3,H,W] of Toy Town."""
    return judge("town_segmenter")(pictures).argmax(dim=1)


@torch.no_grad()
def by_night(pictures: Tensor) -> Tensor:
    """Which of the pictures [B,3,H,W] the judge of daylight takes for night, bool [B]."""
    return judge("daylight_judge")(pictures) > 0


def segmentation_metrics(seen: Tensor, truth: Tensor, classes: int) -> Mapping[str, float]:
    """{pixel_accuracy, mean_iou} of semantic maps [B,H,W] over all pixels; classes that are neither seen nor
    true have no IoU and count for nothing.
    """
    if seen.shape != truth.shape:
        raise ValueError(f"seen has shape {tuple(seen.shape)}, truth has {tuple(truth.shape)}")
    pairs = truth.flatten() * classes + seen.flatten()
    confusion = torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()
    hits = confusion.diagonal()
    union = confusion.sum(dim=0) + confusion.sum(dim=1) - hits
    present = union > 0
    return {
        "pixel_accuracy": float(hits.sum() / confusion.sum()),
        "mean_iou": float((hits[present] / union[present]).mean()),
    }


def _spread(images: Tensor, label: int) -> float:
    if len(images) < 2:
        raise ValueError(f"images: two or more of class {label} are needed, got {len(images)}")
    return float(F.pdist(judge("digit_judge").features(images)).mean())


def _same_length(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 4 or len(images) != len(labels):
        raise ValueError(
            f"images [N,1,8,8] and labels [N] are expected, got {tuple(images.shape)} and "
            f"{tuple(labels.shape)}"
        )
