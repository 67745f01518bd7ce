"""Super-resolution by regression: SRResNet, trained with MAE or MSE (Ledig et al. 2017, arXiv 1609.04802).

A small picture is the condition, a picture four times as large the answer. Many large pictures shrink to the
same small one; the squared error is least for their mean and the absolute error for their median, pixel by
pixel, and both are blurred. `srgan` trains the same network against a discriminator.

What is new in SRResNet (section 2.1): deep residual blocks that work at the small size, where they are cheap,
and sub-pixel convolutions (Shi et al. 2016, 1609.05158) that enlarge by turning channels into pixels.

`paper()` is a widely used public network. Departures: PReLUs have a single slope, training begins at an
interpolation of the small picture instead of at noise, and pictures lie in 0..1; `upscale` clamps to it, but
training sees what is put out (a clamped pixel would have no gradient).
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.checkpoints import load_parts, srresnet_names
from lecturekit.layers.generators import check_pictures, each_picture, evaluating

LOSSES = {"mae": F.l1_loss, "mse": F.mse_loss}


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm beside a shortcut; no activation after the sum."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.PReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def sub_pixel(channels: int) -> nn.Sequential:
    """Twice the height and width: [B, C, H, W] -> [B, 4C, H, W] -> [B, C, 2H, 2W]."""
    return nn.Sequential(nn.Conv2d(channels, channels * 4, 3, padding=1), nn.PixelShuffle(2), nn.PReLU())


class SRResNet(nn.Module):
    """Pictures [B, 3, H, W] in 0..1 -> [B, 3, scale H, scale W], about 0..1 (figure 4, above)."""

    def __init__(self, *, channels: int = 64, blocks: int = 16, scale: int = 4):
        super().__init__()
        if scale < 2 or scale & (scale - 1):
            raise ValueError(f"scale must be a power of two, 2 or more, got {scale}")
        self.scale = scale
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        self.blocks = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.merge = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        self.upsample = nn.Sequential(*(sub_pixel(channels) for _ in range(scale.bit_length() - 1)))
        self.output = nn.Conv2d(channels, 3, 9, padding=4)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        start_as_interpolation(self)

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.stem(x)  # [B, C, H, W]
        deep = shallow + self.merge(self.blocks(shallow))
        return self.output(self.upsample(deep))  # [B, 3, scale H, scale W]


@torch.no_grad()
def start_as_interpolation(net: SRResNet) -> None:
    """Initial values by which an untrained network interpolates linearly, and learns what that lacks.

    Three channels carry the picture through, to which the residual branches add nothing at first (Goyal et
    al. 2017, 1706.02677), and enlarging puts out each pixel four times (Aitken et al. 2017, 1707.02937).
    """
    for norm in (*(block.body[-1] for block in net.blocks), net.merge[-1]):
        nn.init.constant_(norm.weight, 0.1)
        norm.weight[:3] = 0
    for conv in (net.stem[0], *(step[0] for step in net.upsample)):
        middle = conv.kernel_size[0] // 2
        times = 1 if conv is net.stem[0] else 4  # sub-pixels, neighbours among the output channels
        conv.weight.copy_(conv.weight[::times].repeat_interleave(times, dim=0))
        conv.weight[: 3 * times] = 0
        for channel in range(3 * times):
            conv.weight[channel, channel // times, middle, middle] = 1
    line = torch.tensor([0, 0, 0.5, 1, 1, 1, 0.5, 0, 0]) / 4  # smooths steps of four pixels
    net.output.weight.mul_(0.01)
    for channel in range(3):
        net.output.weight[channel, channel] = line[:, None] * line


def check_pair(batch: tuple[Tensor, Tensor], scale: int) -> tuple[Tensor, Tensor]:
    """A batch (small [B, 3, H, W], large [B, 3, scale H, scale W]) as it came; ValueError for another one."""
    small, large = batch
    check_pictures(small, name="small")
    check_pictures(large, name="large")
    expected = (len(small), 3, *(side * scale for side in small.shape[2:]))
    if tuple(large.shape) != expected:
        raise ValueError(
            f"large must have shape {expected}, {scale} times the small, got {tuple(large.shape)}"
        )
    return small, large


def enlarge(model: nn.Module, images: Tensor | Sequence[Tensor]) -> Tensor | list[Tensor]:
    """What `model.generator` makes of pictures in 0..1, clamped to 0..1."""
    with evaluating(model):
        return each_picture(lambda x: model.generator(x).clamp(0, 1), images)


class SuperResolution(nn.Module):
    """`upscale(images)` -> pictures four times as high and wide, in 0..1.

    A batch of training is (small [B, 3, H, W], large [B, 3, 4H, 4W]), both in 0..1; `loss` is "mae" or "mse".
    Raises ValueError on anything else.
    """

    def __init__(self, *, loss: str = "mse", **sizes):
        super().__init__()
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        self.loss = loss
        self.generator = SRResNet(**sizes)

    def players(self) -> dict[str, nn.Module]:
        """A single one: nobody plays against it."""
        return {"model": self}

    def losses(self, batch: tuple[Tensor, Tensor], player: str = "model") -> dict[str, Tensor]:
        """The mean absolute or squared error over all pixels and channels."""
        small, large = check_pair(batch, self.generator.scale)
        return {f"loss_{self.loss}": LOSSES[self.loss](self.generator(small), large)}

    def upscale(self, images: Tensor | Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Pictures in 0..1 of any size, a batch [B, 3, H, W] or a list of [3, H, W]: the same, enlarged."""
        return enlarge(self, images)

    @classmethod
    def tiny(cls, **changes) -> "SuperResolution":
        """Five blocks of 24 channels, for patches of photographs and of Toy Town."""
        return cls(**{"channels": 24, "blocks": 5} | changes)

    @classmethod
    def paper(cls, **changes) -> "SuperResolution":
        """The public SRResNet x4: 16 blocks of 64 channels."""
        return cls(**changes)

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor], **changes) -> "SuperResolution":
        """`paper()` with a public generator's weights, in eval mode; ValueError names the first wrong
        keys.
        """
        parts, renames = {"generator": state_dict}, {"generator": srresnet_names}
        return load_parts(lambda: cls.paper(**changes), parts, renames)
