"""How generated pictures are measured: each function gives a trained model's metrics on held-out data."""

import torch
from torch import nn

from lecturekit.data import Digits
from lecturekit.data.views import SEMANTIC, read_labels
from lecturekit.metrics import images as measure
from lecturekit.metrics.judges import (
    by_night,
    conditional_accuracy,
    copies,
    diversity,
    read,
    segmentation_metrics,
)

EACH = 100  # digits sampled of each class
CONVINCED, SHARE = 0.90, 0.70  # what CycleGAN's joint score asks of the judge and of the segmenter


def evaluate_conditional_gan(model: nn.Module, dataset, progress: bool = False) -> dict[str, float | None]:
    """Do 100 digits of each class look like their class, are they varied, and are they new?

    {conditional_accuracy, diversity, copies}, as in `metrics.judges`, in which `dataset` stands for the real
    digits; None each for digits of another size than the judge reads, which are MNIST's.
    """
    if model.size != 8 or not isinstance(dataset, Digits):
        return dict.fromkeys(("conditional_accuracy", "diversity", "copies"))
    labels = torch.arange(model.num_classes).repeat_interleave(EACH)
    pictures = model.sample(labels, seed=10_000_000).cpu()
    held_out, truth = dataset.all()
    trained_on, _ = type(dataset)(part="train").all()
    return {
        "conditional_accuracy": conditional_accuracy(pictures, labels),
        "diversity": diversity(pictures, labels, held_out, truth),
        "copies": copies(pictures, trained_on, held_out),
    }


def evaluate_upscaling(model: nn.Module, dataset, progress: bool = False) -> dict[str, float]:
    """The enlarged pictures against the true ones, and against bicubic interpolation.

    psnr, psnr_bicubic and their difference psnr_gain in dB, and ssim: all on luma, without a border of 4
    pixels. sharpness is the mean gradient as a share of the true picture's, high_frequency that of the
    spectrum's upper half.
    """
    rows = []
    for small, large in dataset:
        truth = large[None]
        made = model.upscale(small[None].to(next(model.parameters()).device)).cpu()
        plain = measure.bicubic(small[None], 4)
        rows.append(
            {
                "psnr": measure.psnr(made, truth, on_luma=True, border=4),
                "psnr_bicubic": measure.psnr(plain, truth, on_luma=True, border=4),
                "ssim": measure.ssim(made, truth, on_luma=True, border=4),
                "sharpness": measure.gradient_magnitude(made) / measure.gradient_magnitude(truth),
                "high_frequency": measure.high_frequency_share(made) / measure.high_frequency_share(truth),
            }
        )
    means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
    return means | {"psnr_gain": means["psnr"] - means["psnr_bicubic"]}


def evaluate_pix2pix(model: nn.Module, dataset, progress: bool = False) -> dict[str, float]:
    """Can a network that was trained on real pictures read the generated ones?

    pixel_accuracy and mean_iou of what the segmenter reads in them (of the colours themselves, where label
    maps are wanted), the same for the real pictures, pixel_accuracy_share, and the mean absolute error (mae).
    """
    truth = torch.stack([dataset.semantic(i) for i in range(len(dataset))])
    given, wanted = (torch.stack(pictures) for pictures in zip(*dataset, strict=True))
    made = translated(model, given)
    reader = read_labels if dataset.wanted == "labels" else read
    own = segmentation_metrics(_in_parts(reader, made), truth, len(SEMANTIC))
    real = segmentation_metrics(_in_parts(reader, wanted), truth, len(SEMANTIC))
    return {
        **own,
        **{f"real_{name}": value for name, value in real.items()},
        "pixel_accuracy_share": own["pixel_accuracy"] / real["pixel_accuracy"],
        "mae": float((made - wanted).abs().mean()),
    }


def evaluate_cyclegan(model: nn.Module, dataset, progress: bool = False) -> dict[str, float]:
    """Does the judge take the translated pictures for the other time of day, and does the segmenter still
    read in them what was there? Both directions together.

    convinced; mean_iou, pixel_accuracy, the same for the real pictures, mean_iou_share; reconstruction, the
    mean absolute error after the way there and back; and joint: the lesser of convinced / 0.90 and
    mean_iou_share / 0.70, so that 1 or more says that both are reached.
    """
    real = dict(
        zip(model.domains, (torch.stack(pictures) for pictures in zip(*dataset, strict=True)), strict=True)
    )
    truth = torch.cat(
        [torch.stack(maps) for maps in zip(*(dataset.semantic(i) for i in range(len(dataset))), strict=True)]
    )
    day, night = model.domains
    made = {there: translated(model, real[here], to=there) for here, there in ((day, night), (night, day))}
    back = {there: translated(model, made[here], to=there) for here, there in ((night, day), (day, night))}
    pictures = torch.cat((made[night], made[day]))
    right = torch.cat((_in_parts(by_night, made[night]), ~_in_parts(by_night, made[day])))
    own = segmentation_metrics(_in_parts(read, pictures), truth, len(SEMANTIC))
    originals = torch.cat((real[day], real[night]))
    theirs = segmentation_metrics(_in_parts(read, originals), truth, len(SEMANTIC))
    convinced, share = float(right.float().mean()), own["mean_iou"] / theirs["mean_iou"]
    return {
        "convinced": convinced,
        **own,
        **{f"real_{name}": value for name, value in theirs.items()},
        "mean_iou_share": share,
        "reconstruction": float((torch.cat((back[day], back[night])) - originals).abs().mean()),
        "joint": min(convinced / CONVINCED, share / SHARE),
    }


def translated(model: nn.Module, pictures: torch.Tensor, **where) -> torch.Tensor:
    """What the model makes of pictures [N,C,H,W], a few at a time."""
    device = next(model.parameters()).device
    return _in_parts(lambda part: model.translate(part.to(device), **where).cpu(), pictures)


def _in_parts(function, pictures: torch.Tensor, size: int = 10) -> torch.Tensor:
    return torch.cat([function(part) for part in pictures.split(size)])
