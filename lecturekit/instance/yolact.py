"""YOLACT: You Only Look At CoefficienTs (Bolya, Zhou, Xiao, Lee 2019, arXiv 1904.02689).

Mask R-CNN cuts out the features of every box and draws each mask anew. YOLACT draws a few masks for the
whole picture, the prototypes, and every box says by a few coefficients how to mix them: its mask is their
linear combination, cropped to the box. All masks of a picture are one matrix product, which costs
little however many there are. Fast NMS finds the near-duplicates by one matrix of overlaps, too.

`paper()` is the authors' public network, which departs from the paper in this: priors are squares (their
ratio changes their size), and what is sure of one class is kept for each class that Fast NMS lets through.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers import boxes as B
from lecturekit.layers.backbones import ResNet, tiny_resnet
from lecturekit.layers.blocks import conv_block
from lecturekit.layers.checkpoints import load_official, yolact_names
from lecturekit.layers.fpn import BilinearPyramid
from lecturekit.layers.pictures import check_images, check_targets, pad_rows, resize, resize_masks
from lecturekit.layers.priors import hard_example_loss, make_priors, match
from lecturekit.layers.prototypes import assemble, mask_loss

MEAN, STD = (123.68, 116.78, 103.94), (58.40, 57.12, 57.38)  # red, green, blue of 0..255
BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # one over the variances: 0.1 of the centre, 0.2 of the sides


def prototype_net(inputs: int, channels: int, prototypes: int, upsample: int) -> nn.Sequential:
    """A small FCN on the finest level (section 3.1): prototypes [B, K, h, w], 0 or more."""
    return nn.Sequential(
        conv_block(inputs, channels),
        conv_block(channels, channels),
        conv_block(channels, channels),
        nn.Upsample(scale_factor=upsample, mode="bilinear", align_corners=False),
        conv_block(channels, channels),
        nn.Conv2d(channels, prototypes, 1),
        nn.ReLU(inplace=True),
    )


class PredictionHeads(nn.Module):
    """What each prior of a level says: four box deltas, class logits, and its mask's coefficients in -1..1.

    The tanh lets coefficients subtract prototypes as well as add them (section 3.1).
    """

    def __init__(self, channels: int, priors: int, num_classes: int, prototypes: int):
        super().__init__()
        self.priors = priors
        self.shared = conv_block(channels, channels)
        self.boxes = nn.Conv2d(channels, priors * 4, 3, padding=1)
        self.classes = nn.Conv2d(channels, priors * num_classes, 3, padding=1)
        self.coefficients = nn.Conv2d(channels, priors * prototypes, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.shared(x)  # [B, channels, h, w]
        maps = (self.boxes(x), self.classes(x), self.coefficients(x).tanh())  # [B, A*n, h, w]
        return tuple(m.permute(0, 2, 3, 1).reshape(len(x), -1, m.shape[1] // self.priors) for m in maps)


def fast_nms(boxes: Tensor, scores: Tensor, threshold: float, top_k: int = 200) -> tuple[Tensor, Tensor]:
    """Non-maximum suppression of all classes at once (section 3.2): boxes [N, 4], scores [C, N].

    A box is dropped if it overlaps a better one of its class by more than `threshold`, even one that is
    dropped itself; so one matrix decides, where usual NMS goes from box to box. Only the `top_k` best of
    a class are looked at. Returns the kept pairs: class (row of `scores`) [D] and box [D].
    """
    order = scores.topk(min(top_k, scores.shape[1]), dim=1).indices  # [C, K], best first
    best = boxes[order]  # [C, K, 4]
    overlaps = B.iou(best, best).triu(diagonal=1)  # [C, K, K]: what is left has the better box in its row
    kept = ~(overlaps > threshold).any(dim=1)  # [C, K]
    row, rank = kept.nonzero(as_tuple=True)
    return row, order[row, rank]


def semantic_loss(logits: Tensor, labels: list[Tensor], masks: list[Tensor]) -> Tensor:
    """Which classes are at a pixel, whatever the object: a mean over pixels and pictures, a sum over classes.

    It serves the features and is thrown away after training (section 3.3). logits [B, C-1, h, w], labels
    [N_i] from 1 and masks bool [N_i, h, w] of each picture.
    """
    truth = torch.zeros_like(logits)
    for own, label, mask in zip(truth, labels, masks, strict=True):
        own.index_add_(0, label - 1, mask.to(own))
    loss = F.binary_cross_entropy_with_logits(logits, truth.clamp(max=1), reduction="sum")
    return loss / logits[:, 0].numel()


class YOLACT(nn.Module):
    """Training mode: `model(images, targets)` -> named losses. Eval mode: `model(images)` -> detections.

    images: float tensors [3, H, W], RGB, 0..1, of any sizes; the network sees them as squares of `size`
    pixels. Targets: boxes [N, 4] xyxy in pixels, labels [N] in 1..num_classes-1, masks uint8 [N, H, W].
    Detections, a list: boxes [D, 4], labels [D], scores [D] (best first), masks float [D, 1, H, W] in 0..1.
    `num_classes` counts the background, 0. Raises ValueError on anything else.

    A prior counts if its best class exceeds `score_threshold`, a detection if its own exceeds
    `class_threshold`.
    """

    def __init__(
        self,
        backbone: ResNet,
        *,
        num_classes: int = 81,
        size: int = 550,
        channels: int = 256,
        extra_levels: int = 2,
        scales: tuple[tuple[float, ...], ...] = ((24,), (48,), (96,), (192,), (384,)),
        ratios: tuple[float, ...] = (1, 1 / 2, 2),
        square_priors: bool = True,
        prototypes: int = 32,
        prototype_channels: int = 256,
        upsample: int = 2,
        loss_weights: tuple[float, float, float, float] = (1, 1.5, 6.125, 1),
        score_threshold: float = 0.05,
        class_threshold: float = 0.0,
        nms_threshold: float = 0.5,
        top_k: int = 200,
        detections_per_image: int = 100,
    ):
        super().__init__()
        self.num_classes, self.size = num_classes, size
        self.scales, self.ratios, self.square_priors = scales, ratios, square_priors
        self.loss_weights = loss_weights
        self.score_threshold, self.class_threshold = score_threshold, class_threshold
        self.nms_threshold, self.top_k = nms_threshold, top_k
        self.detections_per_image = detections_per_image
        inputs = backbone.out_channels[1:]  # c3, c4, c5
        if len(scales) != len(inputs) + extra_levels or len({len(own) for own in scales}) != 1:
            raise ValueError(
                f"scales must be equally many for each of {len(inputs) + extra_levels} levels, got {scales}"
            )
        self.backbone = backbone
        self.fpn = BilinearPyramid(inputs, channels, extra=extra_levels)
        self.prototypes = prototype_net(channels, prototype_channels, prototypes, upsample)
        self.heads = PredictionHeads(channels, len(scales[0]) * len(ratios), num_classes, prototypes)
        self.semantic = nn.Conv2d(channels, num_classes - 1, 1)
        for part in (self.fpn, self.prototypes, self.heads, self.semantic):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.xavier_uniform_(module.weight)
                    nn.init.zeros_(module.bias)
        self.known_priors: dict[tuple, Tensor] = {}

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None):
        check_images(images)
        if self.training:
            check_targets(targets, images, self.num_classes)
            return self.loss(self.outputs(self.prepare(images)), targets)
        return self.decode(self.outputs(self.prepare(images)), [image.shape[-2:] for image in images])

    def prepare(self, images: list[Tensor]) -> Tensor:
        """The pictures resized and normalised, as one batch [B, 3, size, size]."""
        batch = torch.stack([resize(image, (self.size, self.size)) for image in images])
        mean, std = (batch.new_tensor(values)[:, None, None] / 255 for values in (MEAN, STD))
        return (batch - mean) / std

    def outputs(self, batch: Tensor) -> dict[str, Tensor]:
        """What the network says of a normalised batch [B, 3, H, W], for P priors, C classes, K prototypes.

        boxes [B, P, 4] (deltas), classes [B, P, C] (logits), coefficients [B, P, K] in -1..1, priors [P, 4]
        in 0..1, prototypes [B, K, h, w]; in training also semantic (logits), [B, C-1] maps of
        the finest level's size.
        """
        return self.read(self.fpn(list(self.backbone(batch).values())[1:]))

    def read(self, levels: list[Tensor]) -> dict[str, Tensor]:
        """`outputs`, from the pyramid's levels [B, channels, h, w], finest first."""
        parts = (torch.cat(part, dim=1) for part in zip(*map(self.heads, levels), strict=True))
        outputs = dict(zip(("boxes", "classes", "coefficients"), parts, strict=True))
        outputs["priors"] = self.priors(levels)
        outputs["prototypes"] = self.prototypes(levels[0])
        if self.training:
            outputs["semantic"] = self.semantic(levels[0])
        return outputs

    def priors(self, levels: list[Tensor]) -> Tensor:
        """The priors [P, 4] in 0..1, kept from call to call while the levels' sizes stay the same."""
        grids = [tuple(level.shape[-2:]) for level in levels]
        key = (*grids, levels[0].device)
        if key not in self.known_priors:
            priors = make_priors(grids, self.scales, self.ratios, self.size, self.square_priors)
            self.known_priors = {key: priors.to(levels[0].device)}
        return self.known_priors[key]

    def loss(self, outputs: dict[str, Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Classes, boxes and masks of the matched priors, each per positive, and the semantic loss; weighted.

        targets: boxes [N, 4] and masks [N, H, W] in the pixels of the pictures as they came, labels [N].
        """
        deltas, priors, prototypes = outputs["boxes"], outputs["priors"], outputs["prototypes"]
        labels = [target["labels"].long() for target in targets]
        boxes = [t["boxes"] / t["boxes"].new_tensor(t["masks"].shape[:0:-1] * 2) for t in targets]  # 0..1
        boxes = pad_rows(boxes)  # [B, N, 4]
        matched = match(boxes, priors)  # [B, P]
        positive = matched >= 0
        count = positive.sum().clamp(min=1)
        classes = torch.where(
            positive, pad_rows(labels).gather(1, matched.clamp(min=0)), matched - B.BACKGROUND
        )
        picture, prior = positive.nonzero(as_tuple=True)
        moves = B.encode(boxes[picture, matched[positive]], priors[prior], BOX_WEIGHTS)  # [M, 4]
        true_masks = [target["masks"] for target in targets]
        masks = resize_masks(true_masks, prototypes.shape[2:])
        losses = {
            "loss_classifier": hard_example_loss(outputs["classes"], classes) / count,
            "loss_box_reg": F.smooth_l1_loss(deltas[positive], moves, reduction="sum") / count,
            "loss_mask": mask_loss(prototypes, outputs["coefficients"], matched, boxes, masks) / count,
            "loss_semantic": semantic_loss(
                outputs["semantic"], labels, resize_masks(true_masks, outputs["semantic"].shape[2:])
            ),
        }
        return {name: w * loss for w, (name, loss) in zip(self.loss_weights, losses.items(), strict=True)}

    def decode(self, outputs: dict[str, Tensor], sizes: list[tuple[int, int]]) -> list[dict[str, Tensor]]:
        """Detections of each picture in its own pixels; `sizes` are the pictures' (height, width)."""
        boxes = B.decode(outputs["boxes"], outputs["priors"], BOX_WEIGHTS)  # [B, P, 4] in 0..1
        scores = outputs["classes"].softmax(-1)[..., 1:].transpose(1, 2)  # [B, C-1, P]
        results = []
        for i, (height, width) in enumerate(sizes):
            prior, label, score = self.detect(boxes[i], scores[i])
            box = boxes[i, prior].clamp(0, 1)
            masks = assemble(outputs["prototypes"][i], outputs["coefficients"][i, prior], box)  # [D, h, w]
            masks = F.interpolate(masks[:, None], (height, width), mode="bilinear", align_corners=False)
            box = box * box.new_tensor([width, height] * 2)
            results.append({"boxes": box, "labels": label, "scores": score, "masks": masks})
        return results

    def detect(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes [P, 4] and scores [C-1, P] of a picture -> the detections' priors, labels, scores [D]."""
        sure = (scores.amax(0) > self.score_threshold).nonzero()[:, 0]
        scores = scores[:, sure]
        row, index = fast_nms(boxes[sure], scores, self.nms_threshold, self.top_k)
        score, best = scores[row, index].sort(descending=True, stable=True)
        best = best[score > self.class_threshold][: self.detections_per_image]
        return sure[index[best]], row[best] + 1, scores[row, index][best]

    @classmethod
    def tiny(
        cls, *, widths: tuple[int, ...] = (24, 48, 64, 96), stem: int = 16, norm: str = "batch", **changes
    ) -> "YOLACT":
        """For Toy Town at 128 px: six classes and background, about a minute of training on two CPU cores.

        Its objects are small, so p3, p4, p5 lie at strides 4, 8, 16, without levels above; the prototypes
        are as large as the picture.
        """
        sizes = {
            "num_classes": 7,
            "size": 128,
            "channels": 48,
            "extra_levels": 0,
            "scales": ((12, 19), (28, 42), (60, 90)),
            "square_priors": False,
            "prototypes": 16,
            "prototype_channels": 32,
            "upsample": 4,
            "class_threshold": 0.05,
        }
        return cls(tiny_resnet(widths, stem, norm, pool=False), **sizes | changes)

    @classmethod
    def paper(cls, **changes) -> "YOLACT":
        """The authors' `yolact_resnet50`: ResNet-50, 550 px, COCO's 80 classes and background."""
        return cls(ResNet(norm="batch"), **changes)

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor], **changes) -> "YOLACT":
        """`paper()` with the authors' weights, in eval mode; ValueError names the first wrong keys."""
        return load_official(lambda: cls.paper(**changes), state_dict, rename=yolact_names)
