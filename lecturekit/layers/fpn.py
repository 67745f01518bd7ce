"""Feature pyramid network (Lin et al. 2017, arXiv 1612.03144)."""

import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.blocks import conv_block


class FeaturePyramid(nn.Module):
    """Gives every level the same channels, and what the deeper levels know.

    Maps {"0": [B, C0, H/4, W/4], ...} to {"0": [B, channels, H/4, W/4], ..., "pool"}; "pool" is every second
    pixel of the deepest level, for the largest anchors.
    """

    def __init__(self, inputs: list[int], channels: int):
        super().__init__()
        self.inner_blocks = nn.ModuleList(conv_block(c, channels, 1, relu=False) for c in inputs)
        self.layer_blocks = nn.ModuleList(conv_block(channels, channels, 3, relu=False) for _ in inputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias)

    def forward(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        inner = [block(x) for block, x in zip(self.inner_blocks, maps.values(), strict=True)]
        for fine in range(len(inner) - 2, -1, -1):
            size = inner[fine].shape[-2:]
            inner[fine] = inner[fine] + F.interpolate(inner[fine + 1], size=size, mode="nearest")
        outputs = [block(x) for block, x in zip(self.layer_blocks, inner, strict=True)]
        pyramid = dict(zip(maps, outputs, strict=True))
        pyramid["pool"] = outputs[-1][:, :, ::2, ::2]  # [B, channels, H/64, W/64]
        return pyramid


class BackboneWithFPN(nn.Module):
    """A backbone (`body`) under a feature pyramid (`fpn`)."""

    def __init__(self, body: nn.Module, channels: int):
        super().__init__()
        self.body = body
        self.fpn = FeaturePyramid(body.out_channels, channels)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))
