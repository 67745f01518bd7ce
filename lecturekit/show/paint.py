"""Brushes: masks with crisp outlines, boxes, skeletons and texts, painted onto a Pillow image."""

import functools
import math
from statistics import NormalDist

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from lecturekit.show.colours import OKABE_ITO, on

YELLOW, BLUE, ORANGE = OKABE_ITO[2], OKABE_ITO[1], OKABE_ITO[5]
BONES = (  # pairs of COCO's 17 body key points; the left side has odd numbers, the right one even numbers
    *((pair, BLUE) for pair in ((0, 1), (1, 3), (5, 7), (7, 9), (5, 11), (11, 13), (13, 15))),
    *((pair, ORANGE) for pair in ((0, 2), (2, 4), (6, 8), (8, 10), (6, 12), (12, 14), (14, 16))),
    *((pair, YELLOW) for pair in ((5, 6), (11, 12))),
)
INK = (30, 30, 30)


CJK_FONTS = ("NotoSansCJK-Regular.ttc", "NanumGothic.ttf", "AppleSDGothicNeo.ttc", "malgun.ttf")


@functools.lru_cache(maxsize=64)
def font(size: int, text: str = "") -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font; for letters that it lacks the system's font, if there is one."""
    for name in CJK_FONTS if any(letter > "\u2fff" for letter in text) else ():
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def stroke(size: tuple[int, int]) -> float:
    """The width of an outline in pixels: 3 at 512 pixels, and less than in proportion for large photos."""
    return max(2.4, 3 * (max(size) / 512) ** 0.7)


def mask(canvas: Image.Image, soft: np.ndarray, tint: tuple, fill: float, line: int) -> None:
    """Lay a mask [h,w] (any resolution, its border at 0.5) over the whole canvas: filling and outline."""
    height, width = soft.shape
    sx, sy = canvas.width / width, canvas.height / height
    rows, columns = np.nonzero(soft.max(1) >= 0.5)[0], np.nonzero(soft.max(0) >= 0.5)[0]
    if not len(rows):
        return
    pad = 3 * line
    left, top = max(0, int(columns[0] * sx) - pad), max(0, int(rows[0] * sy) - pad)
    right = min(canvas.width, math.ceil((columns[-1] + 1) * sx) + pad)
    bottom = min(canvas.height, math.ceil((rows[-1] + 1) * sy) + pad)
    levels = Image.fromarray((np.clip(soft, 0, 1) * 255).astype(np.uint8))
    part = (left / sx, top / sy, right / sx, bottom / sy)
    inside = levels.resize((right - left, bottom - top), Image.Resampling.BILINEAR, part)
    enlarged = max(sx, sy)
    if enlarged > 1:  # round off the stairs of the pixels
        inside = inside.filter(ImageFilter.GaussianBlur(0.4 * enlarged))
    steep = 2 * max(1.0, enlarged)
    inside = inside.point([round(min(255, max(0, (v - 127.5) * steep + 127.5))) for v in range(256)])
    if fill:
        canvas.paste(tint, (left, top), inside.point([round(fill * v) for v in range(256)]))
    dark = tuple(round(0.25 * c) for c in tint)
    near = inside.filter(ImageFilter.GaussianBlur(0.75 * line))
    canvas.paste(dark, (left, top), near.point(_band(0.75 * line, -0.1 * line, 0.8 * line, 0.7)))
    canvas.paste(tint, (left, top), near.point(_band(0.75 * line, 0.4 * line, 0.9 * line, 1.0)))


@functools.lru_cache(maxsize=64)
def _band(sigma: float, centre: float, width: float, opacity: float) -> list[int]:
    """For each grey level of an edge blurred by sigma: is it in a band `centre` pixels inside the edge?"""
    levels = []
    for v in range(256):
        inwards = sigma * NormalDist().inv_cdf(min(max(v / 255, 0.002), 0.998))
        levels.append(round(255 * opacity * min(1.0, max(0.0, width / 2 + 0.5 - abs(inwards - centre)))))
    return levels


def box(pen: ImageDraw.ImageDraw, corners: np.ndarray, tint: tuple, line: int, dashed: bool) -> None:
    """A rectangle around the pixels between two corners; dashed for the truth."""
    x1, y1, x2, y2 = (round(float(c)) for c in corners)
    x2, y2 = max(x1, x2 - 1), max(y1, y2 - 1)
    if not dashed:
        pen.rectangle((x1, y1, x2, y2), outline=tint, width=line)
        return
    dash = 5 * line
    for x in range(x1, x2 + 1, 2 * dash):
        for y in (y1, max(y1, y2 - line + 1)):
            pen.rectangle((x, y, min(x + dash, x2), min(y + line - 1, y2)), fill=tint)
    for y in range(y1, y2 + 1, 2 * dash):
        for x in (x1, max(x1, x2 - line + 1)):
            pen.rectangle((x, y, min(x + line - 1, x2), min(y + dash, y2)), fill=tint)


def body(canvas: Image.Image, points: np.ndarray, line: int) -> None:
    """Key points [K,3] (x, y, visibility) as dots, hollow where hidden, with bones if they are COCO's 17."""
    seen = points[:, 2] > 0
    if not seen.any():
        return
    radius = 1.6 * line
    low = np.floor(points[seen, :2].min(0) - 2 * radius).astype(int)
    size = np.ceil(points[seen, :2].max(0) + 2 * radius).astype(int) - low + 1
    fine = 3 if size.prod() < 2_000_000 else 1
    layer = Image.new("RGBA", tuple((size * fine).tolist()))
    pen = ImageDraw.Draw(layer)
    at = [tuple(((p[:2] - low) * fine).tolist()) for p in points]
    bones = [bone for bone in BONES if len(points) == 17 and seen[list(bone[0])].all()]
    for width, ink in ((1.7, INK), (1.0, None)):
        for (a, b), tint in bones:
            pen.line((at[a], at[b]), fill=(*(ink or tint), 255), width=round(width * line * fine))
    for k in np.nonzero(seen)[0]:
        tint = YELLOW if k == 0 or len(points) != 17 else BLUE if k % 2 else ORANGE
        dot(pen, at[k], radius * fine, (*INK, 255))
        dot(pen, at[k], 0.7 * radius * fine, (*(tint if points[k, 2] > 1 else (255, 255, 255)), 255))
    layer = layer.resize(tuple(size.tolist()), Image.Resampling.BOX)
    canvas.paste(layer.convert("RGB"), tuple(low.tolist()), layer.getchannel("A"))


def dot(pen: ImageDraw.ImageDraw, centre: tuple, radius: float, tint: tuple) -> None:
    x, y = centre
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tint)


def labels(
    canvas: Image.Image, boxes: np.ndarray, captions: list[str], tints: list[tuple], plain: bool
) -> None:
    """Write each caption in a box of its own by its object, where it covers the fewest others.

    plain: coloured frames on white instead of coloured boxes.
    """
    pen = ImageDraw.Draw(canvas)
    kind = font(round(5 * stroke(canvas.size)), "".join(captions))
    pad = max(2, round(kind.size / 5))
    height = round(1.25 * kind.size) + pad
    taken: list[tuple[float, ...]] = []
    for (x1, y1, x2, y2), caption, tint in zip(boxes.tolist(), captions, tints, strict=True):
        width = math.ceil(pen.textlength(caption, kind)) + 2 * pad
        places = [(x1, y1 - height), (x1, y1), (x1, y2), (x2 - width, y1 - height), (x2 - width, y2 - height)]
        best = None
        for x, y in places:
            inside = min(max(0, x), max(0, canvas.width - width)), min(max(0, y), canvas.height - height)
            spot = (*inside, inside[0] + width, inside[1] + height)
            cost = sum(_shared(spot, other) for other in taken) + 0.1 * (
                abs(inside[0] - x) + abs(inside[1] - y)
            )
            if best is None or cost < best[0] - 1:
                best = (cost, spot)
        x, y, right, bottom = (round(v) for v in best[1])
        taken.append(best[1])
        frame = (
            {"fill": (255, 255, 255), "outline": tint, "width": max(1, pad // 2)} if plain else {"fill": tint}
        )
        pen.rounded_rectangle((x, y, right - 1, bottom - 1), radius=pad, **frame)
        pen.text(((x + right) / 2, (y + bottom) / 2), caption, INK if plain else on(tint), kind, anchor="mm")


def _shared(a, b) -> float:
    return max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))


def legend(entries: list[tuple[str, tuple]], width: int) -> Image.Image:
    """A white strip that says which colour means what, in as many rows as it takes."""
    kind = font(round(4.6 * stroke((width, 1))), "".join(name for name, _ in entries))
    pad, row = kind.size // 2, round(1.7 * kind.size)
    places, x, y = [], pad, pad
    for name, _ in entries:
        length = math.ceil(kind.getlength(name)) + 3 * kind.size
        if x > pad and x + length > width:
            x, y = pad, y + row
        places.append((x, y))
        x += length
    strip = Image.new("RGB", (width, y + row + pad // 2), "white")
    pen = ImageDraw.Draw(strip)
    for (name, tint), (x, y) in zip(entries, places, strict=True):
        pen.rounded_rectangle((x, y, x + 1.3 * kind.size, y + 1.1 * kind.size), kind.size // 4, tint)
        pen.text((x + 1.7 * kind.size, y + 0.55 * kind.size), name, INK, kind, anchor="lm")
    return strip
