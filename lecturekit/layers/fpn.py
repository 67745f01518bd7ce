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
        for block in (*self.inner_blocks, *self.layer_blocks):
            nn.init.kaiming_uniform_(block[0].weight, a=1)
            nn.init.zeros_(block[0].bias)

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


class BilinearPyramid(nn.Module):
    """The pyramid of one-stage detectors: bilinear upsampling, ReLU after each level, coarser levels on top.

    Maps c3, c4, c5 of a backbone -> p3, p4, p5 and `extra` levels made from p5 with stride 2, all of
    `channels`. The 1x1 convolutions are `lateral.c3`, ..., the 3x3 ones `p3`, ...; they start at `first`.
    """

    def __init__(self, inputs: list[int], channels: int, *, first: int = 3, extra: int = 2):
        super().__init__()
        self.lateral = nn.ModuleDict(
            {f"c{i}": nn.Conv2d(c, channels, 1) for i, c in enumerate(inputs, first)}
        )
        self.fine = [f"p{i}" for i, _ in enumerate(inputs, first)]
        self.coarse = [f"p{i}" for i in range(first + len(inputs), first + len(inputs) + extra)]
        for name in self.fine:
            self.add_module(name, conv_block(channels, channels))
        for name in self.coarse:
            self.add_module(name, nn.Conv2d(channels, channels, 3, stride=2, padding=1))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return self.levels(self.sums(self.laterals(maps)))

    def laterals(self, maps: list[Tensor]) -> list[Tensor]:
        """The maps, finest first, or the first few of them, each brought to the pyramid's channels."""
        return [lateral(x) for lateral, x in zip(self.lateral.values(), maps, strict=False)]

    def sums(self, laterals: list[Tensor]) -> list[Tensor]:
        """Each map and all coarser ones added up, [B, channels, h, w] each, finest first."""
        sums = list(laterals)
        for i in range(len(sums) - 2, -1, -1):
            sums[i] = sums[i] + resize_like(sums[i + 1], sums[i])
        return sums

    def levels(self, sums: list[Tensor]) -> list[Tensor]:
        """The pyramid's levels made of these sums, finest first."""
        levels = [self.get_submodule(name)(x) for name, x in zip(self.fine, sums, strict=True)]
        for name in self.coarse:
            levels.append(self.get_submodule(name)(levels[-1]))
        return levels


def resize_like(x: Tensor, like: Tensor) -> Tensor:
    """A map [B, C, h, w] resized bilinearly to the height and width of another."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
