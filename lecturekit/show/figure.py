"""Put a picture on the page, with a text for those who cannot see it."""

import io


def figure(fig, alt: str) -> None:
    """Display a matplotlib figure or a Pillow image as PNG, with `alt` as alternative text and as caption.

    A matplotlib figure is closed, so that it does not appear twice.

    nbconvert writes the text into the page's `alt` attribute. JupyterLab's image renderer has none, so the
    text stands below the picture too: every reader gets it, in every front end.
    Raises ValueError if `alt` says nothing.
    """
    from IPython.display import display

    if len(alt.split()) < 3:
        raise ValueError(f"alt: expected a sentence that says what the picture shows, got {alt!r}")
    data = png(fig)
    if hasattr(fig, "savefig"):
        import matplotlib.pyplot as plt

        plt.close(fig)
    display({"image/png": data, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    display({"text/markdown": f"*{alt}*", "text/plain": alt}, raw=True)


def png(fig, dpi: int = 100) -> bytes:
    """A figure or a Pillow image as PNG bytes: the same for the same picture, no date or version inside."""
    buffer = io.BytesIO()
    if not hasattr(fig, "savefig"):
        grey = fig.convert("L")
        (grey if grey.convert(fig.mode) == fig else fig).save(buffer, format="PNG", optimize=True)
        return buffer.getvalue()
    fig.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def maps(pictures, titles=(), *, columns: int | None = None, size=2.4, cmap="cividis", limits=None):
    """Maps (and pictures) side by side: a matplotlib figure and its list of axes.

    pictures: arrays or tensors [H, W] (drawn with `cmap`), [H, W, 3] or [3, H, W] (RGB, uint8 or 0..1).
    titles: one for each picture, or none. limits: (low, high) of the colours, one scale for all maps.
    """
    import matplotlib.pyplot as plt

    pictures = [_array(p) for p in pictures]
    columns = columns or len(pictures)
    rows = -(-len(pictures) // columns)
    ratio = pictures[0].shape[0] / pictures[0].shape[1]
    shape = (columns * size, rows * (size * ratio + (0.35 if titles else 0.05)))
    fig, axes = plt.subplots(rows, columns, figsize=shape, squeeze=False, layout="constrained")
    low, high = limits or (None, None)
    for ax, picture in zip(axes.flat, pictures, strict=False):
        ax.imshow(picture, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    for ax, title in zip(axes.flat, titles, strict=False):
        ax.set_title(title, fontsize=10)
    for ax in axes.flat:
        ax.set_axis_off()
    return fig, list(axes.flat[: len(pictures)])


def features(maps):
    """A feature map [C, h, w] as an RGB picture [3, h, w], 0..1: alike colours are alike features.

    The colours are the three directions in which the features differ most (principal components).
    """
    import torch

    flat = maps.detach().flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    directions, _, _ = torch.linalg.svd(flat, full_matrices=False)  # [C, min(C, h * w)]
    directions = directions[:, :3]
    # a direction and its opposite are equally good: take the one whose largest entry is positive
    directions = directions * directions.gather(0, directions.abs().argmax(0, keepdim=True)).sign()
    colours = directions.T @ flat  # [3, h * w]
    # a few extreme pixels may saturate, so that the others are told apart
    scale = colours.abs().flatten().quantile(0.98).clamp(min=1e-9)
    colours = 0.5 + 0.5 * (colours / scale).clamp(-1, 1)
    return colours.reshape(3, *maps.shape[1:])


def outline(ax, boxes, colour: str = "#0072B2", *, width: float = 1.5, style: str = "-") -> None:
    """Draw boxes [N, 4] (x1, y1, x2, y2 in pixels) on axes that show a picture, with a white halo."""
    for x1, y1, x2, y2 in (_array(boxes) - 0.5).tolist():
        x, y = [x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1]
        ax.plot(x, y, color="white", linewidth=width + 1.5, alpha=0.6)
        ax.plot(x, y, color=colour, linewidth=width, linestyle=style)


def table(values, rows, columns, *, digits: int = 2):
    """A matplotlib figure of numbers [R, C] in 0..1, each on a field that is the darker the larger it is."""
    import matplotlib.pyplot as plt

    values = _array(values)
    fig, ax = plt.subplots(figsize=(1.6 + 0.85 * len(columns), 0.7 + 0.4 * len(rows)), layout="constrained")
    ax.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            colour = "white" if value > 0.6 else "black"
            ax.text(x, y, f"{value:.{digits}f}", ha="center", va="center", color=colour)
    ax.spines[:].set_visible(False)
    return fig


def _array(picture):
    import numpy as np

    picture = picture.detach().cpu().numpy() if hasattr(picture, "detach") else np.asarray(picture)
    return picture.transpose(1, 2, 0) if picture.ndim == 3 and picture.shape[0] == 3 else picture
