"""Masks kept as run lengths give the same metrics as the masks themselves."""

import numpy as np
import pytest
import torch

from lecturekit.metrics.detection import RunLengths, ap_by_iou, detection_metrics

SIZE = (40, 56)


def pictures(seed, noise):
    """Ten pictures of random rectangles, and the same moved a little; the last one is empty."""
    generator = np.random.default_rng(seed)
    found = []
    for i in range(10):
        n = 0 if i == 9 else int(generator.integers(1, 5))
        corners = generator.integers(0, 25, (n, 2)) + generator.integers(0, noise + 1, (n, 2))
        boxes = np.concatenate([corners, corners + generator.integers(6, 15, (n, 2))], axis=1)
        masks = torch.zeros(n, 1, *SIZE)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
            mask[0, y1:y2, x1:x2] = 0.9
        labels = torch.from_numpy(generator.integers(1, 3, n))
        scores = torch.from_numpy(generator.random(n))
        found.append(
            {"boxes": torch.from_numpy(boxes).float(), "labels": labels, "masks": masks, "scores": scores}
        )
    return found


def packed(one):
    return one | {"masks": RunLengths(one["masks"])}


def test_metrics_are_the_same():
    truths, predictions = pictures(0, 0), pictures(0, 3)
    plain = detection_metrics(predictions, truths, sizes=True)
    assert 0 < plain["mask_ap"] < 1
    assert detection_metrics(list(map(packed, predictions)), list(map(packed, truths)), sizes=True) == plain
    assert detection_metrics(predictions, list(map(packed, truths)), sizes=True) == plain
    mixed = ap_by_iou(list(map(packed, predictions)), truths)
    assert mixed == ap_by_iou(predictions, truths)
    packages = list(map(packed, predictions))  # used twice: nothing is spoilt by the first use
    assert ap_by_iou(packages, truths) == ap_by_iou(packages, truths) == mixed


def test_masks_can_come_one_by_one():
    masks = pictures(1, 0)[0]["masks"]
    lazy = RunLengths((mask for mask in masks), size=SIZE)
    assert lazy.shape == (len(masks), *SIZE)
    assert lazy.parts == RunLengths(masks).parts
    assert RunLengths(torch.zeros(0, 1, 7, 9)).shape == (0, 7, 9)


def test_wrong_counts_and_sizes_are_noticed():
    truths, predictions = pictures(0, 0), pictures(0, 3)
    short = [packed(one) | {"masks": RunLengths(one["masks"][1:])} for one in predictions]
    with pytest.raises(ValueError, match=r"predictions\[0\]: masks has"):
        detection_metrics(short, truths)
    small = [packed(one) | {"masks": RunLengths(one["masks"][..., 1:])} for one in predictions]
    with pytest.raises(ValueError, match=r"predictions\[0\]: masks of \[40, 55\] pixels"):
        detection_metrics(small, truths)
