"""What RoIPool and RoIAlign read on a feature map for one box."""

import torch
from torch import Tensor

from lecturekit.layers import roi
from lecturekit.show.explore.live import BLUE, GREEN, ORANGE, live


def roi_facts(feature: Tensor, box, *, output_size: int = 2, stride: float = 4, samples: int = 2) -> dict:
    """The reading of one box, in numbers.

    feature [h, w]; box x1, y1, x2, y2 in picture pixels; a map pixel is `stride` picture pixels wide.

    Returns `bins` int64 [n, n, 4] (RoIPool's map pixels, x1 y1 x2 y2, ends excluded), `points`
    [n, n, s, s, 2] (RoIAlign's samples on the map), `pool` and `align` [n, n] (what each hands on),
    `window` (the box that RoIPool reads, in picture pixels) and `off` (how far its edges are from the
    box's, at most).
    """
    box = torch.as_tensor(box, dtype=torch.float32)
    size = tuple(feature.shape)
    rois = torch.cat((torch.zeros(1), box))[None]
    bins = roi.pool_bins(box, output_size, 1 / stride, size)
    # RoIPool reads whole pixels; pixel i of the map stands for the picture around i * stride
    window = torch.tensor(
        [bins[..., 0].min(), bins[..., 1].min(), bins[..., 2].max() - 1, bins[..., 3].max() - 1]
    )
    window = window * float(stride)
    return {
        "bins": bins,
        "points": roi.sample_points(box, output_size, 1 / stride, samples),
        "pool": roi.roi_pool(feature[None, None], rois, output_size, 1 / stride)[0, 0],
        "align": roi.roi_align(feature[None, None], rois, output_size, 1 / stride, samples)[0, 0],
        "window": window,
        "off": (window - box).abs().max(),
    }


def draw_roi(
    image: Tensor, feature: Tensor, box, *, output_size: int = 2, stride: float = 4, samples: int = 2
):
    """A figure: the picture [3, H, W], how each pooling reads the map [h, w], and what it hands on."""
    import matplotlib.pyplot as plt

    facts = roi_facts(feature, box, output_size=output_size, stride=stride, samples=samples)
    limits = feature.flatten().quantile(torch.tensor([0.02, 0.98])).tolist()  # a few pixels may saturate
    fig, axes = plt.subplot_mosaic(
        [["picture", "pool", "pooled"], ["picture", "align", "aligned"]],
        figsize=(10.5, 6.2),
        width_ratios=[1.6, 1.25, 0.8],
        layout="constrained",
    )
    x1, y1, x2, y2 = (float(v) for v in box)
    axes["picture"].imshow(image.permute(1, 2, 0).numpy(), extent=(0, image.shape[2], image.shape[1], 0))
    axes["picture"].set_title("The picture and the box (pixels)")
    _frame(axes["picture"], x1, y1, x2, y2, color="white", linewidth=4)
    _frame(axes["picture"], x1, y1, x2, y2, color=BLUE, linewidth=2)

    for name, title in (("pool", "RoIPool reads whole pixels"), ("align", "RoIAlign reads between them")):
        axes[name].imshow(feature.numpy(), cmap="gray", vmin=limits[0], vmax=limits[1])
        axes[name].set_title(title)
        axes[name].set_xlim(_span(x1 / stride, x2 / stride, feature.shape[1]))
        axes[name].set_ylim(_span(y1 / stride, y2 / stride, feature.shape[0])[::-1])
        axes[name].locator_params(nbins=6, integer=True)
        axes[name].set_ylabel("map pixels")
        _frame(axes[name], *(v / stride for v in (x1, y1, x2, y2)), color=BLUE, linewidth=2.5)
    for left, top, right, bottom in facts["bins"].flatten(0, 1).tolist():
        edges = (left - 0.42, top - 0.42, right - 0.58, bottom - 0.58)
        _frame(axes["pool"], *edges, color=ORANGE, linewidth=2)
    points = facts["points"].reshape(-1, 2)
    axes["align"].scatter(*points.T.numpy(), s=34, color=GREEN, edgecolor="white", zorder=3)
    for i in range(1, output_size):
        across, down = (
            (x1 + (x2 - x1) * i / output_size) / stride,
            (y1 + (y2 - y1) * i / output_size) / stride,
        )
        axes["align"].plot([across, across], [y1 / stride, y2 / stride], color=BLUE, linewidth=1)
        axes["align"].plot([x1 / stride, x2 / stride], [down, down], color=BLUE, linewidth=1)

    for name, key, colour in (("pooled", "pool", ORANGE), ("aligned", "align", GREEN)):
        _numbers(axes[name], facts[key], limits, colour)
    axes["pooled"].set_title("… and takes each maximum")
    axes["aligned"].set_title("… and averages the samples")
    return fig


def roi_sampling(
    image: Tensor, feature: Tensor, box, *, output_size: int = 2, stride: float = 4, samples: int = 2
):
    """The widget: sliders move and resize the box by tenths of a picture pixel."""
    x1, y1, x2, y2 = (float(v) for v in box)
    height, width = image.shape[1:]
    options = {"output_size": output_size, "stride": stride, "samples": samples}

    def moved(left, top, wide, high):
        return [left, top, min(left + wide, width), min(top + high, height)]

    def draw(**values):
        return draw_roi(image, feature, moved(**values), **options)

    def describe(**values):
        facts = roi_facts(feature, moved(**values), **options)
        edges = ", ".join(f"{v:.0f}" for v in facts["window"])
        return (
            f"The box is {', '.join(f'{v:.1f}' for v in moved(**values))}. RoIPool reads it as {edges}: "
            f"an edge is off by up to <b>{facts['off']:.1f} pixels</b>. RoIAlign reads it where it is."
        )

    return live(
        draw,
        describe,
        {
            "left": ("left", 0, width - 8, 0.1, x1),
            "top": ("top", 0, height - 8, 0.1, y1),
            "wide": ("width", 8, width, 0.1, x2 - x1),
            "high": ("height", 8, height, 0.1, y2 - y1),
        },
    )


def _frame(ax, x1, y1, x2, y2, **style):
    ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], solid_joinstyle="miter", **style)


def _span(low, high, size):
    """The part of an axis to show: the box and about two pixels around it."""
    return max(low - 2.5, -0.5), min(high + 2.5, size - 0.5)


def _numbers(ax, values, limits, colour):
    """A small map with its numbers written in it."""
    ax.imshow(values.numpy(), cmap="gray", vmin=limits[0], vmax=limits[1])
    for (y, x), value in zip(
        torch.cartesian_prod(*map(torch.arange, values.shape)), values.flatten(), strict=True
    ):
        dark = value < sum(limits) / 2
        ax.text(
            x, y, f"{value:.2f}", ha="center", va="center", color="white" if dark else "black", fontsize=11
        )
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set(color=colour, linewidth=3)
