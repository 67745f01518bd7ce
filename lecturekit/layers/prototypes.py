"""Masks as mixtures of prototypes: mixing, cropping, their loss (Bolya et al. 2019, 1904.02689, section 3).

Boxes here are 0..1 of the picture's sides, so that they don't depend on the prototypes' size.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.layers import boxes as B

MOST_MASKS = 100  # positives a picture that enter the mask loss


def combine(prototypes: Tensor, coefficients: Tensor) -> Tensor:
    """Mask logits [N, h, w], linear combinations: prototypes [K, h, w], coefficients [N, K]; one product."""
    return (coefficients @ prototypes.flatten(1)).unflatten(1, prototypes.shape[1:])


def inside(boxes: Tensor, size: tuple[int, int], padding: int = 1) -> Tensor:
    """Which pixels of a map (h, w) lie in each box [N, 4] (0..1), grown by `padding`: bool [N, h, w]."""
    height, width = size
    x, y = torch.arange(width, device=boxes.device), torch.arange(height, device=boxes.device)
    left, top, right, bottom = (boxes * boxes.new_tensor([width, height] * 2)).T[..., None]  # [N, 1] each
    columns = (x >= left - padding) & (x < right + padding)  # [N, w]
    rows = (y >= top - padding) & (y < bottom + padding)  # [N, h]
    return rows[:, :, None] & columns[:, None, :]


def assemble(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """Masks [N, h, w], 0..1 (equation 1): prototypes [K, h, w], coefficients [N, K], boxes [N, 4] (0..1)."""
    logits = combine(prototypes, coefficients)  # in place from here on: N maps are much memory to move
    return logits.masked_fill_(~inside(boxes, logits.shape[1:]), -torch.inf).sigmoid_()


def mask_loss(
    prototypes: Tensor, coefficients: Tensor, matched: Tensor, boxes: Tensor, masks: list[Tensor]
) -> Tensor:
    """Binary cross entropy of the positives' masks in their true boxes, divided by the box's area; a sum.

    prototypes [B, K, h, w], coefficients [B, P, K], matched [B, P] (< 0: not positive), true boxes [B, N, 4]
    in 0..1, true masks bool [N_i, h, w] of each picture. Of more than 100 positives in a picture, 100 count
    for all.
    """
    positive, size = matched >= 0, prototypes.shape[2:]
    counts = positive.sum(1)  # [B]
    if counts.max() > MOST_MASKS:
        order = torch.rand(positive.shape, device=positive.device).masked_fill(~positive, 2).argsort(1)
        positive = positive & (order.argsort(1) < MOST_MASKS)
    picture, prior = positive.nonzero(as_tuple=True)  # [M], in the order of the pictures
    parts, which = positive.sum(1).tolist(), matched[picture, prior]
    mixtures = coefficients[picture, prior].split(parts)
    logits = torch.cat([combine(p, c) for p, c in zip(prototypes, mixtures, strict=True)])  # [M, h, w]
    truth = torch.cat([m[w] for m, w in zip(masks, which.split(parts), strict=True)])  # [M, h, w]
    box = boxes[picture, which]
    weight = (counts / positive.sum(1))[picture] / (B.area(box) * size.numel())  # [M]; areas in map pixels
    row, y, x = inside(box, size).nonzero(as_tuple=True)  # of the pixels that count
    return F.binary_cross_entropy_with_logits(
        logits[row, y, x], truth[row, y, x].to(logits), weight[row], reduction="sum"
    )
