"""Region proposal network (Ren et al. 2015, arXiv 1506.01497): where may objects be, whatever their class?"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers import boxes as B
from lecturekit.layers.anchors import Anchors
from lecturekit.layers.blocks import conv_block

SMALLEST_SIDE = 1e-3  # proposals with a smaller side are dropped, in pixels


class RPNHead(nn.Module):
    """One hidden 3x3 convolution, then per anchor an objectness logit and four box deltas.

    All levels share it.
    """

    def __init__(self, channels: int, anchors: int):
        super().__init__()
        self.conv = nn.Sequential(conv_block(channels, channels))
        self.cls_logits = nn.Conv2d(channels, anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, anchors * 4, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, features: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Maps [B, C, h, w] -> per level logits [B, h*w*A] and deltas [B, h*w*A, 4], ordered as anchors."""
        hidden = [self.conv(x) for x in features]
        logits = [self.cls_logits(x).permute(0, 2, 3, 1).flatten(1) for x in hidden]  # [B, h*w*A]
        deltas = [
            self.bbox_pred(x).permute(0, 2, 3, 1).reshape(len(x), -1, 4) for x in hidden
        ]  # [B, h*w*A, 4]
        return logits, deltas


class RegionProposalNetwork(nn.Module):
    """Scores and refines all anchors, and proposes the best after non-maximum suppression.

    `pre_nms` and `post_nms` are (training, inference) numbers of proposals: per level before, per picture
    after suppression. In training `samples` anchors a picture enter the losses, up to half of them positive.
    """

    def __init__(
        self,
        channels: int,
        anchors: Anchors,
        *,
        pre_nms: tuple[int, int] = (2000, 1000),
        post_nms: tuple[int, int] = (2000, 1000),
        nms_threshold: float = 0.7,
        match_thresholds: tuple[float, float] = (0.7, 0.3),
        samples: int = 256,
        positive_fraction: float = 0.5,
    ):
        super().__init__()
        self.anchors = anchors
        self.head = RPNHead(channels, anchors.per_pixel)
        self.pre_nms, self.post_nms, self.nms_threshold = pre_nms, post_nms, nms_threshold
        self.match_thresholds, self.samples, self.positive_fraction = (
            match_thresholds,
            samples,
            positive_fraction,
        )

    def forward(
        self,
        features: dict[str, Tensor],
        sizes: list[tuple[int, int]],
        padded: tuple[int, int],
        true_boxes: Tensor | None = None,
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        """Proposals [P_i, 4] of each picture, and losses: of maps by level, the pictures' sizes, the batch's.

        `true_boxes` [B, N, 4] (rows of zeros pad the pictures with fewer objects) is needed in training
        mode.
        """
        maps = list(features.values())
        logits, deltas = self.head(maps)
        anchors = self.anchors(maps, padded)
        with torch.no_grad():
            proposals = self.propose(logits, deltas, anchors, sizes)
        if not self.training:
            return proposals, {}
        return proposals, self.loss(
            torch.cat(logits, 1), torch.cat(deltas, 1), torch.cat(anchors), true_boxes
        )

    def propose(
        self, logits: list[Tensor], deltas: list[Tensor], anchors: list[Tensor], sizes: list[tuple[int, int]]
    ) -> list[Tensor]:
        """The best of each level's anchors, refined, clipped, without near-duplicates: [P_i, 4] a picture."""
        from torchvision.ops import batched_nms

        stage = 0 if self.training else 1
        boxes, scores, levels = [], [], []
        for level, (logit, delta, anchor) in enumerate(zip(logits, deltas, anchors, strict=True)):
            score, best = logit.topk(min(self.pre_nms[stage], logit.shape[1]))  # [B, K]
            chosen = delta.gather(1, best[..., None].expand(-1, -1, 4))  # [B, K, 4]
            boxes.append(B.decode(chosen, anchor[best]))
            scores.append(score.sigmoid())
            levels.append(torch.full_like(best, level))
        boxes, scores, levels = torch.cat(boxes, 1), torch.cat(scores, 1), torch.cat(levels, 1)
        proposals = []
        for box, score, level, size in zip(boxes, scores, levels, sizes, strict=True):
            box = B.clip(box, size)
            large = ((box[:, 2:] - box[:, :2]) >= SMALLEST_SIDE).all(dim=1)
            box, score, level = box[large], score[large], level[large]
            kept = batched_nms(box, score, level, self.nms_threshold)
            proposals.append(box[kept[: self.post_nms[stage]]])
        return proposals

    def loss(self, logits: Tensor, deltas: Tensor, anchors: Tensor, true_boxes: Tensor) -> dict[str, Tensor]:
        """Losses of logits [B, M], deltas [B, M, 4], anchors [M, 4]; true boxes [B, N, 4]."""
        overlaps = B.iou(true_boxes, anchors)  # [B, N, M]
        overlaps = overlaps.masked_fill(is_padding(true_boxes)[..., None], -1)
        matched = B.match(overlaps, *self.match_thresholds, keep_best=True)  # [B, M]
        labels = torch.where(matched >= 0, 1, matched + 1)  # object 1, background 0, ignored -1
        positive, negative = B.sample(labels, self.samples, self.positive_fraction)
        picture, anchor = positive.nonzero(as_tuple=True)
        targets = B.encode(true_boxes[picture, matched[picture, anchor]], anchors[anchor])  # [P, 4]
        sampled = positive | negative
        count = max(1, int(sampled.sum()))
        box_loss = F.smooth_l1_loss(deltas[picture, anchor], targets, beta=1 / 9, reduction="sum") / count
        objectness = F.binary_cross_entropy_with_logits(logits[sampled], positive[sampled].to(logits))
        return {"loss_objectness": objectness, "loss_rpn_box_reg": box_loss}


def is_padding(boxes: Tensor) -> Tensor:
    """Which rows of boxes [..., 4] are padding (all zero, so without area): bool [...]."""
    return boxes[..., 2] <= boxes[..., 0]
