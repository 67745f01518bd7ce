"""`roi_align`: RoIAlign beats RoIPool, most at high IoU (arXiv 1703.06870, section 4.2, tables 2c and 2d)."""

from functools import partial
from pathlib import Path

from lecturekit import recipes
from lecturekit.claims import Claim
from lecturekit.claims.instance.arms import mean_ap, tuned_curves
from lecturekit.instance.mask_rcnn import MaskRCNN


def roi_align(
    seeds: range, folder: Path, progress: bool, steps: int = 200, held_out: int = 200, tuning: int = 100
) -> dict:
    """Mask R-CNN trained with either pooling: the same scenes, steps and seeds, three rates tried each."""
    models = {arm: partial(MaskRCNN.tiny, pooling=arm) for arm in ("align", "pool")}
    curves, protocol = tuned_curves(
        recipes.get("mask_rcnn"), models, seeds, folder, progress, steps, held_out, tuning
    )

    def gain(iou: str) -> list[float]:
        return [a[iou] - p[iou] for a, p in zip(curves["align"], curves["pool"], strict=True)]

    return {
        "comparisons": {
            "mask AP": {
                "RoIAlign": [mean_ap(c) for c in curves["align"]],
                "RoIPool": [mean_ap(c) for c in curves["pool"]],
            },
            "gain by RoIAlign": {"at IoU 0.75": gain("0.75"), "at IoU 0.50": gain("0.50")},
        },
        "curves": curves,
        "protocol": protocol,
    }


CLAIM = Claim("roi_align", "instance", "RoIAlign beats RoIPool, most at high IoU.", roi_align)
