"""The exercises of the lesson on instance segmentation."""

import torch
import torch.nn.functional as F

from lecturekit.layers import prototypes as mixing
from lecturekit.layers import roi
from lecturekit.show.check import Exercise

# --- reading between pixels: bilinear(feature [H, W], x, y) -> a number


def _bilinear(feature, x, y):
    return roi.bilinear(feature[None], torch.tensor([x, y]))[0]


def _nearest(feature, x, y):
    return feature[round(y), round(x)]


def _average(feature, x, y):
    x, y = int(x), int(y)
    return feature[y : y + 2, x : x + 2].mean()


def _swapped(feature, x, y):
    return _bilinear(feature.T.contiguous(), x, y)


def _mirrored(feature, x, y):
    """The weights of near and far pixels mixed up."""
    fx, fy = x - int(x), y - int(y)
    return _bilinear(feature, int(x) + (1 - fx), int(y) + (1 - fy))


_MAP = torch.tensor([[0.0, 1, 4, 9, 16], [2, 3, 5, 7, 11], [1, 0, 1, 0, 1], [8, 6, 7, 5, 3]])

bilinear = Exercise(
    name="bilinear",
    reference=_bilinear,
    inputs=[
        (_MAP, 2.0, 1.0),
        (_MAP, 2.5, 1.0),
        (_MAP, 1.0, 1.25),
        (_MAP, 3.2, 0.6),
        (_MAP, 0.1, 2.9),
        (_MAP, 4.0, 2.0),
        (_MAP, 4.0, 3.0),
    ],
    mistakes={
        "x counts columns and y counts rows: a map is indexed feature[y, x].": _swapped,
        "that is the value of the nearest pixel; weigh the four neighbours instead.": _nearest,
        "the nearer a neighbour, the more it weighs: x0 gets the weight 1 - (x - x0).": _mirrored,
        "the four neighbours do not count alike; weigh each by how near it is.": _average,
    },
)


# --- a mask from prototypes: assemble(prototypes [K, h, w], coefficients [N, K], boxes [N, 4]) -> [N, h, w]


def _assemble(prototypes, coefficients, boxes):
    return mixing.combine(prototypes, coefficients).sigmoid() * mixing.inside(
        boxes, prototypes.shape[1:], padding=0
    )


def _uncropped(prototypes, coefficients, boxes):
    return mixing.combine(prototypes, coefficients).sigmoid()


def _unsquashed(prototypes, coefficients, boxes):
    return mixing.combine(prototypes, coefficients) * mixing.inside(boxes, prototypes.shape[1:], padding=0)


def _cropped_first(prototypes, coefficients, boxes):
    """Outside the box the logit is 0, and sigmoid(0) is one half."""
    return _unsquashed(prototypes, coefficients, boxes).sigmoid()


def _squashed_first(prototypes, coefficients, boxes):
    return _unsquashed(prototypes.sigmoid(), coefficients, boxes)


def _crop_turned(prototypes, coefficients, boxes):
    return _uncropped(prototypes, coefficients, boxes) * mixing.inside(
        boxes[:, [1, 0, 3, 2]], prototypes.shape[1:], padding=0
    )


def _unsigned(prototypes, coefficients, boxes):
    return _assemble(prototypes, coefficients.abs(), boxes)


_generator = torch.Generator().manual_seed(2)
_LEFT = torch.tensor([3.0, 1, 0, 0]).expand(1, 4, 4).contiguous()
_PROTOTYPES = 2 * torch.rand(3, 4, 8, generator=_generator)
_MIXES = torch.tensor([[0.5, -1.0, 0.25], [-0.75, 0.5, 1.0]])
_WHERE = torch.tensor([[0.0, 0.25, 0.5, 1.0], [0.25, 0.0, 1.0, 0.5]])

assemble = Exercise(
    name="assemble",
    reference=_assemble,
    inputs=[
        (_LEFT, torch.tensor([[1.0]]), torch.tensor([[0.0, 0, 1, 1]])),
        (_LEFT, torch.tensor([[-0.5]]), torch.tensor([[0.0, 0, 1, 0.5]])),
        (_PROTOTYPES, _MIXES[:1], torch.tensor([[0.0, 0, 1, 1]])),
        (_PROTOTYPES, _MIXES, _WHERE),
        (_PROTOTYPES, torch.zeros(0, 3), torch.zeros(0, 4)),
    ],
    mistakes={
        "those are logits; the sigmoid makes a mask of them.": _unsquashed,
        "crop after the sigmoid: sigmoid(0) is 0.5, so outside the box there is half a mask.": _cropped_first,
        "the sigmoid comes after the sum, not before it.": _squashed_first,
        "the masks reach beyond their boxes; crop them.": _uncropped,
        "x counts columns and y counts rows: x1 and x2 limit the last dimension.": _crop_turned,
        "negative coefficients take away; keep their sign.": _unsigned,
    },
)


# --- Fast NMS: fast_nms(overlaps [N, N], threshold) -> bool [N], boxes best first


def _fast_nms(overlaps, threshold):
    return ~(overlaps.triu(diagonal=1) > threshold).any(dim=0)


def _usual_nms(overlaps, threshold):
    kept = torch.ones(len(overlaps), dtype=torch.bool)
    for i in range(len(overlaps)):
        if kept[i]:
            kept[i + 1 :] &= overlaps[i, i + 1 :] <= threshold
    return kept


def _itself(overlaps, threshold):
    return ~(overlaps.triu() > threshold).any(dim=0)


def _whole_matrix(overlaps, threshold):
    return ~((overlaps - torch.eye(len(overlaps))) > threshold).any(dim=0)


def _rows(overlaps, threshold):
    return ~(overlaps.triu(diagonal=1) > threshold).any(dim=1)


def _removed(overlaps, threshold):
    return ~_fast_nms(overlaps, threshold)


def _overlaps(*pairs, count):
    """A symmetric matrix: 1 on the diagonal, (i, j, value) where a pair overlaps."""
    matrix = torch.eye(count)
    for i, j, value in pairs:
        matrix[i, j] = matrix[j, i] = value
    return matrix


_CHAIN = _overlaps((0, 1, 0.6), (1, 2, 0.6), (0, 2, 0.3), (3, 4, 0.55), count=5)

fast_nms = Exercise(
    name="fast_nms",
    reference=_fast_nms,
    inputs=[
        (_overlaps(count=2), 0.5),
        (_overlaps((0, 1, 0.8), count=3), 0.5),
        (_overlaps((0, 1, 0.6), (1, 2, 0.6), (0, 2, 0.3), count=3), 0.5),
        (_CHAIN, 0.5),
        (_CHAIN, 0.58),
        (_CHAIN, 0.7),
    ],
    mistakes={
        "that is the usual NMS. Here a box that is itself removed removes others, too.": _usual_nms,
        "every box overlaps itself by 1: leave the diagonal out.": _itself,
        "only a better box may remove: above the diagonal, the row is the better one.": _whole_matrix,
        "that keeps the worst of each heap: look down the columns (dim=0), not along the rows.": _rows,
        "True is for boxes that are kept.": _removed,
    },
)


# --- warping: warp(feature [C, H, W], flow [2, H, W]) -> [C, H, W]


def _warp(feature, flow):
    """Read where the flow points to; 0 outside."""
    _, height, width = feature.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = x + flow[0], y + flow[1]
    size = torch.tensor([max(width - 1, 1), max(height - 1, 1)])
    grid = 2 * torch.stack((x, y), dim=-1) / size - 1
    return F.grid_sample(feature[None], grid[None], padding_mode="zeros", align_corners=True)[0]


def _warp_backwards(feature, flow):
    return _warp(feature, -flow)


def _warp_turned(feature, flow):
    return _warp(feature, flow.flip(0))


def _warp_nearest(feature, flow):
    return _warp(feature, (flow + 0.5).floor())


def _warp_clamped(feature, flow):
    """The border's value where the flow points outside."""
    _, height, width = feature.shape
    x, y = torch.arange(width), torch.arange(height)[:, None]
    inside = [(x + flow[0]).clamp(0, width - 1) - x, (y + flow[1]).clamp(0, height - 1) - y]
    return _warp(feature, torch.stack(inside))


_PICTURE = torch.arange(1.0, 13).reshape(1, 3, 4)
_STEPS = torch.stack((_PICTURE[0] % 3 / 4 - 0.2, _PICTURE[0] % 2 / 2 - 0.3))


def _even(dx, dy):
    return torch.tensor([dx, dy])[:, None, None].expand(2, 3, 4).contiguous()


warp = Exercise(
    name="warp",
    reference=_warp,
    inputs=[
        (_PICTURE, _even(0.0, 0.0)),
        (_PICTURE, _even(1.0, 0.0)),
        (_PICTURE, _even(0.0, -1.0)),
        (_PICTURE, _even(0.25, 0.0)),
        (torch.cat((_PICTURE, _PICTURE.sqrt())), _STEPS),
        (_PICTURE, _even(9.0, 0.0)),
    ],
    mistakes={
        "read the map at x + dx, y + dy: the flow says where to look.": _warp_backwards,
        "flow[0] is dx, along a row; flow[1] is dy, down a column.": _warp_turned,
        "a flow need not be whole: weigh the four neighbours, as in the first exercise.": _warp_nearest,
        "outside the map there is nothing: read 0 there, not the border.": _warp_clamped,
    },
)


# --- a key point from its heat map: keypoint(heat [m, m], box [4]) -> [x, y] in the picture


def _keypoint(heat, box):
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    return _place(box, (column + 0.5) / heat.shape[1], (row + 0.5) / heat.shape[0])


def _place(box, x, y):
    return torch.stack((box[0] + x * (box[2] - box[0]), box[1] + y * (box[3] - box[1])))


def _keypoint_turned(heat, box):
    return _keypoint(heat.T, box)


def _keypoint_corner(heat, box):
    """The left upper corner of the hottest pixel."""
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    return _place(box, column / heat.shape[1], row / heat.shape[0])


def _keypoint_in_map(heat, box):
    row, column = divmod(int(heat.argmax()), heat.shape[1])
    return torch.tensor([column + 0.5, row + 0.5])


def _keypoint_in_box(heat, box):
    return _keypoint(heat, box) - box[:2]


def _heat(row, column, size=8):
    heat = torch.randn(size, size, generator=_generator)
    heat[row, column] = 9
    return heat


keypoint = Exercise(
    name="keypoint",
    reference=_keypoint,
    inputs=[
        (_heat(0, 0), torch.tensor([0.0, 0, 8, 8])),
        (_heat(2, 5), torch.tensor([0.0, 0, 8, 8])),
        (_heat(7, 3), torch.tensor([0.0, 0, 32, 16])),
        (_heat(4, 1), torch.tensor([10.0, 20, 34, 60])),
        (_heat(11, 13, 14), torch.tensor([50.5, 3.25, 64.5, 59.25])),
    ],
    mistakes={
        "a map is indexed heat[y, x]: the row is y.": _keypoint_turned,
        "that is the corner of the hottest pixel; its middle is half a pixel further.": _keypoint_corner,
        "that is in pixels of the map; stretch it to the box, and add the box's corner.": _keypoint_in_map,
        "that is inside the box; add the box's corner.": _keypoint_in_box,
    },
)
