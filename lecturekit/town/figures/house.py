"""Houses, height 1, with windows that may be lit at night."""

from functools import lru_cache

import numpy as np

from lecturekit.town import palette
from lecturekit.town.palette import pick
from lecturekit.town.sketch import RGB, Figure, Sketch, box, ellipse, poly

LIT = (255, 214, 120)
UNLIT = (46, 58, 92)


def look(rng: np.random.Generator) -> tuple:
    """(sort, which of the four windows are lit at night)."""
    return ("gable", "cottage", "tall")[rng.integers(3)], tuple(bool(v) for v in rng.random(4) < 0.7)


def colours(rng: np.random.Generator) -> dict[str, RGB]:
    """A colour for each role of the figure."""
    return {
        "wall": pick(rng, palette.WALLS, 8),
        "roof": pick(rng, palette.ROOFS, 10),
        "door": pick(rng, palette.DOORS, 10),
        "glass": (150, 204, 230),
        "frame": (252, 250, 244),
        "stone": (150, 140, 136),
        "flower": pick(rng, palette.BALLS, 10),
        "leaf": (74, 150, 80),
    }


def pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    """Angles of the parts (radians) and the lift of the whole, at `phase` of the movement."""
    return {}, 0j


@lru_cache(maxsize=64)
def figure(look: tuple, mirror: bool) -> Figure:
    """The figure of a look."""
    sort, lit = look
    sketch = Sketch()
    sketch.part("house")
    w, eaves = {"gable": (0.42, -0.56), "cottage": (0.56, -0.52), "tall": (0.34, -0.7)}[sort]
    sketch.add("house", "stone", box(0.5 * w, -0.96, 0.5 * w + 0.1, eaves))
    sketch.add("house", "roof", box(0.5 * w - 0.015, -0.98, 0.5 * w + 0.115, -0.94), 0.7)
    sketch.add("house", "wall", box(-w, eaves - 0.02, w, 0))
    sketch.add("house", "wall", box(-w, eaves, w, eaves + 0.06), 0.85)
    sketch.add("house", "stone", box(-w, -0.045, w, 0))
    if sort == "cottage":
        roof = poly(-w - 0.07, eaves, -0.72 * w, -0.9, 0.72 * w, -0.9, w + 0.07, eaves)
    else:
        roof = poly(-w - 0.08, eaves, 0, -0.99, w + 0.08, eaves)
    sketch.add("house", "roof", roof)
    sketch.add(
        "house",
        "roof",
        poly(-w - 0.08, eaves, -w - 0.04, eaves - 0.045, w + 0.04, eaves - 0.045, w + 0.08, eaves),
        0.75,
    )
    if sort == "cottage":
        for i in range(3):
            y = -0.84 + 0.09 * i
            sketch.add("house", "roof", box(-0.8 * w - 0.03 * i, y, 0.8 * w + 0.03 * i, y + 0.02), 0.85)
        windows = [(-0.33, -0.3), (0.33, -0.3)]
    elif sort == "gable":
        sketch.add("house", "frame", ellipse(0, -0.72, 0.085, n=14))
        sketch.add("house", "glass", ellipse(0, -0.72, 0.06, n=12), glow=LIT if lit[3] else UNLIT)
        windows = [(-0.24, -0.32), (0.26, -0.32)]
    else:
        windows = [(-0.16, -0.55), (0.16, -0.55), (0.17, -0.24)]
    for (x, y), on in zip(windows, lit, strict=False):
        _window(sketch, x, y, on)
    door = {"gable": 0.02, "cottage": 0.0, "tall": -0.13}[sort]
    sketch.add("house", "frame", box(door - 0.095, -0.34, door + 0.095, -0.02))
    sketch.add("house", "door", box(door - 0.075, -0.32, door + 0.075, 0))
    sketch.add("house", "door", box(door - 0.05, -0.29, door + 0.05, -0.19), 1.3)
    sketch.add("house", "flower", ellipse(door + 0.05, -0.14, 0.016, n=6))
    return sketch.figure(mirror)


def _window(sketch: Sketch, x: float, y: float, lit: bool) -> None:
    sketch.add("house", "frame", box(x - 0.1, y - 0.11, x + 0.1, y + 0.11))
    glow = LIT if lit else UNLIT
    for dx in (-0.042, 0.042):
        for dy in (-0.045, 0.045):
            sketch.add(
                "house",
                "glass",
                box(x + dx - 0.033, y + dy - 0.036, x + dx + 0.033, y + dy + 0.036),
                glow=glow,
            )
    sketch.add("house", "leaf", box(x - 0.11, y + 0.1, x + 0.11, y + 0.145))
    for dx in (-0.07, 0.0, 0.07):
        sketch.add("house", "flower", ellipse(x + dx, y + 0.1, 0.026, n=7))
    if lit:
        sketch.lamp("house", x, y, (0.16, 0.16), LIT)
