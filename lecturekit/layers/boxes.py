"""Boxes [N, 4] as x1, y1, x2, y2 in pixels: overlap, coding, non-maximum suppression, matching, sampling.

`nms` and `batched_nms` are written to be read. The networks call torchvision's, which do the same faster.
"""

import math

import torch
from torch import Tensor

MAX_LOG_SCALE = math.log(1000 / 16)  # a decoded side grows at most 62.5-fold, so that exp never overflows


def area(boxes: Tensor) -> Tensor:
    """Areas [..., N] of boxes [..., N, 4]."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of every pair: a [..., N, 4], b [..., M, 4] -> [..., N, M], 0..1.

    Two boxes without area have IoU 0.
    """
    # one plane per coordinate: pairs side by side in memory are twice to four times as fast
    a = a.movedim(-1, 0).contiguous()[..., :, None]  # [4, ..., N, 1]
    b = b.movedim(-1, 0).contiguous()[..., None, :]  # [4, ..., 1, M]
    width = (torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0])).clamp(min=0)  # [..., N, M]
    height = (torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1])).clamp(min=0)
    intersection = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection
    return intersection / union.clamp(min=torch.finfo(union.dtype).tiny)


def centre_and_size(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Centres [..., 2] and sides [..., 2] of boxes [..., 4]."""
    size = boxes[..., 2:] - boxes[..., :2]
    return boxes[..., :2] + 0.5 * size, size


def encode(boxes: Tensor, anchors: Tensor, weights: tuple[float, ...] = (1, 1, 1, 1)) -> Tensor:
    """What must be done to `anchors` [..., 4] to get `boxes` [..., 4]: deltas dx, dy, dw, dh [..., 4].

    The centre's move is counted in anchor sides, the size's change as a logarithm (Girshick et al. 2014,
    appendix C); `weights` multiply the four.
    """
    centre, size = centre_and_size(boxes)
    anchor_centre, anchor_size = centre_and_size(anchors)
    weights = boxes.new_tensor(weights)
    move = weights[:2] * (centre - anchor_centre) / anchor_size
    growth = weights[2:] * torch.log(size / anchor_size)
    return torch.cat((move, growth), dim=-1)


def decode(deltas: Tensor, anchors: Tensor, weights: tuple[float, ...] = (1, 1, 1, 1)) -> Tensor:
    """The inverse of `encode`: deltas [..., 4] applied to anchors [..., 4] -> boxes [..., 4]."""
    anchor_centre, anchor_size = centre_and_size(anchors)
    deltas = deltas / deltas.new_tensor(weights)
    centre = deltas[..., :2] * anchor_size + anchor_centre
    size = torch.exp(deltas[..., 2:].clamp(max=MAX_LOG_SCALE)) * anchor_size
    return torch.cat((centre - 0.5 * size, centre + 0.5 * size), dim=-1)


def clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] cut to a picture of size (height, width)."""
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return torch.stack((x, y), dim=-1).flatten(-2)


def nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """Greedy non-maximum suppression: keep the best box, drop what overlaps it too much, repeat.

    boxes [N, 4], scores [N] -> indices of the kept boxes, best first. An IoU above `threshold` is too much.
    """
    overlaps = iou(boxes, boxes)  # [N, N]
    alive = torch.ones_like(scores, dtype=torch.bool)
    kept = []
    for i in scores.argsort(descending=True, stable=True).tolist():
        if alive[i]:
            kept.append(i)
            alive &= overlaps[i] <= threshold
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def batched_nms(boxes: Tensor, scores: Tensor, groups: Tensor, threshold: float) -> Tensor:
    """`nms` in which only boxes of the same group (class, pyramid level) suppress each other.

    boxes [N, 4], scores [N], groups [N] -> indices of the kept boxes, best first.
    """
    kept = [torch.zeros(0, dtype=torch.int64, device=boxes.device)]
    for group in groups.unique():
        members = (groups == group).nonzero()[:, 0]
        kept.append(members[nms(boxes[members], scores[members], threshold)])
    kept = torch.cat(kept)
    return kept[scores[kept].argsort(descending=True, stable=True)]


BACKGROUND, BETWEEN = -1, -2


def match(overlaps: Tensor, high: float, low: float, *, keep_best: bool = False) -> Tensor:
    """To each of M boxes the true object it overlaps most: overlaps [..., N, M] -> [..., M].

    The object's index 0..N-1 where the overlap is at least `high`, BACKGROUND (-1) where it is below `low`,
    BETWEEN (-2) otherwise. With `keep_best`, each object's best boxes (ties included) are matched however
    low their overlap, so that no object is left without one (Ren et al. 2015, section 3.1.2). Rows of
    overlap -1 (padding) never match. All boxes are background where there is no object (N = 0).
    """
    if overlaps.shape[-2] == 0:
        return overlaps.new_full((*overlaps.shape[:-2], overlaps.shape[-1]), BACKGROUND, dtype=torch.int64)
    best, index = overlaps.max(dim=-2)  # [..., M]
    matched = index.masked_fill(best < high, BETWEEN).masked_fill(best < low, BACKGROUND)
    if keep_best:
        highest = overlaps.amax(dim=-1, keepdim=True)  # [..., N, 1]
        is_best = ((overlaps == highest) & (highest >= 0)).any(dim=-2)  # [..., M]
        matched = torch.where(is_best, index, matched)
    return matched


def sample(labels: Tensor, count: int, positive_fraction: float) -> tuple[Tensor, Tensor]:
    """Random positives and negatives of each picture: labels [B, M] -> two boolean masks [B, M].

    Labels > 0 are positives, 0 negatives, < 0 ignored. At most count * positive_fraction positives are
    drawn, and negatives up to `count` in all. Random numbers are drawn in torchvision's order: same seed,
    same sample.
    """
    chosen_positive, chosen_negative = torch.zeros((2, *labels.shape), dtype=torch.bool, device=labels.device)
    for b, row in enumerate(labels):
        positive, negative = (row > 0).nonzero()[:, 0], (row == 0).nonzero()[:, 0]
        positives = min(len(positive), int(count * positive_fraction))
        negatives = min(len(negative), count - positives)
        chosen_positive[b, positive[torch.randperm(len(positive), device=row.device)[:positives]]] = True
        chosen_negative[b, negative[torch.randperm(len(negative), device=row.device)[:negatives]]] = True
    return chosen_positive, chosen_negative
