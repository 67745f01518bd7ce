"""Faster R-CNN (Ren, He, Girshick, Sun 2015, arXiv 1506.01497) on a feature pyramid, with RoIAlign.

Two stages: a region proposal network says where objects may be, a second stage looks at each proposal and
says what it is and where exactly. Mask R-CNN and its keypoint branch (arXiv 1703.06870) add a third answer
for each detection, by what they override here: a head, its loss, and what it makes of the detections.

Where torchvision's detectors depart from the papers, so do we: RoIAlign has no half-pixel shift, the box loss
is smooth L1 with beta 1/9, a box's width is x2 - x1 without the + 1, and a stage's stride is in its 3x3
convolution.
"""

from collections.abc import Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from lecturekit.layers import boxes as B
from lecturekit.layers.anchors import Anchors
from lecturekit.layers.backbones import ResNet
from lecturekit.layers.blocks import live_norms
from lecturekit.layers.checkpoints import load_official, torchvision_names
from lecturekit.layers.fpn import BackboneWithFPN
from lecturekit.layers.heads import BoxHead, BoxPredictor
from lecturekit.layers.pictures import (
    Objects,
    check_images,
    check_targets,
    collect,
    normalise,
    pad_and_stack,
    resize,
    resize_boxes,
    scaled_size,
)
from lecturekit.layers.roi import LevelPool, to_rois
from lecturekit.layers.rpn import RegionProposalNetwork, is_padding

BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # box deltas are small numbers; so they count as much as the classes
SMALLEST_SIDE = 1e-2  # detections with a smaller side are dropped, in pixels


class FasterRCNN(nn.Module):
    """In training mode `model(images, targets)` gives named losses, in eval mode `model(images)` detections.

    images: float tensors [3, H, W], RGB, 0..1, of any sizes. Targets: boxes [N, 4] xyxy in pixels, labels
    [N] in 1..num_classes-1, and what `learns` names. Detections: boxes [D, 4], labels [D], scores [D] (best
    first). `num_classes` counts the background, 0. Raises ValueError on anything else.

    `small` is for small pictures: memory laid out and RoIs pooled in the way that is fast for them.
    """

    learns: Mapping[str, tuple] = {}  # what else the targets hold, by its shape per object

    def __init__(
        self,
        backbone: BackboneWithFPN,
        *,
        num_classes: int = 91,
        channels: int = 256,
        pooling: str = "align",
        min_size: int | tuple[int, ...] = 800,
        max_size: int = 1333,
        anchor_sizes: tuple[tuple[float, ...], ...] = ((32,), (64,), (128,), (256,), (512,)),
        rpn: dict | None = None,
        canonical_size: int = 224,
        strides: tuple[int, ...] = (4, 8, 16, 32),
        box_pool: int = 7,
        box_features: int = 1024,
        roi_samples: int = 512,
        positive_fraction: float = 0.25,
        score_threshold: float = 0.05,
        nms_threshold: float = 0.5,
        detections_per_image: int = 100,
        small: bool = False,
    ):
        super().__init__()
        self.num_classes = num_classes
        self.min_size = (min_size,) if isinstance(min_size, int) else tuple(min_size)
        self.max_size = max_size
        self.roi_samples, self.positive_fraction = roi_samples, positive_fraction
        self.score_threshold, self.nms_threshold = score_threshold, nms_threshold
        self.detections_per_image = detections_per_image
        self.memory_format = torch.channels_last if small else torch.contiguous_format
        self.backbone = backbone
        self.rpn = RegionProposalNetwork(channels, Anchors(anchor_sizes), **(rpn or {}))
        self.level_pool = partial(
            LevelPool, pooling=pooling, canonical_size=canonical_size, strides=strides, small=small
        )
        self.roi_heads = nn.ModuleDict(
            {
                "box_roi_pool": self.level_pool(box_pool),
                "box_head": BoxHead(channels * box_pool**2, box_features),
                "box_predictor": BoxPredictor(box_features, num_classes),
            }
        )

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None):
        check_images(images)
        if self.training:
            check_targets(targets, images, self.num_classes, self.learns)
        originals = [tuple(image.shape[-2:]) for image in images]
        batch, sizes = self.prepare(images)  # [B, 3, H, W]
        features = self.backbone(batch)  # {"0": [B, C, H/4, W/4], "1", "2", "3": H/32, "pool": H/64}
        padded = tuple(batch.shape[-2:])
        if not self.training:
            proposals, _ = self.rpn(features, sizes, padded)
            return self.restore(self.detect(features, proposals, sizes), sizes, originals)
        objects = collect(targets, originals, sizes, self.learns)
        proposals, losses = self.rpn(features, sizes, padded, objects.boxes)
        return losses | self.roi_losses(features, *self.choose(proposals, objects), objects)

    def prepare(self, images: list[Tensor]) -> tuple[Tensor, list[tuple[int, int]]]:
        """Normalised, resized and padded pictures [B, 3, H, W], and their sizes before padding."""
        resized = []
        for image in images:
            # one draw a picture in training, as in torchvision, so that the same seed gives the same losses
            shorter = self.min_size[int(torch.rand(1) * len(self.min_size)) if self.training else -1]
            size = scaled_size(image.shape[-2:], shorter, self.max_size)
            resized.append(resize(normalise(image), size))
        batch = pad_and_stack(resized).contiguous(memory_format=self.memory_format)
        return batch, [tuple(image.shape[-2:]) for image in resized]

    def choose(self, proposals: list[Tensor], objects: Objects) -> tuple[Tensor, Tensor, Tensor]:
        """The RoIs to learn from, some of them positive: rois [R, 5], their labels [R], their objects [R].

        A proposal takes the label of the object it overlaps by IoU >= 0.5, background otherwise. The true
        boxes are added to the proposals, so that there is something to learn from at the start.
        """
        true = zip(proposals, objects.boxes, objects.counts, strict=True)
        boxes = [torch.cat((proposed, own[:n])) for proposed, own, n in true]
        lengths = torch.tensor([len(b) for b in boxes], device=boxes[0].device)
        boxes = pad_sequence(boxes, batch_first=True)  # [B, P, 4]
        overlaps = B.iou(objects.boxes, boxes)  # [B, N, P]
        overlaps = overlaps.masked_fill(is_padding(objects.boxes)[..., None], -1)
        matched = B.match(overlaps, high=0.5, low=0.5)  # [B, P]
        labels = objects.labels.gather(1, matched.clamp(min=0)).masked_fill(matched < 0, 0)
        absent = torch.arange(boxes.shape[1], device=boxes.device) >= lengths[:, None]
        labels = labels.masked_fill(absent, -1)
        positive, negative = B.sample(labels, self.roi_samples, self.positive_fraction)
        picture, index = (positive | negative).nonzero(as_tuple=True)
        rois = torch.cat((picture[:, None].to(boxes), boxes[picture, index]), dim=1)  # [R, 5]
        return rois, labels[picture, index], matched[picture, index].clamp(min=0)

    def box_branch(self, features: dict[str, Tensor], rois: Tensor) -> tuple[Tensor, Tensor]:
        """What is in each RoI, and where exactly: class logits [R, C] and box deltas per class [R, C, 4]."""
        pooled = self.roi_heads["box_roi_pool"](features, rois)  # [R, channels, 7, 7]
        return self.roi_heads["box_predictor"](self.roi_heads["box_head"](pooled))

    def roi_losses(
        self, features: dict[str, Tensor], rois: Tensor, labels: Tensor, matched: Tensor, objects: Objects
    ) -> dict[str, Tensor]:
        """L_class, and L_box for positive RoIs and their true class, of the RoIs that `choose` gives."""
        logits, deltas = self.box_branch(features, rois)
        positive = (labels > 0).nonzero()[:, 0]
        found, label, which = rois[positive], labels[positive], matched[positive]
        truth = B.encode(objects.boxes[found[:, 0].long(), which], found[:, 1:], BOX_WEIGHTS)  # [P, 4]
        box = F.smooth_l1_loss(deltas[positive, label], truth, beta=1 / 9, reduction="sum")
        return {
            "loss_classifier": F.cross_entropy(logits, labels, reduction="sum") / max(1, len(rois)),
            "loss_box_reg": box / max(1, len(rois)),
        }

    def detect(
        self, features: dict[str, Tensor], proposals: list[Tensor], sizes: list[tuple[int, int]]
    ) -> list:
        """Each picture's detections, at its resized size: boxes [D, 4], labels [D] and scores [D]."""
        from torchvision.ops import batched_nms

        logits, deltas = self.box_branch(features, to_rois(proposals))  # [R, C], [R, C, 4]
        counts = [len(p) for p in proposals]
        pictures = zip(proposals, logits.softmax(-1).split(counts), deltas.split(counts), sizes, strict=True)
        results = []
        for boxes, scores, delta, size in pictures:
            roi, label = (scores[:, 1:] > self.score_threshold).nonzero(as_tuple=True)
            label = label + 1  # the background, 0, is no detection
            boxes = B.clip(B.decode(delta[roi, label], boxes[roi], BOX_WEIGHTS), size)
            large = ((boxes[:, 2:] - boxes[:, :2]) >= SMALLEST_SIDE).all(dim=1)
            boxes, label, score = boxes[large], label[large], scores[roi, label][large]
            kept = batched_nms(boxes, score, label, self.nms_threshold)[: self.detections_per_image]
            results.append({"boxes": boxes[kept], "labels": label[kept], "scores": score[kept]})
        return results

    def restore(self, results: list, sizes: list[tuple[int, int]], originals: list[tuple[int, int]]) -> list:
        """Boxes back to the pixels of the pictures as they came."""
        for result, size, original in zip(results, sizes, originals, strict=True):
            result["boxes"] = resize_boxes(result["boxes"], size, original)
        return results

    @classmethod
    def paper(
        cls, *, norm: str = "auto", norm_eps: float = 1e-5, trainable_layers: int = 3, **changes
    ) -> "FasterRCNN":
        """ResNet-50-FPN for COCO, with the sizes and module names of torchvision's detectors.

        Batch norms are frozen and of the backbone the last `trainable_layers` of 5 are trained, as in the
        paper. With `norm="auto"` they become live as soon as a state dict is loaded that comes from live
        ones.
        """
        body = ResNet(norm="frozen" if norm == "auto" else norm, eps=norm_eps)
        frozen = ("layer4", "layer3", "layer2", "layer1", "conv1")[trainable_layers:]
        for name, parameter in body.named_parameters():
            parameter.requires_grad_(trainable_layers == 5 or not name.startswith((*frozen, "bn1")))
        model = cls(BackboneWithFPN(body, changes.get("channels", 256)), **changes)
        model.adopt_norms = norm == "auto"
        return model

    adopt_norms = False

    def load_state_dict(self, state_dict, *args, **kwargs):
        """torch's; knows the older names of torchvision's files too, and lets norms follow the state dict."""
        if self.adopt_norms and any(key.endswith("num_batches_tracked") for key in state_dict):
            live_norms(self)
        return super().load_state_dict(torchvision_names(state_dict), *args, **kwargs)

    @classmethod
    def from_official(cls, state_dict: dict[str, Tensor], **changes) -> "FasterRCNN":
        """`paper()` with the weights of torchvision's model of the same kind, in eval mode.

        Published weights have frozen norms, which torchvision runs with eps 0; a state dict that counts
        batches comes from live norms, eps 1e-5, all layers trainable. Raises ValueError naming the first
        wrong keys of another checkpoint.
        """
        live = any(str(key).endswith("num_batches_tracked") for key in state_dict)
        norms = {"norm": "batch", "trainable_layers": 5} if live else {"norm": "frozen", "norm_eps": 0.0}
        return load_official(lambda: cls.paper(**(norms | changes)), state_dict, rename=torchvision_names)
