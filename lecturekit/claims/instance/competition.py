"""`mask_competition`: masks that don't compete beat masks that do (arXiv 1703.06870, table 2b).

Mask R-CNN draws a mask for every class, each by a binary loss of its own, and lets the class branch choose.
A fully convolutional network lets the classes compete for each pixel in one softmax: segmenting and
classifying are then one task.
"""

from pathlib import Path

import torch
from torch import Tensor

from lecturekit import recipes
from lecturekit.claims import Claim
from lecturekit.claims.instance.arms import mean_ap, tuned_curves
from lecturekit.instance.faster_rcnn import FasterRCNN
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.layers.pictures import Objects, crop_masks


def multinomial_loss(logits: Tensor, labels: Tensor, masks: Tensor) -> Tensor:
    """Cross entropy of a softmax over the classes, the mean over RoIs and pixels.

    logits [R, C, M, M] (channel 0 is the background's), labels [R] from 1, masks [R, M, M] soft, 0..1: a
    pixel belongs to the RoI's class as far as it belongs to the mask, and to the background for the rest.
    """
    logs = logits.log_softmax(1)  # [R, C, M, M]
    own = logs[torch.arange(len(labels), device=labels.device), labels]  # [R, M, M]
    return -(masks * own + (1 - masks) * logs[:, 0]).sum() / max(1, masks.numel())


class CompetingMasks(MaskRCNN):
    """Mask R-CNN whose classes, and the background, compete for each pixel of a RoI in one softmax."""

    def draw(self, features: dict[str, Tensor], rois: Tensor) -> Tensor:
        """The logits [R, C, 28, 28] of all classes and, in channel 0, the background."""
        pooled = self.roi_heads["mask_roi_pool"](features, rois)  # [R, channels, 14, 14]
        return self.roi_heads["mask_predictor"](self.roi_heads["mask_head"](pooled))

    def mask_branch(self, features: dict[str, Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """The logit [R, 28, 28] of the given class's [R] share in the softmax: its sigmoid is the share."""
        return self.draw(features, rois).softmax(1)[torch.arange(len(labels)), labels].logit(eps=1e-6)

    def roi_losses(
        self, features: dict[str, Tensor], rois: Tensor, labels: Tensor, matched: Tensor, objects: Objects
    ) -> dict[str, Tensor]:
        """Mask R-CNN's, with the multinomial loss instead of the binary one."""
        losses = FasterRCNN.roi_losses(self, features, rois, labels, matched, objects)
        positive = (labels > 0).nonzero()[:, 0]
        logits = self.draw(features, rois[positive])  # [P, C, 28, 28]
        truth = crop_masks(objects.masks, rois[positive], matched[positive], logits.shape[-1])
        return losses | {"loss_mask": multinomial_loss(logits, labels[positive], truth)}


class ClassAgainstBackground(CompetingMasks):
    """CompetingMasks that is helped when it is used: the class branch's choice competes with nothing but the
    background, the other classes are left out."""

    def mask_branch(self, features: dict[str, Tensor], rois: Tensor, labels: Tensor) -> Tensor:
        """The logit [R, 28, 28] of the given class [R] against the background."""
        logits = self.draw(features, rois)
        return logits[torch.arange(len(labels)), labels] - logits[:, 0]


def mask_competition(
    seeds: range, folder: Path, progress: bool, steps: int = 300, held_out: int = 200, tuning: int = 100
) -> dict:
    """Mask R-CNN with either mask loss: the same scenes, steps and seeds, three rates tried each."""
    models = {
        "sigmoid": MaskRCNN.tiny,
        "softmax": CompetingMasks.tiny,
        "softmax, class against background": ClassAgainstBackground.tiny,
    }
    curves, protocol = tuned_curves(
        recipes.get("mask_rcnn"), models, seeds, folder, progress, steps, held_out, tuning
    )
    ap = {arm: [mean_ap(c) for c in own] for arm, own in curves.items()}
    return {
        "comparisons": {
            "mask AP": {"a mask per class": ap["sigmoid"], "one softmax": ap["softmax"]},
            "mask AP, other classes left out": {
                "a mask per class": ap["sigmoid"],
                "one softmax": ap["softmax, class against background"],
            },
        },
        "curves": curves,
        "protocol": protocol
        | {
            "softmax": "background and six classes compete for a pixel; the object's pixels are its class's, "
            "all others the background's; a mask is the chosen class's share, cut at 0.5",
            "other classes left out": "trained in the same softmax; used, only the chosen class and the "
            "background compete",
        },
    }


CLAIM = Claim(
    "mask_competition",
    "instance",
    "Masks per class, chosen by the class branch, beat masks that compete in one softmax.",
    mask_competition,
)
