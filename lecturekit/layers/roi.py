"""RoI pooling: a box of any size, on a feature map, to a grid of fixed size.

RoIPool (Girshick 2015, arXiv 1504.08083) rounds the box and its bins to whole feature pixels and takes each
bin's maximum; RoIAlign (He et al. 2017, arXiv 1703.06870, section 3) rounds nothing and averages bilinear
samples. `roi_pool` and `roi_align` are written to be read; `LevelPool` calls torchvision's, which do the
same faster.
"""

import math

import torch
from torch import Tensor, nn

CANONICAL_LEVEL = 4  # a box of canonical size is pooled from the level of stride 2**4


def sample_points(
    box: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 2,
    aligned: bool = False,
) -> Tensor:
    """Where RoIAlign samples for one box [4] in picture pixels: (x, y) on the map.

    Returns [rows, columns, sy, sx, 2]: `sampling_ratio` samples a bin each way (0 or less: as many as a bin
    has pixels, rounded up).
    `aligned` moves the points by half a pixel, so that the map's pixel (0, 0) stands for the centre of the
    first cell; without it a box is at least one map pixel large.
    """
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    start = box[:2] * spatial_scale - (0.5 if aligned else 0.0)
    end = box[2:] * spatial_scale - (0.5 if aligned else 0.0)
    side = end - start if aligned else (end - start).clamp(min=1)
    bin_size = side / side.new_tensor([columns, rows])
    if sampling_ratio > 0:
        nx = ny = sampling_ratio
    else:
        nx, ny = (max(0, math.ceil(b)) for b in bin_size.tolist())
    # a bin's n samples stand at the centres of its n equal parts
    x = torch.arange(columns).to(box)[:, None] + (torch.arange(nx).to(box) + 0.5) / max(
        nx, 1
    )  # [columns, sx]
    y = torch.arange(rows).to(box)[:, None] + (torch.arange(ny).to(box) + 0.5) / max(ny, 1)  # [rows, sy]
    x = (start[0] + x * bin_size[0])[None, :, None, :].expand(rows, columns, ny, nx)
    y = (start[1] + y * bin_size[1])[:, None, :, None].expand(rows, columns, ny, nx)
    return torch.stack((x, y), dim=-1)  # [rows, columns, sy, sx, 2]


def bilinear(feature: Tensor, points: Tensor) -> Tensor:
    """Values of feature [C, H, W] at points [..., 2] (x, y): [C, ...].

    A point is the weighted mean of its four neighbours. Up to one pixel outside the map it takes
    the border's value, farther out it is 0.
    """
    height, width = feature.shape[-2:]
    limit = points.new_tensor([width, height])
    inside = ((points >= -1) & (points <= limit)).all(dim=-1)
    points = torch.minimum(points.clamp(min=0), limit - 1)
    low = points.floor().long()
    high = torch.minimum(low + 1, limit.long() - 1)
    fx, fy = (points - low).unbind(-1)
    (x0, y0), (x1, y1) = low.unbind(-1), high.unbind(-1)
    top = feature[:, y0, x0] * (1 - fx) + feature[:, y0, x1] * fx
    bottom = feature[:, y1, x0] * (1 - fx) + feature[:, y1, x1] * fx
    return (top * (1 - fy) + bottom * fy) * inside  # [C, ...]


def roi_align(
    feature: Tensor,
    rois: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = 2,
    aligned: bool = False,
) -> Tensor:
    """RoIAlign of feature [B, C, H, W]: [R, C, rows, columns].

    rois [R, 5] are a picture's index and a box in picture pixels each.
    """
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    pooled = [feature.new_zeros((0, feature.shape[1], rows, columns))]
    for roi in rois:
        points = sample_points(roi[1:], (rows, columns), spatial_scale, sampling_ratio, aligned)
        values = bilinear(feature[int(roi[0])], points)  # [C, rows, columns, sy, sx]
        samples = max(points.shape[2] * points.shape[3], 1)
        pooled.append(values.sum(dim=(-2, -1))[None] / samples)
    return torch.cat(pooled)


def pool_bins(
    box: Tensor,
    output_size: int | tuple[int, int],
    spatial_scale: float = 1.0,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """The map pixels of RoIPool's bins for one box [4]: int64 [rows, columns, 4], x1, y1, x2, y2.

    The ends are excluded. The box is rounded to whole map pixels, then every bin once more, outwards:
    neighbours may share pixels. With the map's `size` (height, width) the bins are cut to the map; a bin may
    then be empty.
    """
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    corners = box * spatial_scale
    corners = corners.sign() * (corners.abs() + 0.5).floor()  # halves away from zero
    start, side = corners[:2], (corners[2:] - corners[:2] + 1).clamp(min=1)
    x = torch.arange(columns).to(box) * (side[0] / columns)
    y = torch.arange(rows).to(box) * (side[1] / rows)
    x_end = torch.arange(1, columns + 1).to(box) * (side[0] / columns)
    y_end = torch.arange(1, rows + 1).to(box) * (side[1] / rows)
    x, x_end = start[0] + x.floor(), start[0] + x_end.ceil()
    y, y_end = start[1] + y.floor(), start[1] + y_end.ceil()
    if size is not None:
        x, x_end = x.clamp(0, size[1]), x_end.clamp(0, size[1])
        y, y_end = y.clamp(0, size[0]), y_end.clamp(0, size[0])
    grid = [a.expand(rows, columns) for a in (x[None], y[:, None], x_end[None], y_end[:, None])]
    return torch.stack(grid, dim=-1).long()  # [rows, columns, 4]


def roi_pool(
    feature: Tensor, rois: Tensor, output_size: int | tuple[int, int], spatial_scale: float = 1.0
) -> Tensor:
    """RoIPool of feature [B, C, H, W]: [R, C, rows, columns].

    rois [R, 5] are a picture's index and a box in picture pixels each. The maximum of each bin counts;
    an empty bin is 0.
    """
    rows, columns = (output_size, output_size) if isinstance(output_size, int) else output_size
    size = feature.shape[-2:]
    pooled = [feature.new_zeros((0, feature.shape[1], rows, columns))]
    for roi in rois:
        picture = feature[int(roi[0])]
        values = []
        for x1, y1, x2, y2 in pool_bins(roi[1:], (rows, columns), spatial_scale, size).flatten(0, 1).tolist():
            if x1 < x2 and y1 < y2:
                values.append(picture[:, y1:y2, x1:x2].flatten(1).max(dim=1).values)
            else:
                values.append(picture.new_zeros(len(picture)))
        pooled.append(torch.stack(values, dim=1).view(1, -1, rows, columns))
    return torch.cat(pooled)


def interpolation(start: Tensor, end: Tensor, bins: int, samples: int, length: int) -> Tensor:
    """How much each of a line's `length` pixels counts in each bin of the intervals start [R] to end [R]:
    [R, bins, length].

    The weights of RoIAlign along one axis, without the half-pixel shift.
    """
    step = (end - start).clamp(min=1) / bins
    inner = (torch.arange(samples).to(start) + 0.5) / samples
    position = start[:, None, None] + (torch.arange(bins).to(start)[:, None] + inner) * step[:, None, None]
    inside = (position >= -1) & (position <= length)  # [R, bins, samples]
    distance = position.clamp(0, length - 1)[..., None] - torch.arange(length).to(start)
    return ((1 - distance.abs()).clamp(min=0) * inside[..., None]).mean(dim=2)  # [R, bins, length]


def roi_align_products(feature: Tensor, rois: Tensor, size: int, spatial_scale: float) -> Tensor:
    """`roi_align` with 2 x 2 samples a bin, for small maps and RoIs [R, 5] in the order of their pictures.

    Bilinear sampling on a grid is linear in the map's rows and in its columns, so each RoI is two matrix
    products. Up to about 64 x 64 pixels this is several times as fast as sampling, above all backwards.
    """
    height, width = feature.shape[-2:]
    x1, y1, x2, y2 = (rois[:, 1:] * spatial_scale).unbind(1)
    rows = interpolation(y1, y2, size, 2, height)  # [R, size, H]
    columns = interpolation(x1, x2, size, 2, width)  # [R, size, W]
    counts = rois[:, 0].long().bincount(minlength=len(feature)).tolist()
    pooled = []
    for picture, row, column in zip(
        feature.permute(0, 2, 3, 1).unbind(0), rows.split(counts), columns.split(counts), strict=True
    ):
        lines = row.flatten(0, 1) @ picture.flatten(1)  # [R_i * size, W * C]
        lines = lines.view(len(row), size, *picture.shape[1:])  # [R_i, size, W, C]
        pooled.append(column[:, None] @ lines)  # [R_i, size, size, C]
    return torch.cat(pooled).permute(0, 3, 1, 2)  # [R, C, size, size]


def to_rois(boxes: list[Tensor]) -> Tensor:
    """Boxes [N_i, 4] of each picture -> one tensor [R, 5], the picture's index before each box."""
    index = [b.new_full((len(b), 1), i) for i, b in enumerate(boxes)]
    return torch.cat((torch.cat(index), torch.cat(boxes)), dim=1)


class LevelPool(nn.Module):
    """Pools each RoI from the pyramid level that suits its size, all pictures' RoIs of a level at once.

    A box of sqrt(area) = `canonical_size` pixels is pooled from stride 16, one of half of it from stride 8,
    and so on within the levels there are (Lin et al. 2017, equation 1). `pooling` is "align" or "pool".
    `small` says that the maps are small enough for `roi_align_products`.
    """

    def __init__(
        self,
        size: int,
        *,
        pooling: str = "align",
        canonical_size: float = 224,
        strides: tuple[int, ...] = (4, 8, 16, 32),
        small: bool = False,
    ):
        super().__init__()
        if pooling not in ("align", "pool"):
            raise ValueError(f'pooling must be "align" or "pool", got {pooling!r}')
        self.size, self.pooling, self.small = size, pooling, small
        self.canonical_size, self.strides = canonical_size, strides

    def levels(self, boxes: Tensor) -> Tensor:
        """The index of the pyramid level for each box [R, 4]: int64 [R]."""
        side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
        level = (CANONICAL_LEVEL + torch.log2(side / self.canonical_size) + 1e-6).floor()
        finest, coarsest = math.log2(self.strides[0]), math.log2(self.strides[-1])
        return (level.clamp(finest, coarsest) - finest).long()

    def forward(self, features: dict[str, Tensor], rois: Tensor) -> Tensor:
        """Maps [B, C, h, w] by level, rois [R, 5] in pixels of the padded pictures -> [R, C, size, size]."""
        maps = list(features.values())[: len(self.strides)]
        levels = self.levels(rois[:, 1:])
        order = (levels * len(maps[0]) + rois[:, 0].long()).argsort(stable=True)  # by level, then by picture
        shares = order.split(levels.bincount(minlength=len(maps)).tolist())
        pooled = maps[0].new_empty((len(rois), maps[0].shape[1], self.size, self.size))
        for feature, own, stride in zip(maps, shares, self.strides, strict=True):
            if len(own):
                pooled[own] = self.pool(feature, rois[own], stride)
        return pooled

    def pool(self, feature: Tensor, rois: Tensor, stride: int) -> Tensor:
        from torchvision import ops

        if self.pooling == "pool":
            return ops.roi_pool(feature, rois, self.size, 1 / stride)
        if self.small:
            return roi_align_products(feature, rois, self.size, 1 / stride)
        return ops.roi_align(feature, rois, self.size, 1 / stride, sampling_ratio=2)

    def extra_repr(self) -> str:
        return f"size={self.size}, pooling={self.pooling!r}"
