"""Backbones: a picture batch [B, 3, H, W] to four maps at strides 4, 8, 16 and 32."""

from torch import Tensor, nn

from lecturekit.layers.blocks import norm_layer

LEVELS = ("0", "1", "2", "3")  # torchvision's names of the maps at strides 4, 8, 16, 32


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1 to 4x the width, beside a shortcut (He et al. 2015, figure 5)."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, norm: str, eps: float):
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = norm_layer(norm, width, eps)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = norm_layer(norm, width, eps)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = norm_layer(norm, outputs, eps)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(inputs, outputs, stride, norm, eps)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))  # [B, width, H, W]
        y = self.relu(self.bn2(self.conv2(y)))  # [B, width, H/stride, W/stride]
        y = self.bn3(self.conv3(y))  # [B, 4 width, H/stride, W/stride]
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, the first with the stride, beside a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, norm: str, eps: float):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = norm_layer(norm, width, eps)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = norm_layer(norm, width, eps)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(inputs, width, stride, norm, eps)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))  # [B, width, H/stride, W/stride]
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def shortcut(inputs: int, outputs: int, stride: int, norm: str, eps: float) -> nn.Sequential | None:
    """A 1x1 projection where the shortcut must change shape, None where x fits as it is."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm_layer(norm, outputs, eps))


class ResNet(nn.Module):
    """Residual network (He et al. 2015, arXiv 1512.03385) without its classifier.

    Modules are named as in torchvision, and the sizes of ResNet-50 are the defaults. `blocks` counts the
    residual blocks of the four stages, `widths` their channels before expansion, `stem` the channels and
    kernel of the first convolution; without `pool` all strides are half as large.
    """

    def __init__(
        self,
        *,
        blocks: tuple[int, ...] = (3, 4, 6, 3),
        widths: tuple[int, ...] = (64, 128, 256, 512),
        stem: tuple[int, int] = (64, 7),
        pool: bool = True,
        block: type[nn.Module] = Bottleneck,
        norm: str = "frozen",
        eps: float = 1e-5,
    ):
        super().__init__()
        channels, kernel = stem
        self.conv1 = nn.Conv2d(3, channels, kernel, 2, kernel // 2, bias=False)
        self.bn1 = norm_layer(norm, channels, eps)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if pool else nn.Identity()
        self.out_channels = []
        for stage, (count, width) in enumerate(zip(blocks, widths, strict=True), start=1):
            layers = []
            for i in range(count):
                layers.append(block(channels, width, 2 if i == 0 and stage > 1 else 1, norm, eps))
                channels = width * block.expansion
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
            self.out_channels.append(channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))  # [B, stem, H/4, W/4]
        maps = {}
        for name, layer in zip(LEVELS, (self.layer1, self.layer2, self.layer3, self.layer4), strict=True):
            maps[name] = x = layer(x)  # [B, C, H/4, W/4], then H/8, H/16, H/32
        return maps


def tiny_resnet(widths: tuple[int, ...], stem: int, norm: str = "batch", pool: bool = True) -> ResNet:
    """A ResNet for 128 px pictures: one basic block a stage, a 3x3 stem."""
    sizes = {"blocks": (1, 1, 1, 1), "widths": widths, "stem": (stem, 3), "pool": pool}
    return ResNet(**sizes, block=BasicBlock, norm=norm)
