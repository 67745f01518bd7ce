"""Average precision of boxes and masks, as COCO defines it, through faster-coco-eval.

Predictions and targets follow torchvision's convention, one dict per picture: `boxes` [N,4] xyxy in pixels,
`labels` [N] from 1, `scores` [N], `masks` [N,H,W] or [N,1,H,W] (a prediction's are cut at 0.5). Targets may
have `iscrowd` [N] (regions that forgive the detections in them) and `area` [N] (otherwise the mask's, or the
box's). At most the 100 best detections of a class and picture count. A class without objects is left out of
every mean, and so its false alarms are; what then has no class left is undefined: None.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import numpy as np
import torch

THRESHOLDS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
SIZES = {"small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e5**2)}  # areas in square pixels
KINDS = {"box": "bbox", "mask": "segm"}


class RunLengths:
    """Masks as COCO's run lengths, in about a hundredth of the memory: the metrics take them as `masks`.

    `masks` [N,H,W] or [N,1,H,W], or anything that gives them one by one (then with their `size` [H, W]).
    """

    def __init__(self, masks: Iterable, size: tuple[int, int] | None = None):
        height, width = masks.shape[-2:] if size is None else size
        self.parts: list[dict] = []
        for mask in masks:
            self.parts += masks_of(array_of(mask).reshape(1, height, width), "masks")
        self.shape = (len(self.parts), height, width)

    def __len__(self) -> int:
        return len(self.parts)


def detection_metrics(
    predictions: Sequence[Mapping],
    targets: Sequence[Mapping],
    kinds: Sequence[str] = ("mask", "box"),
    iou_thresholds: Sequence[float] | None = None,
    sizes: bool = False,
) -> dict[str, float | None]:
    """{"mask_ap", "mask_ap50", "mask_ap75", "box_ap", "box_ap50", "box_ap75"} in 0..1, None where undefined.

    `ap` is the mean over the IoU thresholds (0.5, 0.55, … 0.95 by default) and the classes. With `sizes` also
    "mask_ap_small", "mask_ap_medium", "mask_ap_large" and the boxes', by the objects' areas.

    Raises ValueError naming the picture and key that don't fit together.
    """
    thresholds = thresholds_of(iou_thresholds)
    metrics = {}
    for kind in kinds:
        precision = _precision(predictions, targets, kind, thresholds, SIZES if sizes else {})
        metrics[f"{kind}_ap"] = mean_of(precision[..., 0])
        for share in (50, 75):
            if share / 100 in thresholds:
                metrics[f"{kind}_ap{share}"] = mean_of(precision[thresholds.index(share / 100), ..., 0])
        for i, size in enumerate(SIZES if sizes else ()):
            metrics[f"{kind}_ap_{size}"] = mean_of(precision[..., 1 + i])
    return metrics


def ap_by_iou(
    predictions: Sequence[Mapping],
    targets: Sequence[Mapping],
    kind: str = "mask",
    iou_thresholds: Sequence[float] | None = None,
) -> dict[float, float | None]:
    """The AP at each IoU threshold: {0.5: …, 0.55: …, …, 0.95: …}."""
    thresholds = thresholds_of(iou_thresholds)
    precision = _precision(predictions, targets, kind, thresholds)
    return {t: mean_of(precision[i, ..., 0]) for i, t in enumerate(thresholds)}


def ap_by_class(
    predictions: Sequence[Mapping],
    targets: Sequence[Mapping],
    kind: str = "mask",
    iou_thresholds: Sequence[float] | None = None,
) -> dict[int, float | None]:
    """The AP of each label that occurs among the targets or the predictions, averaged over the IoU
    thresholds."""
    precision = _precision(predictions, targets, kind, thresholds_of(iou_thresholds))
    return {label: mean_of(precision[:, :, i, 0]) for i, label in enumerate(labels_of(predictions, targets))}


def thresholds_of(given: Sequence[float] | None) -> list[float]:
    thresholds = sorted(THRESHOLDS if given is None else {float(t) for t in given})
    if not thresholds or not all(0 < t <= 1 for t in thresholds):
        raise ValueError(f"iou_thresholds: numbers above 0 and up to 1 are expected, got {given!r}")
    return thresholds


def mean_of(precision: np.ndarray) -> float | None:
    """The mean over what is defined (COCO marks the rest by -1)."""
    defined = precision[precision > -1]
    return float(defined.mean()) if defined.size else None


def labels_of(predictions, targets) -> list[int]:
    return sorted({int(label) for one in (*targets, *predictions) for label in one["labels"]})


def _precision(predictions, targets, kind, thresholds, sizes=None) -> np.ndarray:
    """`coco_precision` of boxes or masks."""
    if kind not in KINDS:
        raise ValueError(f"kinds: 'mask' or 'box' is expected, got {kind!r}")
    annotations, size = partial(_annotations, kind=kind), _size if kind == "mask" else lambda *_: (1, 1)
    return coco_precision(predictions, targets, annotations, KINDS[kind], thresholds, size, sizes)


def coco_precision(
    predictions: Sequence[Mapping],
    targets: Sequence[Mapping],
    annotations: Callable[..., list[dict]],
    iou_type: str,
    thresholds: list[float],
    size: Callable[[Mapping, Mapping, int], tuple[int, int]],
    sizes: Mapping[str, tuple] | None = None,
    **params,
) -> np.ndarray:
    """COCO's precision [thresholds, 101 recalls, classes, 1 + sizes], -1 where undefined.

    `annotations(one, where=…, scored=…)` makes COCO's annotations of one picture, `size(target, prediction,
    i)` tells its height and width; `params` go to the evaluation as they are.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    if len(predictions) != len(targets):
        raise ValueError(f"predictions: {len(predictions)} came for {len(targets)} targets")
    truths, found, images = [], [], []
    for i, (prediction, target) in enumerate(zip(predictions, targets, strict=True)):
        objects = annotations(target, where=f"targets[{i}]", scored=False)
        detections = annotations(prediction, where=f"predictions[{i}]", scored=True)
        height, width = size(target, prediction, i)
        images.append({"id": i + 1, "height": height, "width": width})
        truths += [{"image_id": i + 1, **a} for a in objects]
        found += [{"image_id": i + 1, **a} for a in detections]
    labels = labels_of(predictions, targets)
    if not truths:
        return np.full((len(thresholds), 101, len(labels), 1 + len(sizes or ())), -1.0)
    categories = [{"id": label, "name": str(label)} for label in labels]
    both = []
    for part in (truths, found):
        numbered = [{"id": k + 1, **a} for k, a in enumerate(part)]
        both.append(COCO({"info": {}, "images": images, "categories": categories, "annotations": numbered}))
    evaluation = COCOeval_faster(*both, iou_type, separate_eval=False)
    evaluation.params.iouThrs = np.array(thresholds)
    evaluation.params.areaRng = [[0, 1e5**2], *map(list, (sizes or {}).values())]
    evaluation.params.areaRngLbl = ["all", *(sizes or {})]
    for name, value in ({"maxDets": [100]} | params).items():
        setattr(evaluation.params, name, value)
    evaluation.evaluate()
    evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"])[..., 0]


def _annotations(one: Mapping, kind: str, where: str, scored: bool) -> list[dict]:
    """COCO's annotations of one picture's objects or detections; ValueError when they don't fit together."""
    values = values_of(one, "boxes" if kind == "box" else "masks", where, scored)
    annotations = [{"category_id": int(label), "iscrowd": 0} for label in values["labels"]]
    shapes = _boxes(values["boxes"], where) if kind == "box" else masks_of(values["masks"], where)
    for k, (annotation, shape) in enumerate(zip(annotations, shapes, strict=True)):
        annotation.update(shape)
        if scored:
            annotation["score"] = float(values["scores"][k])
        else:
            annotation["iscrowd"] = int(values["iscrowd"][k]) if "iscrowd" in values else 0
            annotation["area"] = float(values["area"][k]) if "area" in values else annotation["area"]
    return annotations


def values_of(one: Mapping, shapes: str, where: str, scored: bool) -> dict[str, np.ndarray]:
    """One picture's labels, `shapes` (the name of its boxes, masks or keypoints), scores, iscrowd and area.

    Raises ValueError for what is missing, for differing lengths and for infinite scores.
    """
    keys = ["labels", shapes, *(["scores"] if scored else [])]
    if missing := [key for key in keys if key not in one]:
        raise ValueError(f"{where}: {missing[0]!r} is missing; it has {sorted(one)}")
    n = len(one["labels"])
    values = {key: array_of(one[key]) for key in (*keys, "iscrowd", "area") if key in one}
    for key, value in values.items():
        if len(value) != n:
            raise ValueError(f"{where}: {key} has {len(value)} entries for {n} labels")
    if scored and not np.isfinite(values["scores"].astype(float)).all():
        raise ValueError(f"{where}: scores must be finite, got {values['scores'].tolist()}")
    return values


def array_of(value) -> np.ndarray | RunLengths:
    if isinstance(value, RunLengths):
        return value
    return value.detach().cpu().numpy() if torch.is_tensor(value) else np.asarray(value)


def _boxes(boxes: np.ndarray, where: str) -> list[dict]:
    if boxes.size and (boxes.ndim != 2 or boxes.shape[1] != 4):
        raise ValueError(f"{where}: boxes must be [N,4], got {list(boxes.shape)}")
    if boxes.size and (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError(f"{where}: boxes must be x1, y1, x2, y2 with x2 >= x1 and y2 >= y1")
    boxes = boxes.reshape(-1, 4).astype(float)
    return [
        {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
        for x1, y1, x2, y2 in boxes.tolist()
    ]


def masks_of(masks: np.ndarray | RunLengths, where: str) -> list[dict]:
    from faster_coco_eval.core import mask as rle

    if isinstance(masks, RunLengths):
        return [dict(part) for part in masks.parts]
    if masks.ndim == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    if masks.ndim != 3:
        raise ValueError(f"{where}: masks must be [N,H,W] or [N,1,H,W], got {list(masks.shape)}")
    if not len(masks):
        return []
    binary = masks > 0.5 if masks.dtype.kind == "f" else masks != 0
    encoded = rle.encode(np.asfortranarray(binary.transpose(1, 2, 0).astype(np.uint8)))
    boxes, areas = rle.toBbox(encoded).tolist(), rle.area(encoded).tolist()
    return [
        {"segmentation": code, "bbox": box, "area": area}
        for code, box, area in zip(encoded, boxes, areas, strict=True)
    ]


def _size(target: Mapping, prediction: Mapping, i: int) -> tuple[int, int]:
    """The picture's height and width, by its masks."""
    sizes = {tuple(one["masks"].shape[-2:]) for one in (target, prediction) if len(one["masks"])}
    if len(sizes) > 1:
        ours, theirs = list(target["masks"].shape[-2:]), list(prediction["masks"].shape[-2:])
        raise ValueError(f"predictions[{i}]: masks of {theirs} pixels for targets of {ours}")
    return sizes.pop() if sizes else (1, 1)
