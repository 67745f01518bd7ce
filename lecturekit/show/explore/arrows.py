"""Optical flow as arrows on a picture."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.instance.yolact_edge import UNIT


def to_pixels(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """A flow of YolactEdge's, [2, h, w], in pixels of a picture of `size` (H, W); undoes `true_flow`."""
    (height, width), (h, w) = size, flow.shape[1:]
    scale = flow.new_tensor([width * (w - 1) / w, height * (h - 1) / h]) / (2 * UNIT)
    return flow * scale[:, None, None]


def draw_arrows(ax, flow: Tensor, size: tuple[int, int], *, cells: int = 16, least: float = 2) -> None:
    """Draw a flow [2, h, w] in pixels on axes that show a picture of `size` (H, W): an arrow for each cell.

    Where it is shorter than `least` pixels there is a dot.
    """
    from matplotlib.patheffects import withStroke

    (height, width), (across, down) = size, F.adaptive_avg_pool2d(flow, cells)
    y, x = torch.meshgrid(
        (torch.arange(cells) + 0.5) * height / cells - 0.5,
        (torch.arange(cells) + 0.5) * width / cells - 0.5,
        indexing="ij",
    )
    long = across.hypot(down) >= least
    ax.plot(x[~long], y[~long], ".", color="white", markersize=2, alpha=0.8)
    style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.009, "color": "#D55E00"}
    arrows = ax.quiver(x[long], y[long], across[long], down[long], **style)
    arrows.set_path_effects([withStroke(linewidth=2, foreground="white")])
