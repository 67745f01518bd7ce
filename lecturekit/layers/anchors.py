"""Anchors: boxes of fixed sizes and shapes at every pixel of a feature map, to look for objects from."""

import torch
from torch import Tensor, nn


def cell_anchors(sizes: tuple[float, ...], ratios: tuple[float, ...]) -> Tensor:
    """Anchors [len(ratios) * len(sizes), 4] around the origin, in pixels, corners rounded to whole pixels.

    A ratio is height / width; every anchor of a size covers size^2 pixels before rounding.
    """
    sizes, ratios = torch.tensor(sizes, dtype=torch.float32), torch.tensor(ratios, dtype=torch.float32)
    heights = (ratios.sqrt()[:, None] * sizes[None]).flatten()
    widths = ((1 / ratios.sqrt())[:, None] * sizes[None]).flatten()
    return (torch.stack((-widths, -heights, widths, heights), dim=1) / 2).round()


def grid_anchors(cell: Tensor, grid: tuple[int, int], stride: tuple[int, int]) -> Tensor:
    """The anchors `cell` [A, 4] at every pixel of a map of size `grid`, (rows, columns).

    Returns [rows * columns * A, 4]: row by row, the A anchors of a pixel one after another. `stride` is
    (vertical, horizontal), in pixels.
    """
    y = torch.arange(grid[0], device=cell.device) * stride[0]
    x = torch.arange(grid[1], device=cell.device) * stride[1]
    y, x = torch.meshgrid(y, x, indexing="ij")
    shifts = torch.stack((x, y, x, y), dim=-1).reshape(-1, 1, 4)  # [rows * columns, 1, 4]
    return (shifts + cell).reshape(-1, 4)


class Anchors(nn.Module):
    """The anchors of all pyramid levels for a batch of pictures.

    They are kept from call to call while shapes stay the same. `sizes` holds one tuple of sizes per level;
    every level has the same `ratios`.
    """

    def __init__(self, sizes: tuple[tuple[float, ...], ...], ratios: tuple[float, ...] = (0.5, 1.0, 2.0)):
        super().__init__()
        self.sizes, self.ratios = sizes, ratios
        self.per_pixel = len(sizes[0]) * len(ratios)
        self.cache: dict[tuple, list[Tensor]] = {}

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
        """Feature maps [B, C, h, w] of pictures of (padded) size -> per level anchors [h * w * A, 4]."""
        if len(features) != len(self.sizes):
            raise ValueError(f"features must have {len(self.sizes)} levels, as sizes, got {len(features)}")
        grids = tuple(tuple(f.shape[-2:]) for f in features)
        key = (size, grids, features[0].device, features[0].dtype)
        if key not in self.cache:
            cells = [cell_anchors(level, self.ratios).to(features[0]) for level in self.sizes]
            strides = [(size[0] // rows, size[1] // columns) for rows, columns in grids]
            self.cache = {key: [grid_anchors(*level) for level in zip(cells, grids, strides, strict=True)]}
        return self.cache[key]
