"""Mask R-CNN (He, Gkioxari, Dollár, Girshick 2017, arXiv 1703.06870).

Faster R-CNN finds boxes in two steps: a region proposal network says where objects may be, a second stage
looks at each proposal and says what it is. Mask R-CNN adds two things. A mask branch beside the box branch
draws a mask for every class, and the class branch decides which of them is taken. RoIAlign pools the
features of a box without rounding, so that masks fit to the pixel.

`paper()` is torchvision's `maskrcnn_resnet50_fpn`, number for number, and departs from the paper where that
does (see `faster_rcnn`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.instance.faster_rcnn import FasterRCNN
from lecturekit.layers.backbones import tiny_resnet
from lecturekit.layers.fpn import BackboneWithFPN
from lecturekit.layers.heads import MaskPredictor, mask_head
from lecturekit.layers.pictures import MASKS, Objects, crop_masks, paste_masks
from lecturekit.layers.roi import to_rois


class MaskRCNN(FasterRCNN):
    """Faster R-CNN with a mask branch; its other sizes are FasterRCNN's.

    Targets have masks uint8 [N, H, W], detections masks float [D, 1, H, W] in 0..1 besides boxes, labels and
    scores.
    """

    learns = MASKS

    def __init__(
        self,
        backbone: BackboneWithFPN,
        *,
        num_classes: int = 91,
        channels: int = 256,
        mask_pool: int = 14,
        mask_channels: int = 256,
        mask_layers: int = 4,
        **sizes,
    ):
        super().__init__(backbone, num_classes=num_classes, channels=channels, **sizes)
        self.roi_heads.update(
            {
                "mask_roi_pool": self.level_pool(mask_pool),
                "mask_head": mask_head(channels, mask_channels, mask_layers),
                "mask_predictor": MaskPredictor(mask_channels, num_classes),
            }
        )

    def mask_branch(self, features: dict[str, Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """Mask logits [R, 28, 28]: a mask per class is drawn, and the one of the given class [R] is taken."""
        pooled = self.roi_heads["mask_roi_pool"](features, rois)  # [R, channels, 14, 14]
        logits = self.roi_heads["mask_predictor"](self.roi_heads["mask_head"](pooled))  # [R, C, 28, 28]
        return logits[torch.arange(len(labels), device=labels.device), labels]

    def roi_losses(
        self, features: dict[str, Tensor], rois: Tensor, labels: Tensor, matched: Tensor, objects: Objects
    ) -> dict[str, Tensor]:
        """L_class, L_box and L_mask (section 3), the latter two for positive RoIs and their true class."""
        losses = super().roi_losses(features, rois, labels, matched, objects)
        positive = (labels > 0).nonzero()[:, 0]
        found = rois[positive]
        masks = self.mask_branch(features, found, labels[positive])  # [P, 28, 28]
        true_masks = crop_masks(objects.masks, found, matched[positive], masks.shape[-1])
        mask = F.binary_cross_entropy_with_logits(masks, true_masks, reduction="sum")
        return losses | {"loss_mask": mask / max(1, masks.numel())}

    def detect(
        self, features: dict[str, Tensor], proposals: list[Tensor], sizes: list[tuple[int, int]]
    ) -> list:
        """Each picture's detections, at its resized size: boxes, labels and scores, and masks [D, 28, 28]."""
        results = super().detect(features, proposals, sizes)
        labels = torch.cat([r["labels"] for r in results])
        masks = self.mask_branch(features, to_rois([r["boxes"] for r in results]), labels).sigmoid()
        for result, mask in zip(results, masks.split([len(r["labels"]) for r in results]), strict=True):
            result["masks"] = mask
        return results

    def restore(self, results: list, sizes: list[tuple[int, int]], originals: list[tuple[int, int]]) -> list:
        """Boxes back to the pixels of the pictures as they came, masks laid into them: [D, 1, H, W]."""
        for result, original in zip(super().restore(results, sizes, originals), originals, strict=True):
            result["masks"] = paste_masks(result["masks"], result["boxes"], original)[:, None]
        return results

    @classmethod
    def tiny(
        cls, *, widths: tuple[int, ...] = (24, 48, 80, 112), stem: int = 16, norm: str = "batch", **changes
    ) -> "MaskRCNN":
        """For Toy Town at 128 px: six classes and background, about 90 s of training on two CPU cores.

        Its objects are small, so the pyramid starts at stride 2: a limb is two or three pixels wide.
        """
        sizes = {
            "num_classes": 7,
            "channels": 48,
            "min_size": 128,
            "max_size": 256,
            "anchor_sizes": ((10,), (20,), (40,), (80,), (120,)),
            "rpn": {"pre_nms": (64, 200), "post_nms": (64, 100), "samples": 64},
            "strides": (2, 4, 8, 16),
            "box_features": 128,
            "roi_samples": 40,
            "positive_fraction": 0.4,
            "mask_channels": 48,
            "mask_layers": 2,
            "small": True,
        } | changes
        body = tiny_resnet(widths, stem, norm, pool=False)
        return cls(BackboneWithFPN(body, sizes["channels"]), **sizes)
