"""One picture for each architecture: what flows where, drawn large enough to be projected."""

GREY, BLUE, ORANGE, GREEN, PURPLE = "#EDEDED", "#CFE3F1", "#FAE3B0", "#C4E8DB", "#F0DCE8"


def mask_rcnn():
    """Mask R-CNN: from the picture to boxes, classes and masks."""
    fig, ax = _canvas(13.6, 4.6)
    _box(ax, 0.1, 1.7, 1.2, 1.2, "picture", GREY)
    _box(ax, 2.0, 1.7, 1.5, 1.2, "backbone\n+ FPN", BLUE)
    _box(ax, 4.5, 3.2, 2.1, 1.2, "region proposal\nnetwork", BLUE)
    _box(ax, 4.5, 0.2, 2.1, 1.2, "RoIAlign", ORANGE, bold=True)
    _box(ax, 7.9, 2.45, 1.7, 1.2, "box branch", GREEN)
    _box(ax, 7.9, 0.2, 1.7, 1.2, "mask branch", PURPLE, bold=True)
    _box(ax, 10.9, 3.3, 1.8, 0.9, "box, refined", GREY)
    _box(ax, 10.9, 2.0, 1.8, 0.9, "class: one of K", GREY)
    _box(ax, 10.9, 0.2, 1.8, 1.2, "the mask of\nthat class", GREY)
    _arrow(ax, (1.3, 2.3), (2.0, 2.3))
    _arrow(ax, (3.5, 2.6), (4.5, 3.6), "maps", (-0.32, 0.12))
    _arrow(ax, (3.5, 2.0), (4.5, 1.0), "maps", (-0.32, -0.14))
    _arrow(ax, (5.55, 3.2), (5.55, 1.4), "proposals", (0.52, 0))
    _arrow(ax, (6.6, 1.1), (7.9, 2.8), "7 × 7", (-0.34, 0.08))
    _arrow(ax, (6.6, 0.8), (7.9, 0.8), "14 × 14", (0, -0.2))
    _arrow(ax, (9.6, 3.25), (10.9, 3.7))
    _arrow(ax, (9.6, 2.85), (10.9, 2.5))
    _arrow(ax, (9.6, 0.8), (10.9, 0.8), "K masks", (0, -0.2))
    strong = {"arrowstyle": "-|>", "color": "#D55E00", "linewidth": 2.4, "linestyle": "--"}
    ax.annotate("", (11.8, 1.4), (11.8, 2.0), arrowprops=strong)
    ax.text(11.95, 1.7, "picks", color="#A34700", fontsize=13, va="center", weight="bold")
    return fig


def _canvas(width, height):
    """A figure whose axes fill it, 0.8 inches a unit."""
    import matplotlib.pyplot as plt

    fig = plt.figure(figsize=(width * 0.8, height * 0.8))
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(0, height)
    ax.set_axis_off()
    return fig, ax


def _box(ax, x, y, width, height, text, colour, bold=False):
    from matplotlib.patches import FancyBboxPatch

    style = {"boxstyle": "round,pad=0,rounding_size=0.12", "facecolor": colour, "edgecolor": "#333333"}
    ax.add_patch(FancyBboxPatch((x, y), width, height, linewidth=2 if bold else 1, **style))
    weight = "bold" if bold else "normal"
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=11.5, weight=weight)


def _arrow(ax, start, end, text="", offset=(0, 0)):
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "#333333", "linewidth": 1.4})
    if text:
        x, y = (start[0] + end[0]) / 2 + offset[0], (start[1] + end[1]) / 2 + offset[1]
        ax.text(x, y, text, ha="center", va="center", fontsize=10.5, style="italic")
