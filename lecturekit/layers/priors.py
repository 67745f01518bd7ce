"""Priors of one-stage detectors: fixed boxes, each of which is to find the object that it fits, or nothing.

Boxes here are 0..1 of the picture's sides, so that they don't depend on its size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.layers import boxes as B


def make_priors(
    grids: list[tuple[int, int]],
    scales: tuple[tuple[float, ...], ...],
    ratios: tuple[float, ...],
    size: int,
    square: bool = True,
) -> Tensor:
    """The priors around each pixel of each level: [P, 4] xyxy, 0..1.

    Level by level, row by row, at each pixel all `ratios` (width / height) of each of the level's `scales`.
    Scales are sides in pixels of pictures of `size` pixels, whatever the levels' grids (rows, columns).
    `square` priors take the width for the height too, so that a ratio changes their size.
    """
    roots = torch.tensor(ratios, dtype=torch.float64).sqrt()
    sides = torch.stack((roots, roots if square else 1 / roots), dim=1)  # [ratios, 2]
    levels = []
    for (rows, columns), own in zip(grids, scales, strict=True):
        y, x = (torch.arange(n, dtype=torch.float64).add(0.5) / n for n in (rows, columns))
        centre = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).view(-1, 1, 2)  # [h*w, 1, 2]
        half = torch.cat([sides * scale / size / 2 for scale in own])  # [A, 2]
        levels.append(torch.cat((centre - half, centre + half), dim=-1).view(-1, 4))  # [h*w*A, 4]
    return torch.cat(levels).float()


def match(boxes: Tensor, priors: Tensor, high: float = 0.5, low: float = 0.4) -> Tensor:
    """Which object each prior is to find: boxes [B, N, 4] (rows of zeros pad), priors [P, 4] -> [B, P].

    The object's index, B.BACKGROUND where no IoU reaches `low`, B.BETWEEN (to be ignored) below `high`. Every
    object gets one prior of its own, however low their IoU.
    """
    padding = boxes[..., 2] <= boxes[..., 0]
    overlaps = B.iou(boxes, priors).masked_fill(padding[..., None], -1)  # [B, N, P]
    owner = one_each(overlaps)
    return torch.where(owner >= 0, owner, B.match(overlaps, high, low))


def one_each(overlaps: Tensor) -> Tensor:
    """A prior for every object, the best pairs first: IoU [B, N, P] -> [B, P], the object's index or -1.

    Rows of -1 are padding. Each round settles all pairs that prefer each other among what is left, which
    comes to the same as taking the best pair again and again.
    """
    left = overlaps.clone()
    owner = torch.full_like(left[:, 0], -1, dtype=torch.int64)
    objects = torch.arange(left.shape[1], device=left.device)
    while (left >= 0).any():
        best, prior = left.max(dim=2)  # [B, N]
        rivals = left.gather(2, prior[:, None].expand(-1, len(objects), -1))  # [B, N, N]
        mutual = (best >= 0) & (rivals.argmax(dim=1) == objects)
        picture, row = mutual.nonzero(as_tuple=True)
        column = prior[picture, row]
        owner[picture, column] = row
        left[picture, row] = -1
        left[picture, :, column] = -1
    return owner


def hard_example_loss(logits: Tensor, labels: Tensor, ratio: int = 3) -> Tensor:
    """Cross entropy of all positives and the hardest negatives, `ratio` of them to each positive; a sum.

    logits [B, P, C]; labels [B, P], 0 is background, -1 ignored. The hardest negatives are those with the
    lowest background probability in their picture (Liu et al. 2016, arXiv 1512.02325, section 2.2). A picture
    without positives has as many negatives as one with a single positive, so that it teaches something too.
    """
    hardness = logits.detach().logsumexp(-1) - logits.detach()[..., 0]  # [B, P], at least 0
    hardness = hardness.masked_fill(labels != 0, -1)
    negatives = ratio * (labels > 0).sum(1, keepdim=True).clamp(min=1)  # [B, 1]
    rank = hardness.argsort(dim=1, descending=True).argsort(dim=1)
    chosen = (labels > 0) | ((labels == 0) & (rank < negatives))
    return F.cross_entropy(logits[chosen], labels[chosen], reduction="sum")
