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


def conditional_gan():
    """A conditional GAN: who sees the condition, and who judges whom."""
    fig, ax = _canvas(13.6, 4.4)
    _box(ax, 0.1, 3.0, 1.7, 1.1, "noise z", GREY)
    _box(ax, 0.1, 1.0, 1.7, 1.1, "condition y:\n“a seven”", ORANGE, bold=True)
    _box(ax, 3.1, 2.6, 2.1, 1.5, "generator G\nz, y → picture", BLUE, bold=True)
    _box(ax, 6.5, 2.8, 1.8, 1.1, "G(z, y)", GREY)
    _box(ax, 6.5, 0.2, 1.8, 1.1, "a real picture x\nof class y", GREY)
    _box(ax, 9.6, 1.5, 2.1, 1.5, "discriminator D\npicture, y → logit", GREEN, bold=True)
    _arrow(ax, (1.8, 3.55), (3.1, 3.45))
    _arrow(ax, (1.8, 1.8), (3.1, 2.9))
    _arrow(ax, (5.2, 3.35), (6.5, 3.35))
    _arrow(ax, (8.3, 3.2), (9.6, 2.6))
    _arrow(ax, (8.3, 0.8), (9.6, 1.9))
    _arrow(ax, (1.8, 1.5), (9.6, 2.2))
    _arrow(ax, (11.7, 2.25), (12.6, 2.25))
    ax.text(13.1, 2.25, "real,\nwith\nthis y?", ha="center", va="center", fontsize=11.5)
    return fig


def pix2pix():
    """Pix2Pix: the U-Net with its skips, and the discriminator that sees the condition beside the answer."""
    fig, ax = _canvas(13.6, 5.0)
    for k in range(4):
        height = 3.4 - 0.85 * k
        _box(ax, 1.9 + 0.8 * k, 0.7 + 0.42 * k, 0.55, height, "", BLUE)
        _box(ax, 7.3 - 0.8 * k, 0.7 + 0.42 * k, 0.55, height, "", PURPLE)
        if k < 3:
            _arrow(ax, (2.45 + 0.8 * k, 3.9 - 0.43 * k), (7.3 - 0.8 * k, 3.9 - 0.43 * k))
    ax.text(4.87, 4.35, "skips: what both pictures share", ha="center", fontsize=11, style="italic")
    ax.text(4.87, 0.37, "generator: a U-Net", ha="center", fontsize=12.5, weight="bold")
    _box(ax, 0.1, 1.9, 1.2, 1.1, "label\nmap y", ORANGE, bold=True)
    _arrow(ax, (1.3, 2.45), (1.9, 2.45))
    _arrow(ax, (7.85, 2.45), (8.5, 2.45))
    _box(ax, 8.5, 1.9, 1.2, 1.1, "G(y)", GREY)
    _box(ax, 8.5, 3.7, 1.2, 1.1, "true x", GREY)
    _arrow(ax, (9.1, 3.7), (9.1, 3.0), "L1", (0.3, 0))
    _box(ax, 10.7, 1.7, 1.4, 1.5, "PatchGAN", GREEN, bold=True)
    _arrow(ax, (9.7, 2.45), (10.7, 2.45))
    ax.plot([0.7, 0.7, 11.4], [1.9, 0.1, 0.1], color="#E69F00", linewidth=1.8)
    ax.annotate(
        "", (11.4, 1.7), (11.4, 0.08), arrowprops={"arrowstyle": "-|>", "color": "#E69F00", "linewidth": 1.8}
    )
    ax.text(11.2, 0.45, "the condition as well", ha="right", fontsize=11, style="italic")
    for i in range(4):
        for k in range(4):
            shade = ("#CFE3F1", "#FFFFFF", "#FAD9C4")[(3 * i + 2 * k + i * k) % 3]
            _box(ax, 12.5 + 0.26 * k, 1.95 + 0.26 * i, 0.24, 0.24, "", shade)
    _arrow(ax, (12.1, 2.45), (12.45, 2.45))
    ax.text(13.0, 3.3, "real or not,\neach patch", ha="center", fontsize=11)
    return fig


def cyclegan():
    """CycleGAN: one of its two cycles, and the losses on it."""
    fig, ax = _canvas(13.6, 4.2)
    for x, text, colour in ((0.1, "day x", ORANGE), (4.9, "G(x)", GREY), (9.7, "F(G(x))", GREY)):
        _box(ax, x, 2.2, 1.6, 1.2, text, colour)
    _box(ax, 2.5, 2.2, 1.6, 1.2, "G:\nto night", BLUE, bold=True)
    _box(ax, 7.3, 2.2, 1.6, 1.2, "F:\nto day", PURPLE, bold=True)
    for x in (1.7, 4.1, 6.5, 8.9):
        _arrow(ax, (x, 2.8), (x + 0.8, 2.8))
    _box(ax, 4.9, 0.2, 1.6, 1.1, "D of night", GREEN, bold=True)
    _arrow(ax, (5.7, 2.2), (5.7, 1.3))
    ax.text(6.65, 0.75, "like some night of the other heap?", va="center", fontsize=11.5)
    ax.plot([0.9, 0.9, 10.5, 10.5], [3.42, 3.85, 3.85, 3.42], color="#D55E00", linewidth=2.4)
    ax.text(11.5, 2.95, "cycle loss:", color="#A34700", fontsize=13, weight="bold")
    ax.text(11.5, 2.45, "is it x again?", color="#A34700", fontsize=13)
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
