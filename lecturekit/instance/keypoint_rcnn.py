"""Mask R-CNN's keypoint branch (He, Gkioxari, Dollár, Girshick 2017, arXiv 1703.06870, section 5).

A keypoint is a mask of one pixel. For each detected person the branch gives a heat map per kind of keypoint,
56 x 56 cells over the box, and learns by a softmax over all its cells: exactly one of them is the keypoint.
Nothing in it knows of human bodies.

`paper()` is torchvision's `keypointrcnn_resnet50_fpn`, number for number, and departs from the paper where
that does (see `faster_rcnn`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.instance.faster_rcnn import FasterRCNN
from lecturekit.layers.backbones import tiny_resnet
from lecturekit.layers.fpn import BackboneWithFPN
from lecturekit.layers.heads import KeypointPredictor, keypoint_head
from lecturekit.layers.pictures import Objects, resize_keypoints
from lecturekit.layers.roi import to_rois


class KeypointRCNN(FasterRCNN):
    """Faster R-CNN with a keypoint branch; its other sizes are FasterRCNN's.

    Targets have keypoints [N, K, 3] (x, y in pixels, visibility 0 not labelled, 1 hidden, 2 visible) besides
    boxes and labels; a person without a labelled keypoint is legal. Detections have keypoints [D, K, 3], with
    1 for the visibility, and keypoints_scores [D, K], the heat maps' peaks, besides boxes, labels and scores.
    """

    def __init__(
        self,
        backbone: BackboneWithFPN,
        *,
        num_classes: int = 2,
        num_keypoints: int = 17,
        channels: int = 256,
        min_size: int | tuple[int, ...] = (640, 672, 704, 736, 768, 800),
        keypoint_pool: int = 14,
        keypoint_channels: int = 512,
        keypoint_layers: int = 8,
        **sizes,
    ):
        super().__init__(backbone, num_classes=num_classes, channels=channels, min_size=min_size, **sizes)
        self.learns = {"keypoints": (num_keypoints, 3)}
        self.roi_heads.update(
            {
                "keypoint_roi_pool": self.level_pool(keypoint_pool),
                "keypoint_head": keypoint_head(channels, keypoint_channels, keypoint_layers),
                "keypoint_predictor": KeypointPredictor(keypoint_channels, num_keypoints),
            }
        )

    def keypoint_branch(self, features: dict[str, Tensor], rois: Tensor) -> Tensor:
        """Heat maps [R, K, 56, 56], as logits: where in the RoI is each keypoint?"""
        pooled = self.roi_heads["keypoint_roi_pool"](features, rois)  # [R, channels, 14, 14]
        return self.roi_heads["keypoint_predictor"](self.roi_heads["keypoint_head"](pooled))

    def roi_losses(
        self, features: dict[str, Tensor], rois: Tensor, labels: Tensor, matched: Tensor, objects: Objects
    ) -> dict[str, Tensor]:
        """L_class, L_box and the keypoints' loss, the latter two for positive RoIs."""
        losses = super().roi_losses(features, rois, labels, matched, objects)
        positive = (labels > 0).nonzero()[:, 0]
        found, which = rois[positive], matched[positive]
        counts = found[:, 0].long().bincount(minlength=len(objects.keypoints)).tolist()
        own = [points[k] for points, k in zip(objects.keypoints, which.split(counts), strict=True)]
        heatmaps = self.keypoint_branch(features, found)  # [P, K, 56, 56]
        return losses | {"loss_keypoint": keypoint_loss(heatmaps, torch.cat(own), found[:, 1:])}

    def detect(
        self, features: dict[str, Tensor], proposals: list[Tensor], sizes: list[tuple[int, int]]
    ) -> list:
        """Each picture's detections, at its resized size: boxes, labels, scores, keypoints with scores."""
        results = super().detect(features, proposals, sizes)
        heatmaps = self.keypoint_branch(features, to_rois([r["boxes"] for r in results]))
        for result, maps in zip(results, heatmaps.split([len(r["labels"]) for r in results]), strict=True):
            result["keypoints"], result["keypoints_scores"] = find_keypoints(maps, result["boxes"])
        return results

    def restore(self, results: list, sizes: list[tuple[int, int]], originals: list[tuple[int, int]]) -> list:
        """Boxes and keypoints back to the pixels of the pictures as they came."""
        results = super().restore(results, sizes, originals)
        for result, size, original in zip(results, sizes, originals, strict=True):
            result["keypoints"] = resize_keypoints(result["keypoints"], size, original)
        return results

    @classmethod
    def tiny(
        cls, *, widths: tuple[int, ...] = (24, 48, 80, 112), stem: int = 16, norm: str = "batch", **changes
    ) -> "KeypointRCNN":
        """For the people of Toy Town at 128 px: about a minute of training on two CPU cores.

        They are small, so the pyramid starts at stride 2: a limb is two or three pixels wide.
        """
        sizes = {
            "channels": 48,
            "min_size": 128,
            "max_size": 256,
            "anchor_sizes": ((10,), (20,), (40,), (80,), (120,)),
            "rpn": {"pre_nms": (64, 200), "post_nms": (64, 100), "samples": 64},
            "strides": (2, 4, 8, 16),
            "box_features": 128,
            "roi_samples": 32,
            "positive_fraction": 0.5,
            "keypoint_channels": 64,
            "keypoint_layers": 3,
            "small": True,
        } | changes
        body = tiny_resnet(widths, stem, norm, pool=False)
        return cls(BackboneWithFPN(body, sizes["channels"]), **sizes)


def keypoint_cells(keypoints: Tensor, boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Where keypoints [R, K, 3] lie in their boxes [R, 4] of size x size cells: rows first, int64 [R, K].

    Beside it bool [R, K]: whether the keypoint is labelled and in the box; elsewhere the cell means nothing.
    A keypoint on the box's right or lower edge belongs to the last cell.
    """
    boxes = boxes[:, None]  # [R, 1, 4]
    points = keypoints[..., :2]
    scale = size / (boxes[..., 2:] - boxes[..., :2])
    cells = ((points - boxes[..., :2]) * scale).floor().long()  # [R, K, 2], columns and rows
    cells = cells.masked_fill(points == boxes[..., 2:], size - 1)
    there = ((cells >= 0) & (cells < size)).all(dim=-1) & (keypoints[..., 2] > 0)
    return cells[..., 1] * size + cells[..., 0], there


def keypoint_loss(heatmaps: Tensor, keypoints: Tensor, boxes: Tensor) -> Tensor:
    """Cross entropy over the cells of heat maps [R, K, S, S] of boxes [R, 4], whose keypoints are [R, K, 3].

    The mean over the keypoints that are labelled and in their box; 0 if there are none.
    """
    cells, there = keypoint_cells(keypoints, boxes, heatmaps.shape[-1])
    if not there.any():
        return heatmaps.sum() * 0
    return F.cross_entropy(heatmaps.flatten(2)[there], cells[there])


def find_keypoints(heatmaps: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The highest place of each heat map [R, K, S, S] in its box [R, 4]: keypoints [R, K, 3] in pixels.

    Beside them the values there [R, K]. The maps are first enlarged (bicubic) to their box's own size in
    pixels, rounded up, so that a keypoint is found to the pixel; it stands at the pixel's centre.
    """
    sides = (boxes[:, 2:] - boxes[:, :2]).clamp(min=1)
    pixels = sides.ceil()
    places, scores = [], []
    for maps, (width, height) in zip(heatmaps, pixels.long().tolist(), strict=True):
        enlarged = F.interpolate(maps[None], (height, width), mode="bicubic", align_corners=False)[0]
        score, place = enlarged.flatten(1).max(dim=1)  # [K]
        places.append(torch.stack((place % width, place // width), dim=1))  # [K, 2]
        scores.append(score)
    if not places:
        return heatmaps.new_zeros((0, heatmaps.shape[1], 3)), heatmaps.new_zeros((0, heatmaps.shape[1]))
    points = (torch.stack(places) + 0.5) * (sides / pixels)[:, None] + boxes[:, None, :2]  # [R, K, 2]
    return F.pad(points, (0, 1), value=1.0), torch.stack(scores)
