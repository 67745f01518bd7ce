"""A mask as a mixture of prototypes: how much of each, with which sign, and what comes out."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.layers.prototypes import combine, inside
from lecturekit.show.explore.live import BLUE, live

VERMILION = "#D55E00"  # what is added; blue is what is taken away


def mixture(prototypes: Tensor, coefficients: Tensor, box: Tensor, truth: Tensor) -> dict:
    """One object's mask, step by step.

    prototypes [K, h, w], coefficients [K], box [4] xyxy in 0..1, truth [H, W] (the object's true mask).

    Returns `sum` [h, w] (the linear combination), `mask` [H, W] in 0..1 (after sigmoid, crop and enlarging),
    `spilt` (share of the pixels above 0.5 that the crop takes away) and `iou` of the mask, cut at 0.5, with
    the truth.
    """
    total = combine(prototypes, coefficients[None])[0]
    within = inside(box[None], total.shape)[0]
    mask = F.interpolate((total.sigmoid() * within)[None, None], truth.shape, mode="bilinear")[0, 0]
    bright, found, true = total > 0, mask > 0.5, truth.bool()
    return {
        "sum": total,
        "mask": mask,
        "spilt": ((bright & ~within).sum() / bright.sum().clamp(min=1)).item(),
        "iou": ((found & true).sum() / (found | true).sum().clamp(min=1)).item(),
    }


def draw_mixture(image: Tensor, prototypes: Tensor, coefficients: Tensor, box: Tensor, truth: Tensor):
    """A figure: the prototypes in frames of their coefficients' sign and size, their sum, and the mask.

    image [3, H, W]; the rest as in `mixture`.
    """
    import matplotlib.pyplot as plt

    facts = mixture(prototypes, coefficients, box, truth)
    columns = -(-len(prototypes) // 2)
    fig = plt.figure(figsize=(1.32 * columns, 6.4), layout="constrained")
    above, below = fig.subfigures(2, 1, height_ratios=[2.9, 3.5])
    _thumbnails(above, prototypes, coefficients, columns)

    height, width = truth.shape
    x1, y1, x2, y2 = (box * box.new_tensor([width, height] * 2)).tolist()
    axes = below.subplots(1, 3)
    shown = (facts["sum"], facts["mask"], image.permute(1, 2, 0))
    reach = max(1.0, facts["sum"].abs().max().item())
    looks = ({"cmap": signed(), "vmin": -reach, "vmax": reach}, {"cmap": "gray", "vmin": 0, "vmax": 1}, {})
    titles = ("the sum", "sigmoid, cropped to the box", f"cut at 0.5: IoU {facts['iou']:.2f}")
    for ax, values, look, title in zip(axes, shown, looks, titles, strict=True):
        ax.imshow(values.numpy(), extent=(0, width, height, 0), interpolation="nearest", **look)
        ax.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color="#E69F00", linewidth=1.5)
        ax.set(xlim=(0, width), ylim=(height, 0), title=title)
        ax.set_axis_off()
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    for values, colour, style in ((facts["mask"], "black", "solid"), (truth, "white", "dashed")):
        if 0 < (values > 0.5).sum() < values.numel():
            axes[2].contour(x, y, values.float(), [0.5], colors=colour, linestyles=style, linewidths=2)
    return fig


def draw_coefficients(coefficients: Tensor, names):
    """A figure of bars, a row for each object: coefficients [N, K], names [N]."""
    import matplotlib.pyplot as plt

    rows, count = coefficients.shape
    fig, axes = plt.subplots(
        rows,
        1,
        figsize=(8.4, 0.4 + 0.85 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, own, name in zip(axes[:, 0], coefficients.tolist(), names, strict=True):
        ax.bar(range(count), own, color=[VERMILION if value > 0 else BLUE for value in own])
        ax.axhline(0, color="#333333", linewidth=0.8)
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.set(ylim=(-1.05, 1.05), yticks=(-1, 0, 1), xticks=range(count))
        ax.spines[["top", "right"]].set_visible(False)
    axes[-1, 0].set_xlabel("prototype")
    return fig


def mixing(
    image: Tensor, prototypes: Tensor, coefficients: Tensor, box: Tensor, truth: Tensor, *, start: float = 0.0
):
    """The widget: a slider for each coefficient of one object. Arguments as in `draw_mixture`.

    Every slider begins at `start`; two buttons set them to the network's answer and to zero.
    """
    answer = {f"c{k}": round(value, 2) for k, value in enumerate(coefficients.tolist())}
    network = mixture(prototypes, coefficients, box, truth)["iou"]

    def draw(**values):
        return draw_mixture(image, prototypes, torch.tensor(list(values.values())), box, truth)

    def describe(**values):
        facts = mixture(prototypes, torch.tensor(list(values.values())), box, truth)
        used = sum(value != 0 for value in values.values())
        return (
            f"{used} of {len(values)} prototypes are used. IoU with the true mask: <b>{facts['iou']:.2f}</b> "
            f"(the network's own: {network:.2f}). The crop takes away {facts['spilt']:.0%} of what is bright."
        )

    sliders = {name: (name[1:], -1, 1, 0.05, start) for name in answer}
    buttons = {"network's answer": answer, "all zero": dict.fromkeys(answer, 0.0)}
    return live(draw, describe, sliders, buttons, width=15)


def signed():
    """A colour map for values of both signs: blue below zero, white at zero, vermilion above."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signed", [BLUE, "white", VERMILION])


def _thumbnails(fig, prototypes, coefficients, columns):
    """Each prototype under its number and coefficient; the frame is as wide as the coefficient is large."""
    axes = list(fig.subplots(2, columns, squeeze=False).flat)
    faint = 0.1 * prototypes.max().clamp(min=1e-6)  # what is darker than this all over stays dark
    for ax in axes:
        ax.set_axis_off()
    for k, (ax, values, c) in enumerate(zip(axes, prototypes, coefficients.tolist(), strict=False)):
        ax.set_axis_on()
        ax.imshow(values.numpy(), cmap="gray", vmin=0, vmax=max(values.max(), faint).item())
        ax.set(xticks=[], yticks=[])
        colour = "#BBBBBB" if c == 0 else VERMILION if c > 0 else BLUE
        ax.set_title(f"{k}: {c:+.2f}", fontsize=9, color="#333333" if c == 0 else colour)
        for spine in ax.spines.values():
            spine.set(color=colour, linewidth=1 + 4 * abs(c))
