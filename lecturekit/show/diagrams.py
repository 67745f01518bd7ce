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


def yolact():
    """YOLACT: prototypes for the picture, coefficients for each box, and their product."""
    fig, ax = _canvas(13.6, 4.6)
    _box(ax, 0.1, 1.7, 1.2, 1.2, "picture", GREY)
    _box(ax, 2.0, 1.7, 1.5, 1.2, "backbone\n+ FPN", BLUE)
    _box(ax, 4.6, 3.2, 2.1, 1.2, "prototype\nnetwork", ORANGE, bold=True)
    _box(ax, 4.6, 0.2, 2.1, 1.2, "prediction\nheads", GREEN)
    _box(ax, 8.1, 0.2, 1.7, 1.2, "Fast NMS", GREEN, bold=True)
    _box(ax, 8.1, 3.2, 1.7, 1.2, "assembly:\none product", PURPLE, bold=True)
    _box(ax, 11.2, 3.2, 2.2, 1.2, "crop to the box,\na mask each", GREY)
    _box(ax, 11.2, 0.2, 2.2, 1.2, "class, box,\nscore", GREY)
    _arrow(ax, (1.3, 2.3), (2.0, 2.3))
    _arrow(ax, (3.5, 2.6), (4.6, 3.6), "finest map", (-0.62, 0.16))
    _arrow(ax, (3.5, 2.0), (4.6, 1.0), "every map", (-0.6, -0.18))
    _arrow(ax, (6.7, 3.8), (8.1, 3.8), "K prototypes", (0, 0.22))
    _arrow(ax, (6.7, 0.8), (8.1, 0.8), "thousands", (0, -0.22))
    _arrow(ax, (8.95, 1.4), (8.95, 3.2), "K coefficients\nfor each that is left", (1.18, 0))
    _arrow(ax, (9.8, 3.8), (11.2, 3.8), "N masks", (0, 0.22))
    _arrow(ax, (9.8, 0.8), (11.2, 0.8), "N are left", (0, -0.22))
    return fig


def yolact_edge():
    """YolactEdge: what a key frame computes, and what a frame after it takes over."""
    fig, ax = _canvas(13.6, 5.2)
    for y, name in ((3.5, "key frame"), (0.5, "a frame\nafter it")):
        _box(ax, 0.1, y, 1.3, 1.2, name, GREY)
        _box(ax, 2.1, y, 1.6, 1.2, "backbone\nup to C3", BLUE)
        _box(ax, 8.6, y, 1.9, 1.2, "P3, P4, P5", PURPLE, bold=True)
        _box(ax, 11.5, y, 1.9, 1.2, "prototypes,\nheads: YOLACT", GREEN)
        _arrow(ax, (1.4, y + 0.6), (2.1, y + 0.6))
        _arrow(ax, (10.5, y + 0.6), (11.5, y + 0.6))
    _box(ax, 4.7, 3.5, 1.6, 1.2, "… to C4, C5", BLUE)
    _box(ax, 4.7, 0.5, 1.6, 1.2, "flow net", ORANGE, bold=True)
    _arrow(ax, (3.7, 4.1), (4.7, 4.1))
    _arrow(ax, (6.3, 4.1), (8.6, 4.1), "FPN", (0, 0.22))
    _arrow(ax, (3.7, 1.1), (4.7, 1.1))
    _arrow(ax, (2.9, 3.5), (4.9, 1.7), "C3 of both", (-0.55, -0.3))
    _arrow(ax, (6.3, 1.1), (8.6, 1.1), "where to look", (0, -0.24))
    strong = {"arrowstyle": "-|>", "color": "#D55E00", "linewidth": 2.4, "linestyle": "--"}
    ax.annotate("", (9.55, 1.7), (9.55, 3.5), arrowprops=strong)
    ax.text(9.7, 2.6, "P4 and P5 are warped,\nonly P3 is computed", color="#A34700", fontsize=12, va="center")
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
