"""Parts of the networks against plain loops, against torchvision's operators and against each other."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks import Case
from benchmarks.systems import FIRST, SIDES, network
from lecturekit.claims.timing import random_boxes, settle
from lecturekit.data import TownScenes
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.instance.yolact import YOLACT, fast_nms
from lecturekit.layers import boxes as B
from lecturekit.layers.prototypes import assemble
from lecturekit.layers.roi import roi_align_products, to_rois

NAMES = ("assembly", "nms", "roi_align")
INSTANCES = (1, 10, 100)
CLASSES = {"tiny": 6, "paper": 80}
MAPS = {"tiny": (8, 48, 2, 40), "paper": (1, 256, 4, 100)}  # pictures, channels, stride, RoIs a picture
BOXES = 200  # that go into non-maximum suppression


def cases(name: str, size: str) -> Iterator[Case]:
    """The cases of a part at a size, by the name of the part."""
    if name == "assembly":
        for n in INSTANCES:
            note = "until masks are drawn, not yet as large as the picture"
            yield Case(name, size, f"{n} mask{'s' * (n > 1)}", note, partial(assembly, size, n))
    elif name == "nms":
        note = f"{BOXES} boxes, scores for {CLASSES[size]} classes"
        yield Case(name, size, "suppression", note, partial(suppression, size))
    else:
        for cells in (7, 14):
            pictures, channels, stride, rois = MAPS[size]
            note = f"forwards and backwards, {pictures * rois} RoIs, {channels} channels, stride {stride}"
            yield Case(name, size, f"{cells} x {cells} cells", note, partial(alignment, size, cells))


def loop_assembly(prototypes: Tensor, coefficients: Tensor, boxes: Tensor) -> Tensor:
    """`assemble`, instance by instance; only the pixels in the box are drawn."""
    height, width = prototypes.shape[1:]
    masks = prototypes.new_zeros((len(boxes), height, width))
    corners = (boxes * boxes.new_tensor([width, height] * 2)).tolist()
    for mask, mixture, (x1, y1, x2, y2) in zip(masks, coefficients, corners, strict=True):
        rows = slice(max(0, math.ceil(y1 - 1)), max(0, math.ceil(y2 + 1)))
        columns = slice(max(0, math.ceil(x1 - 1)), max(0, math.ceil(x2 + 1)))
        mask[rows, columns] = torch.tensordot(mixture, prototypes[:, rows, columns], 1).sigmoid()
    return masks


def assembly(size: str, n: int) -> tuple[dict, dict]:
    """YOLACT's masks of n instances, against a loop over them and against Mask R-CNN's mask branch."""
    side = SIDES[size]
    image, _ = TownScenes(first=FIRST, count=1, size=side)[0]
    one_stage, two_stage = (network(getattr(system, size), side) for system in (YOLACT, MaskRCNN))
    settle(one_stage, [image])
    settle(two_stage, [image])
    outputs = one_stage.outputs(one_stage.prepare([image]))
    boxes = random_boxes(n, side)
    prototypes, coefficients = outputs["prototypes"][0], outputs["coefficients"][0, :n]
    features = two_stage.backbone(two_stage.prepare([image])[0])
    rois, labels = to_rois([boxes]), torch.ones(n, dtype=torch.int64)
    return {"assemble": partial(assemble, prototypes, coefficients, boxes / side)}, {
        "a loop over instances": partial(loop_assembly, prototypes, coefficients, boxes / side),
        "Mask R-CNN's mask branch": partial(two_stage.mask_branch, features, rois, labels),
    }


def by_class(nms: Callable, boxes: Tensor, scores: Tensor) -> list[Tensor]:
    """Non-maximum suppression, class by class."""
    return [nms(boxes, own, 0.5) for own in scores]


def suppression(size: str) -> tuple[dict, dict]:
    """Fast NMS of all classes, against the readable loop and torchvision's operators."""
    from torchvision import ops

    boxes = random_boxes(BOXES, SIDES[size])
    scores = torch.rand(CLASSES[size], BOXES, generator=torch.Generator().manual_seed(1))
    classes = torch.arange(len(scores)).repeat_interleave(BOXES)
    flat = boxes.repeat(len(scores), 1), scores.flatten(), classes
    return {"fast_nms": partial(fast_nms, boxes, scores, 0.5)}, {
        "a loop over boxes": partial(by_class, B.nms, boxes, scores),
        "torchvision's nms by class": partial(by_class, ops.nms, boxes, scores),
        "torchvision's batched_nms": partial(ops.batched_nms, *flat, 0.5),
    }


def alignment(size: str, cells: int) -> tuple[dict, dict]:
    """RoIAlign as matrix products (for small maps) against torchvision's operator, forwards and backwards."""
    from torchvision import ops

    pictures, channels, stride, rois = MAPS[size]
    side = SIDES[size] // stride
    feature = torch.randn(pictures, channels, side, side, generator=torch.Generator().manual_seed(0))
    if size == "tiny":  # as the tiny network lays it out
        feature = feature.contiguous(memory_format=torch.channels_last)
    rois = to_rois([random_boxes(rois, SIDES[size], seed) for seed in range(pictures)])
    weight = torch.randn(len(rois), channels, cells, cells, generator=torch.Generator().manual_seed(1))

    @torch.enable_grad()
    def gradient(pool: Callable) -> Tensor:
        leaf = feature.detach().requires_grad_()
        (pool(leaf) * weight).sum().backward()
        return leaf.grad

    return {
        "roi_align_products": lambda: gradient(lambda x: roi_align_products(x, rois, cells, 1 / stride))
    }, {
        "torchvision's roi_align": lambda: gradient(
            lambda x: ops.roi_align(x, rois, cells, 1 / stride, sampling_ratio=2)
        )
    }
