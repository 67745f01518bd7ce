"""Pictures of what a network says: masks, boxes, key points, semantic maps, large enough to be projected.

Everything returns a Pillow image, which a notebook shows by itself and `.save("name.png")` writes.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from lecturekit.show import paint
from lecturekit.show.colours import class_colours, colour

LARGE = (
    512  # pixels; a smaller picture is enlarged by a whole number until its longer side comes near to this
)


def detections(
    image,
    result: dict,
    class_names: Sequence[str] | None = None,
    *,
    score: float = 0.5,
    truth: bool = False,
    like: dict | None = None,
    colour_by: str = "instance",
    marks: Sequence[str] | None = None,
    scale: int | None = None,
) -> Image.Image:
    """Draw a detector's result, or a target, on its picture.

    image: [3,H,W] or [H,W,3], floats in 0..1 or uint8, or a Pillow image. result: boxes [N,4] xyxy in pixels,
    labels [N] and, if there are any, scores [N], masks [N,1,h,w] or [N,h,w] (border at 0.5, any resolution),
    keypoints [N,K,3] with keypoints_scores [N,K]. class_names: the names of label 1, 2, …

    Instances are shown whose score reaches `score`. `truth=True` draws outlines without filling and dashes.
    Every instance has a colour of its own, counted from left to right; or that of the box in `like` (such as
    the truth) which it covers best; or, with `colour_by="class"`, its class's. `marks` says what to draw of
    masks, boxes, keypoints and captions: everything by default, but either masks or key points. Raises
    ValueError for shapes that don't fit together.
    """
    things = _things(result, score)
    if marks is None:
        marks = ("masks" if "masks" in result else "keypoints", "boxes", "captions")
    elif set(marks) - {"masks", "boxes", "keypoints", "captions"}:
        raise ValueError(f"marks: some of masks, boxes, keypoints, captions; got {tuple(marks)}")
    image = picture(image)
    for thing in things:
        _check_mask(thing["mask"], image.size)
    canvas, factor = _enlarged(image, scale)
    line = round(paint.stroke(canvas.size))
    colours = _colours(things, like, colour_by)
    pen = ImageDraw.Draw(canvas)
    if "masks" in marks:  # the large ones first
        for k in sorted(range(len(things)), key=lambda k: -_area(things[k]["box"])):
            if things[k]["mask"] is not None:
                paint.mask(canvas, things[k]["mask"], colours[k], 0.0 if truth else 0.4, line)
    if "boxes" in marks:
        for thing, tint in zip(things, colours, strict=True):
            paint.box(pen, thing["box"] * factor, tint, max(1, round(0.6 * line)), dashed=truth)
    if "keypoints" in marks:
        for thing in things:
            if thing["keypoints"] is not None:
                paint.body(canvas, thing["keypoints"] * [factor, factor, 1], line)
    if "captions" in marks:
        boxes = np.array([thing["box"] for thing in things]).reshape(-1, 4) * factor
        captions = [_caption(thing, class_names) for thing in things]
        paint.labels(canvas, boxes, captions, colours, plain=truth)
    return canvas


def semantic(
    labels,
    names: Sequence[str],
    *,
    image=None,
    opacity: float = 0.6,
    legend: bool = True,
    scale: int | None = None,
) -> Image.Image:
    """Draw a semantic map: labels [H,W], indices into `names`; laid over `image` if one is given.

    The legend below names the classes that occur. Raises ValueError for a label that has no name.
    """
    labels = _array(labels)
    if labels.ndim != 2 or (labels.size and not 0 <= labels.min() <= labels.max() < len(names)):
        span = f"{labels.min()}..{labels.max()}" if labels.size else "nothing"
        raise ValueError(f"labels: expected [H,W] with 0..{len(names) - 1}, got {labels.shape} with {span}")
    palette = np.array(class_colours(names), np.uint8)
    canvas = Image.fromarray(palette[labels])
    if image is not None:
        below = picture(image)
        if below.size != canvas.size:
            raise ValueError(f"labels: {canvas.size} pixels (width, height), and the image has {below.size}")
        canvas = Image.blend(below, canvas, opacity)
    canvas, _ = _enlarged(canvas, scale, smooth=image is not None)
    if not legend:
        return canvas
    present = [(names[k], tuple(palette[k].tolist())) for k in np.unique(labels)]
    strip = paint.legend(present, canvas.width)
    sheet = Image.new("RGB", (canvas.width, canvas.height + strip.height), "white")
    sheet.paste(canvas, (0, 0))
    sheet.paste(strip, (0, canvas.height))
    return sheet


def panel(pictures: Sequence, titles: Sequence[str] = (), *, columns: int | None = None) -> Image.Image:
    """Pictures side by side on white, each under its title; `columns` breaks them into rows."""
    pictures = [picture(p) for p in pictures]
    if titles and len(titles) != len(pictures):
        raise ValueError(f"titles: got {len(titles)} for {len(pictures)} pictures")
    columns = columns or len(pictures)
    width, height = (max(p.size[i] for p in pictures) for i in (0, 1))
    gap = max(4, width // 40)
    font = paint.font(max(13, width // 22))
    head = round(1.7 * font.size) if titles else 0
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new(
        "RGB", (columns * (width + gap) + gap, rows * (height + head + gap) + (0 if titles else gap)), "white"
    )
    pen = ImageDraw.Draw(sheet)
    for k, one in enumerate(pictures):
        x, y = gap + k % columns * (width + gap), k // columns * (height + head + gap) + (head or gap)
        sheet.paste(one, (x, y))
        if titles:
            pen.text((x + 1, y - head / 2), titles[k], (20, 20, 20), font, anchor="lm")
    return sheet


def picture(image) -> Image.Image:
    """Any picture as an RGB Pillow image: [3,H,W], [1,H,W], [H,W,3] or [H,W], floats in 0..1 or uint8."""
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    pixels = _array(image)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"image: expected [3,H,W] or [H,W,3], got {tuple(_array(image).shape)}")
    if pixels.dtype != np.uint8:
        if pixels.size and not -0.01 <= pixels.min() <= pixels.max() <= 1.01:
            raise ValueError(f"image: floats in 0..1 or uint8, got {pixels.min():.3g}..{pixels.max():.3g}")
        pixels = (pixels.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)


def _enlarged(image: Image.Image, scale: int | None, smooth: bool = True) -> tuple[Image.Image, int]:
    """A copy of a small picture, enlarged by a whole number, and that number."""
    factor = scale or max(1, round(LARGE / max(image.size)))
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return image.resize((image.width * factor, image.height * factor), how), factor


def _things(result: dict, score: float) -> list[dict]:
    """The instances of a result one by one, as arrays."""
    boxes, labels = _array(result["boxes"]), _array(result["labels"])
    n = len(boxes)
    if boxes.shape != (n, 4) or labels.shape != (n,):
        raise ValueError(f"result: boxes {boxes.shape} and labels {labels.shape}, expected [N,4] and [N]")
    columns = {}
    for name in ("scores", "masks", "keypoints", "keypoints_scores"):
        columns[name] = _array(result[name]) if name in result else [None] * n
        if len(columns[name]) != n:
            raise ValueError(f"result: {len(columns[name])} {name} for {n} boxes")
    things = []
    for box, label, s, mask, points, confidence in zip(boxes, labels, *columns.values(), strict=True):
        if s is not None and s < score:
            continue
        mask = None if mask is None else mask.reshape(mask.shape[-2:])
        if confidence is not None:
            points = np.column_stack([points[:, :2], np.where(confidence > 0, 2, 0)])
        things.append({"box": box, "label": int(label), "score": s, "mask": mask, "keypoints": points})
    return things


def _check_mask(mask: np.ndarray | None, size: tuple[int, int]) -> None:
    """A mask of another resolution must still have the picture's shape, to within rounding."""
    if mask is not None:
        (width, height), (h, w) = size, mask.shape
        if abs(w * height - h * width) > 0.51 * (width + height):
            raise ValueError(f"result: masks of {w} x {h} don't lie over a picture of {width} x {height}")


def _colours(things: list[dict], like: dict | None, colour_by: str) -> list[tuple[int, int, int]]:
    if colour_by == "class":
        return [colour(t["label"] - 1) for t in things]
    if colour_by != "instance":
        raise ValueError(f"colour_by: 'instance' or 'class', got {colour_by!r}")
    if like is None:
        order = sorted(range(len(things)), key=lambda k: float(things[k]["box"][0] + things[k]["box"][2]))
        return [colour(order.index(k)) for k in range(len(things))]
    others = _things(like, 0.5)
    theirs = _colours(others, None, colour_by)
    pairs = [(_overlap(t["box"], o["box"]), i, j) for i, t in enumerate(things) for j, o in enumerate(others)]
    chosen: dict[int, int] = {}
    for overlap, i, j in sorted(pairs, reverse=True):
        if overlap > 0.3 and i not in chosen and j not in chosen.values():
            chosen[i] = j
    fresh = iter(range(len(others), len(others) + len(things)))
    return [theirs[chosen[i]] if i in chosen else colour(next(fresh)) for i in range(len(things))]


def _area(box) -> float:
    return float(max(0, box[2] - box[0]) * max(0, box[3] - box[1]))


def _overlap(a, b) -> float:
    both = _area([max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])])
    return both / max(_area(a) + _area(b) - both, 1e-9)


def _caption(thing: dict, class_names: Sequence[str] | None) -> str:
    label = thing["label"]
    known = class_names is not None and 1 <= label <= len(class_names)
    name = class_names[label - 1] if known else f"class {label}"
    return name if thing["score"] is None else f"{name} {thing['score']:.2f}"
