"""Between a user's pictures and a detector's batch: checks, resizing, padding, masks cut out and put back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures, red, green, blue
BRIGHTEST = 10.0  # normalised or noisy pictures may leave 0..1 a little; 0..255 pictures go far beyond
MASKS = {"masks": ("H", "W")}  # that targets hold a mask for each object, of the picture's height and width


def check_images(images: list[Tensor]) -> None:
    """Raises ValueError unless `images` are float tensors [3, H, W] with values about 0..1."""
    if isinstance(images, Tensor) and images.ndim == 3:
        raise ValueError(f"images must be a list of pictures, got one tensor of shape {tuple(images.shape)}")
    if len(images) == 0:
        raise ValueError("images must hold at least one picture, got none")
    for i, image in enumerate(images):
        if not isinstance(image, Tensor):
            raise ValueError(f"images[{i}] must be a float tensor [3, H, W], got {type(image).__name__}")
        if image.ndim != 3 or image.shape[0] != 3 or 0 in image.shape:
            raise ValueError(f"images[{i}] must have shape [3, H, W], got {tuple(image.shape)}")
        if not image.is_floating_point():
            raise ValueError(f"images[{i}] must be a float tensor with values 0..1, got {image.dtype}")
        if image.amax() > BRIGHTEST:
            raise ValueError(f"images[{i}] must have values 0..1, got a maximum of {float(image.amax()):g}")


def check_targets(
    targets: list[dict[str, Tensor]] | None,
    images: list[Tensor],
    num_classes: int,
    shapes: Mapping[str, tuple] = MASKS,
) -> None:
    """Raises ValueError unless every picture has boxes [N, 4], labels [N] in 1..num_classes-1 and what
    `shapes` names, [N, *shape] each, such as masks [N, H, W].
    """
    if targets is None:
        raise ValueError("targets must be given in training mode, got None")
    if len(targets) != len(images):
        raise ValueError(
            f"targets must have one entry per picture, got {len(targets)} for {len(images)} images"
        )
    for i, (target, image) in enumerate(zip(targets, images, strict=True)):
        needed = ("boxes", "labels", *shapes)
        if absent := [key for key in needed if not isinstance(target.get(key), Tensor)]:
            raise ValueError(
                f"targets[{i}] must hold tensors {', '.join(needed[:-1])} and {needed[-1]}, "
                f"but lacks {', '.join(absent)}"
            )
        boxes, labels, n = target["boxes"], target["labels"], len(target["boxes"])
        sides = {"H": image.shape[1], "W": image.shape[2]}
        expected = {key: (n, *(sides.get(side, side) for side in shape)) for key, shape in shapes.items()}
        for key, shape in ({"boxes": (n, 4), "labels": (n,)} | expected).items():
            if tuple(target[key].shape) != shape:
                raise ValueError(
                    f"targets[{i}]['{key}'] must have shape {shape}, got {tuple(target[key].shape)}"
                )
        if labels.is_floating_point() or (n and (labels.amin() < 1 or labels.amax() >= num_classes)):
            raise ValueError(
                f"targets[{i}]['labels'] must be integers 1..{num_classes - 1} (0 is background), "
                f"got {labels.tolist()}"
            )
        good = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
        if not good.all():
            raise ValueError(
                f"targets[{i}]['boxes'] must have x2 > x1 and y2 > y1, got {boxes[~good][0].tolist()}"
            )


@dataclass
class Objects:
    """A batch's true objects: boxes [B, N, 4] and labels [B, N], filled up with zeros, `counts` of them.

    Of each picture, if they were asked for: masks [N_i, H, W], keypoints [N_i, K, 3].
    """

    boxes: Tensor
    labels: Tensor
    counts: list[int]
    masks: list[Tensor]
    keypoints: list[Tensor]


def scaled_size(size: tuple[int, int], shorter: int, longer: int) -> tuple[int, int]:
    """`size` (height, width) scaled so that its shorter side is `shorter`, its longer at most `longer`."""
    scale = min(shorter / min(size), longer / max(size))
    return max(1, math.floor(size[0] * scale)), max(1, math.floor(size[1] * scale))


def normalise(image: Tensor) -> Tensor:
    """Picture [3, H, W] minus ImageNet's mean, divided by its deviation, per channel."""
    return (image - image.new_tensor(MEAN)[:, None, None]) / image.new_tensor(STD)[:, None, None]


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resizing of one picture [C, H, W] to (height, width)."""
    if tuple(image.shape[-2:]) == size:
        return image
    return F.interpolate(image[None], size=size, mode="bilinear", align_corners=False)[0]


def resize_boxes(boxes: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Boxes [N, 4] of a picture of size `old` (height, width) in the same picture at size `new`."""
    if tuple(old) == tuple(new):
        return boxes
    y, x = new[0] / old[0], new[1] / old[1]
    return boxes * boxes.new_tensor([x, y, x, y])


def resize_keypoints(points: Tensor, old: tuple[int, int], new: tuple[int, int]) -> Tensor:
    """Keypoints [N, K, 3] (x, y, visibility) of a picture of size `old` in the same picture at size `new`."""
    if tuple(old) == tuple(new):
        return points
    return points * points.new_tensor([new[1] / old[1], new[0] / old[0], 1])


def resize_masks(masks: list[Tensor], size: tuple[int, int]) -> list[Tensor]:
    """Masks [N_i, H_i, W_i] of each picture at another size (height, width): bool [N_i, height, width]."""
    resized = (F.interpolate(m[:, None].float(), size, mode="bilinear", align_corners=False) for m in masks)
    return [m[:, 0] > 0.5 for m in resized]


def pad_rows(rows: list[Tensor]) -> Tensor:
    """Tensors [N_i, ...] of each picture as one [B, N, ...], filled up with zeros; N is at least 1."""
    return pad_sequence([*rows, rows[0].new_zeros((1, *rows[0].shape[1:]))], batch_first=True)[:-1]


def pad_and_stack(images: list[Tensor], divisor: int = 32) -> Tensor:
    """Pictures [3, H_i, W_i] top left in one batch [B, 3, H, W], H and W the next multiples of `divisor`."""
    height, width = (max(image.shape[d] for image in images) for d in (1, 2))
    height, width = (math.ceil(side / divisor) * divisor for side in (height, width))
    batch = images[0].new_zeros((len(images), 3, height, width))
    for row, image in zip(batch, images, strict=True):
        row[:, : image.shape[1], : image.shape[2]] = image
    return batch


def collect(
    targets: list[dict[str, Tensor]],
    old: list[tuple[int, int]],
    new: list[tuple[int, int]],
    shapes: Mapping[str, tuple] = MASKS,
) -> Objects:
    """The targets of pictures that were resized from sizes `old` to sizes `new`, as one padded batch; masks
    and keypoints if `shapes` names them.
    """
    boxes, masks, keypoints = [], [], []
    for target, before, after in zip(targets, old, new, strict=True):
        boxes.append(resize_boxes(target["boxes"].float(), before, after))
        if "masks" in shapes:
            mask = target["masks"]
            if before != after:
                mask = F.interpolate(mask[:, None].float(), size=after, mode="nearest")[:, 0]
            masks.append(mask)
        if "keypoints" in shapes:
            keypoints.append(resize_keypoints(target["keypoints"].float(), before, after))
    nobody = [boxes[0].new_zeros((1, 4))]  # so that a batch without any object still has one padded row
    padded = pad_sequence(boxes + nobody, batch_first=True)[:-1]
    labels = [t["labels"].long() for t in targets] + [targets[0]["labels"].new_zeros(1).long()]
    labels = pad_sequence(labels, batch_first=True)[:-1]
    return Objects(padded, labels, [len(b) for b in boxes], masks, keypoints)


def crop_masks(masks: list[Tensor], rois: Tensor, objects: Tensor, size: int) -> Tensor:
    """What the mask branch should answer: the object's mask inside each RoI, resampled to size x size.

    masks [N_i, H_i, W_i] of each picture, rois [R, 5] (picture index, box; in the pictures' order), objects
    [R] (which of the picture's masks) -> soft masks [R, size, size], 0..1.
    """
    from torchvision.ops import roi_align

    counts = rois[:, 0].long().bincount(minlength=len(masks)).tolist()
    index = torch.cat(
        (objects[:, None].to(rois), rois[:, 1:]), dim=1
    )  # [R, 5], the mask's index before the box
    crops = [
        roi_align(mask[:, None].float(), own, size, sampling_ratio=-1)
        for mask, own in zip(masks, index.split(counts), strict=True)
    ]
    return torch.cat(crops)[:, 0]  # [R, size, size]


def paste_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks [N, M, M] laid into their boxes [N, 4] of a picture of size (height, width): [N, height, width].

    Bilinear resizing is linear in rows and in columns, so pasting is two matrix products. A border of one
    zero pixel, and boxes grown to match, let the mask fade out at the box's edge.
    """
    m = masks.shape[-1] + 2
    masks = F.pad(masks, (1, 1, 1, 1))  # [N, M+2, M+2]
    centre = (boxes[:, 2:] + boxes[:, :2]) * 0.5
    half = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * (m / (m - 2))
    start, end = (centre - half).long(), (centre + half).long()  # whole pixels, the last included
    cells = torch.arange(m, device=boxes.device)

    def weights(first: Tensor, last: Tensor, length: int) -> Tensor:
        pixel = torch.arange(length, device=first.device)
        side = (last - first + 1).clamp(min=1)[:, None]  # [N, 1]
        source = (m / side) * (pixel - first[:, None] + 0.5) - 0.5  # [N, length], in mask cells
        triangle = 1 - (source.clamp(0, m - 1)[..., None] - cells).abs()  # [N, length, M+2]
        inside = (pixel >= first[:, None]) & (pixel < first[:, None] + side)
        return triangle.clamp(min=0) * inside[..., None]

    rows = weights(start[:, 1], end[:, 1], size[0]).to(masks)  # [N, H, M+2]
    columns = weights(start[:, 0], end[:, 0], size[1]).to(masks)  # [N, W, M+2]
    return rows @ masks @ columns.transpose(1, 2)  # [N, H, W]
