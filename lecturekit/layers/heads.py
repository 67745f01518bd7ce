"""What looks at pooled RoIs [R, C, S, S] and answers: class, box, mask, keypoints; torchvision's names."""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.blocks import conv_block


class BoxHead(nn.Module):
    """Two fully connected layers: what the box and the class of a RoI are read from."""

    def __init__(self, inputs: int, features: int):
        super().__init__()
        self.fc6 = nn.Linear(inputs, features)
        self.fc7 = nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))  # [R, features]


class BoxPredictor(nn.Module):
    """Class logits [R, C] and, for each class, four box deltas [R, C, 4]."""

    def __init__(self, features: int, num_classes: int):
        super().__init__()
        self.cls_score = nn.Linear(features, num_classes)
        self.bbox_pred = nn.Linear(features, num_classes * 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.cls_score(x), self.bbox_pred(x).unflatten(1, (-1, 4))


class MaskPredictor(nn.Sequential):
    """Doubles the resolution and gives one mask logit per class: [R, C, 2S, 2S]."""

    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.conv5_mask = nn.ConvTranspose2d(channels, channels, 2, 2)
        self.relu = nn.ReLU(inplace=True)
        self.mask_fcn_logits = nn.Conv2d(channels, num_classes, 1)
        for layer in (self.conv5_mask, self.mask_fcn_logits):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def mask_head(inputs: int, channels: int, layers: int) -> nn.Sequential:
    """A row of 3x3 convolutions with ReLU."""
    sides = pairwise([inputs] + [channels] * layers)
    head = nn.Sequential(*(conv_block(before, after) for before, after in sides))
    for block in head:
        nn.init.kaiming_normal_(block[0].weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(block[0].bias)
    return head


class KeypointPredictor(nn.Module):
    """A heat map for each keypoint, of four times the resolution: [R, K, 4S, 4S]."""

    def __init__(self, channels: int, num_keypoints: int):
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(channels, num_keypoints, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.kps_score_lowres.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.kps_score_lowres(x)  # [R, K, 2S, 2S]
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def keypoint_head(inputs: int, channels: int, layers: int) -> nn.Sequential:
    """`mask_head` with the convolutions and the ReLUs in one row, as torchvision names them: 0, 2, 4, ..."""
    return nn.Sequential(*(layer for block in mask_head(inputs, channels, layers) for layer in block))
