"""Pictures larger than a network's memory, piece by piece, so that no seam shows."""

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

TILE = 128  # pixels of a tile's side, without its margins
WHOLE = 512  # pixels: no side longer, and a picture is translated in one piece
WINDOW = 256  # pixels of the tiles that are blended


def reach(network: nn.Module) -> int:
    """How far, in pixels of the picture, a fully convolutional network's result depends on its surroundings.

    The sum over its convolutions, which must be written down in the order in which they are applied.
    """
    total, cell = 0.0, 1.0  # cell: pixels of the picture between two neighbours on the present map
    for layer in network.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            total += cell * (layer.kernel_size[0] // 2)
            cell /= layer.stride[0]
        elif isinstance(layer, nn.Conv2d):
            total += cell * (layer.kernel_size[0] // 2) * layer.dilation[0]
            cell *= layer.stride[0]
        elif isinstance(layer, nn.PixelShuffle):
            cell /= layer.upscale_factor
    return int(np.ceil(total))


def padded(picture: Tensor, multiple: int, smallest: int = 1) -> Tensor:
    """A picture [3, H, W] continued by its reflection, to the right and below, until it fits a network."""
    sides = [max(-(-side // multiple) * multiple, smallest) for side in picture.shape[1:]]
    more = [(0, side - own) for side, own in zip(sides, picture.shape[1:], strict=True)]
    if not any(after for _, after in more):
        return picture
    return torch.from_numpy(np.pad(picture.numpy(), [(0, 0), *more], mode="reflect"))


def as_bytes(picture: Tensor) -> Tensor:
    """0..1 as uint8."""
    return (picture.clamp(0, 1) * 255).round().byte()


def exactly(
    network: Callable[[Tensor], Tensor],
    picture: Tensor,
    margin: int,
    *,
    times: int = 1,
    step: int = 1,
    tile: int = TILE,
    progress: Callable = iter,
) -> Tensor:
    """What a fully convolutional network makes of a picture [3, H, W]: uint8 [3, times H, times W].

    Each tile is seen with `margin` pixels around it, its network's `reach` or more, so that the result is the
    same as in one piece. H, W, margin and tile are multiples of `step`, the network's stride.
    """
    margin = -(-margin // step) * step
    height, width = picture.shape[1:]
    made = torch.empty(3, height * times, width * times, dtype=torch.uint8)
    corners = [(top, left) for top in range(0, height, tile) for left in range(0, width, tile)]
    for corner in progress(corners):
        inner = [slice(at, min(at + tile, side)) for at, side in zip(corner, (height, width), strict=True)]
        seen = [
            slice(max(own.start - margin, 0), min(own.stop + margin, side))
            for own, side in zip(inner, (height, width), strict=True)
        ]
        part = network(picture[None, :, seen[0], seen[1]])[0]
        kept = [
            slice((own.start - around.start) * times, (own.stop - around.start) * times)
            for own, around in zip(inner, seen, strict=True)
        ]
        rows, columns = (slice(own.start * times, own.stop * times) for own in inner)
        made[:, rows, columns] = as_bytes(part[:, kept[0], kept[1]])
    return made


def blended(
    network: Callable[[Tensor], Tensor], picture: Tensor, window: int = WINDOW, progress: Callable = iter
) -> Tensor:
    """What a network that sees all of its picture at once makes of [3, H, W], in windows: uint8 [3, H, W].

    Neighbours overlap by a quarter of their side, over which the one fades into the other. A band as high as
    a window is all that is kept as floating-point numbers.
    """
    stride = window - window // 4
    height, width = picture.shape[1:]
    sides = [window + max(0, -(-(side - window) // stride)) * stride for side in (height, width)]
    more = [(0, side - own) for side, own in zip(sides, (height, width), strict=True)]
    picture = torch.from_numpy(np.pad(picture.numpy(), [(0, 0), *more], mode="reflect"))
    slope = torch.arange(1, window + 1).minimum(torch.arange(window, 0, -1)).clamp(max=window // 4).float()
    weight = slope[:, None] * slope  # [window, window]
    made = torch.empty(3, *sides, dtype=torch.uint8)
    band = torch.zeros(4, window, sides[1])  # weighted colours, and the weights
    rows, columns = (range(0, side - window + 1, stride) for side in sides)
    corners = [(top, left) for top in rows for left in columns]
    for top, left in progress(corners):
        part = network(picture[None, :, top : top + window, left : left + window])[0].cpu()
        band[:3, :, left : left + window] += part * weight
        band[3, :, left : left + window] += weight
        if left == corners[-1][1]:  # the band's upper part is done
            made[:, top : top + window] = as_bytes(band[:3] / band[3])
            band = torch.cat((band[:, stride:], torch.zeros(4, stride, sides[1])), dim=1)
    return made[:, :height, :width]


@contextlib.contextmanager
def norms_of(network: nn.Module, show: Callable[[Tensor], object], picture: Tensor) -> Iterator[None]:
    """Inside, the network's instance norms divide all tiles by the same numbers, those of the whole picture.

    They are taken from a copy of at most WHOLE pixels a side that `show` shows to the network. Otherwise each
    tile would have a contrast of its own.
    """
    norms = [layer for layer in network.modules() if isinstance(layer, nn.InstanceNorm2d)]
    known = {}

    def remember(layer, inputs):
        spread, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        known[layer] = mean, spread

    def use(layer, inputs, output):
        return F.batch_norm(inputs[0], *known[layer], eps=layer.eps)

    factor = max(picture.shape[1:]) / WHOLE
    if factor > 1:
        sides = [max(8, round(side / factor / 4) * 4) for side in picture.shape[1:]]
        picture = F.interpolate(picture[None], sides, mode="bilinear", antialias=True)[0]
    hooks = [layer.register_forward_pre_hook(remember) for layer in norms]
    try:
        show(picture[None])
        for hook in hooks:
            hook.remove()
        hooks = [layer.register_forward_hook(use) for layer in norms]
        yield
    finally:
        for hook in hooks:
            hook.remove()
