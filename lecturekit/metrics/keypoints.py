"""Average precision of keypoints, as COCO defines it (https://cocodataset.org/#keypoints-eval).

Where boxes have their IoU, a person's keypoints have the object keypoint similarity (OKS) with the true ones:
the mean, over the labelled keypoints, of exp(-d^2 / (2 area (2 sigma)^2)), d being the distance in pixels. A
sigma says how far apart two people mark the same keypoint: an eye in nearly the same place, a hip not.

Predictions and targets follow torchvision's convention as in `detection`, with `keypoints` [N,K,3] (x, y,
visibility) and, for targets, `boxes` [N,4]; a target's area is its `area`, else its mask's, else its box's.
At most the 20 best detections of a class and picture count. A person without a labelled keypoint forgives
the detections around it and is never missed.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from lecturekit.metrics.detection import (
    array_of,
    coco_precision,
    masks_of,
    mean_of,
    thresholds_of,
    values_of,
)

SIGMAS = (  # of COCO's 17: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles
    *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072),
    *(0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
)
MOST = 20  # detections of a picture


def keypoint_metrics(
    predictions: Sequence[Mapping],
    targets: Sequence[Mapping],
    iou_thresholds: Sequence[float] | None = None,
    sigmas: Sequence[float] | None = None,
) -> dict[str, float | None]:
    """{"oks_ap", "oks_ap50", "oks_ap75"} in 0..1, None where undefined.

    `oks_ap` is the mean over the OKS thresholds (0.5, 0.55, … 0.95 by default) and the classes. sigmas: one
    for each of the K keypoints; by default COCO's for its 17, and the mean of those for any other number.
    Raises ValueError naming the picture and key that don't fit together.
    """
    thresholds = thresholds_of(iou_thresholds)
    kinds = {array_of(one["keypoints"]).shape[1] for one in targets if len(one.get("keypoints", ()))}
    if len(kinds) > 1:
        raise ValueError(f"targets: all must have the same number of keypoints, got {sorted(kinds)}")
    number = kinds.pop() if kinds else len(SIGMAS)
    if sigmas is None:
        sigmas = SIGMAS if number == len(SIGMAS) else [float(np.mean(SIGMAS))] * number
    if len(sigmas) != number or not all(sigma > 0 for sigma in sigmas):
        raise ValueError(f"sigmas: {number} positive numbers are expected, got {sigmas!r}")
    found = coco_precision(
        predictions,
        targets,
        partial(_annotations, number=number),
        "keypoints",
        thresholds,
        lambda *_: (1, 1),
        maxDets=[MOST],
        kpt_oks_sigmas=np.array(sigmas),
    )
    metrics = {"oks_ap": mean_of(found)}
    for share in (50, 75):
        if share / 100 in thresholds:
            metrics[f"oks_ap{share}"] = mean_of(found[thresholds.index(share / 100)])
    return metrics


def _annotations(one: Mapping, where: str, scored: bool, number: int) -> list[dict]:
    """COCO's annotations of one picture's persons or detections."""
    values = values_of(one, "keypoints", where, scored)
    points, n = values["keypoints"].astype(float), len(values["labels"])
    if n and points.shape[1:] != (number, 3):
        raise ValueError(f"{where}: keypoints must be [N,{number},3], got {list(points.shape)}")
    if n and not np.isfinite(points).all():
        raise ValueError(f"{where}: keypoints must be finite numbers")
    annotations = [
        {"category_id": int(label), "iscrowd": 0, "keypoints": own.ravel().tolist()}
        for label, own in zip(values["labels"], points, strict=True)
    ]
    if scored:
        for annotation, score in zip(annotations, values["scores"], strict=True):
            annotation.update(score=float(score), bbox=[0, 0, 1, 1], area=1)  # neither of them counts
        return annotations
    if "boxes" not in one or (n and array_of(one["boxes"]).shape != (n, 4)):
        raise ValueError(f"{where}: boxes [{n},4] are needed for {n} labels; it has {sorted(one)}")
    boxes = array_of(one["boxes"]).reshape(-1, 4).astype(float)
    boxes[:, 2:] -= boxes[:, :2]  # x, y, width, height
    areas = values["area"] if "area" in values else boxes[:, 2] * boxes[:, 3]
    if "area" not in values and "masks" in one:
        areas = [mask["area"] for mask in masks_of(array_of(one["masks"]), where)]
    for k, annotation in enumerate(annotations):
        crowd = int(values["iscrowd"][k]) if "iscrowd" in values else 0
        labelled = int((points[k, :, 2] > 0).sum())
        annotation.update(bbox=boxes[k].tolist(), area=float(areas[k]), num_keypoints=labelled, iscrowd=crowd)
    return annotations
