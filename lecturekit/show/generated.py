"""Generated pictures, to be judged by eye: sheets with names, and what a network says of each patch."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from lecturekit.show import paint
from lecturekit.show.draw import picture
from lecturekit.show.figure import maps


def sheet(
    rows: Sequence[Sequence],
    names: Sequence[str] = (),
    titles: Sequence[str] = (),
    *,
    notes: Sequence[Sequence[str]] = (),
    size: int = 128,
    letters: int = 0,
    smooth: bool = False,
) -> Image.Image:
    """Rows of pictures on white: `names` at the left of the rows, `titles` above the columns.

    A picture is what `draw.picture` takes, or None for a gap; each is enlarged to `size` pixels of width: by
    whole pixels where it is less than half as wide, or fits so, unless `smooth`. notes: for each row
    the lines beneath its pictures. letters: the height of the text, in proportion to `size` by default.
    ValueError unless names, titles and notes are as many as rows and columns.
    """
    rows = [list(row) for row in rows]
    columns = max(map(len, rows))
    for what, given, wanted in (("names", names, len(rows)), ("notes", notes, len(rows))):
        if given and len(given) != wanted:
            raise ValueError(f"{what}: got {len(given)} for {wanted} rows")
    if titles and len(titles) != columns:
        raise ValueError(f"titles: got {len(titles)} for {columns} columns")
    tiles = [[None if one is None else _wide(picture(one), size, smooth) for one in row] for row in rows]
    font = paint.font(letters or max(13, round(size / 9)))
    gap, line = max(3, size // 32), round(1.4 * font.size)
    left = gap + (round(max(map(font.getlength, names))) + 2 * gap if names else 0)
    heights = [max((tile.height for tile in row if tile), default=size) for row in tiles]
    beneath = [line * max((text.count("\n") + 1 for text in own), default=0) for own in notes] or [0] * len(
        rows
    )
    top = (line if titles else 0) + gap
    canvas = Image.new(
        "RGB", (left + columns * (size + gap), top + sum(heights) + sum(beneath) + gap * len(rows)), "white"
    )
    pen = ImageDraw.Draw(canvas)
    for k, title in enumerate(titles):
        pen.text((left + k * (size + gap) + size / 2, top / 2), title, paint.INK, font, anchor="mm")
    y = top
    for i, row in enumerate(tiles):
        if names:
            pen.text((left - 2 * gap, y + heights[i] / 2), names[i], paint.INK, font, anchor="rm")
        for k, tile in enumerate(row):
            if tile:
                canvas.paste(tile, (left + k * (size + gap), y))
        for k, text in enumerate(notes[i] if notes else ()):
            at = (left + k * (size + gap) + size / 2, y + heights[i] + line * 0.1)
            pen.multiline_text(at, text, paint.INK, font, anchor="ma", align="center", spacing=2)
        y += heights[i] + beneath[i] + gap
    return canvas


def _wide(image: Image.Image, size: int, smooth: bool) -> Image.Image:
    """A picture at `size` pixels of width."""
    whole = not smooth and (size % image.width == 0 or 2 * image.width < size)
    how = Image.Resampling.NEAREST if whole else Image.Resampling.BICUBIC
    return image.resize((size, round(image.height * size / image.width)), how)


def closest(pictures: Tensor, others: Tensor, count: int = 1) -> Tensor:
    """The indices [N, count] of those of `others` [M, ...] that are nearest to each of `pictures` [N, ...]
    (Euclidean distance), the nearest first.
    """
    return torch.cdist(pictures.flatten(1), others.flatten(1)).topk(count, largest=False).indices


def verdicts(images: Sequence[Tensor], scores: Sequence[Tensor], titles: Sequence[str], *, size: float = 3.0):
    """A figure: pictures [3, H, W], and below each a discriminator's scores [h, w] in 0..1 laid over it.

    A score's field is where the middle of its patch lies: fields are as far apart as its strides make them,
    around the middle of the picture.
    """
    columns = len(images)
    fig, axes = maps([*images, *images], [*titles, *[""] * columns], columns=columns, size=size)
    for ax, image, score in zip(axes[columns:], images, scores, strict=True):
        ax.images[0].set_data(image.mean(0, keepdim=True).expand(3, -1, -1).permute(1, 2, 0).numpy())
        shown = ax.imshow(
            score.numpy(),
            cmap=judgement(),
            vmin=0,
            vmax=1,
            alpha=0.65,
            extent=fields(image.shape[1:], score.shape),
        )
        height, width = image.shape[1:]
        ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
        ax.set_title(f"on average {float(score.mean()):.2f}", fontsize=10)
    bar = fig.colorbar(shown, ax=axes[columns:], shrink=0.8, ticks=(0, 0.5, 1))
    bar.ax.set_yticklabels(["generated", "unsure", "real"])
    return fig


def fields(picture: Sequence[int], scores: Sequence[int]) -> tuple[float, float, float, float]:
    """Where a map of h x w scores lies on a picture of H x W pixels: (left, right, bottom, top), for imshow.

    The stride is the power of two that fits, and the middle of the map is that of the picture.
    """
    ends = []
    for length, count in zip(picture, scores, strict=True):
        stride = 2 ** max(0, int(np.log2(length / count)))
        ends.append(((length - 1 - count * stride) / 2, (length - 1 + count * stride) / 2))
    (top, bottom), (left, right) = ends
    return left, right, bottom, top


def judgement():
    """A colour map for a judge's score: orange for 0, white for one half, blue for 1."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("judgement", ["#D55E00", "white", "#0072B2"])


def spectra(pictures: dict[str, Tensor], *, bins: int = 24, size: tuple[float, float] = (6.4, 4.0)):
    """A figure of the power at each frequency (`metrics.images.spectrum`), a line for each of the pictures
    [B, 3, H, W] or [3, H, W]; what is called "truth" in black.
    """
    import matplotlib.pyplot as plt

    from lecturekit.metrics.images import spectrum

    fig, ax = plt.subplots(figsize=size, layout="constrained")
    colours = iter(["#999999", "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#CC79A7"])
    styles = iter([":", "-", "--", "-", "-.", "--"])
    for name, made in pictures.items():
        look = {"color": "black", "lw": 2.5} if name == "truth" else {"color": next(colours), "lw": 2}
        ax.semilogy(
            *spectrum(made, bins), label=name, linestyle="-" if name == "truth" else next(styles), **look
        )
    ax.axvline(0.125, color="#555555", lw=1, linestyle=(0, (2, 4)))
    ax.text(0.127, 0.97, "beyond: not in\nthe small picture", transform=ax.get_xaxis_transform(), va="top")
    ax.set(xlabel="frequency (cycles per pixel)", ylabel="power", xlim=(0, 0.5))
    ax.legend(loc="lower left")
    ax.spines[["top", "right"]].set_visible(False)
    return fig
