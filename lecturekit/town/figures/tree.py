"""Trees, height 1: a trunk and a crown that sways."""

import math
from functools import lru_cache

import numpy as np

from lecturekit.town import palette
from lecturekit.town.palette import pick
from lecturekit.town.sketch import RGB, Figure, Sketch, ellipse, poly


def look(rng: np.random.Generator) -> tuple:
    """The variant that is drawn."""
    return (
        ("round", "conifer", "blossom", "poplar", "apple")[rng.choice(5, p=(0.3, 0.25, 0.17, 0.13, 0.15))],
    )


def colours(rng: np.random.Generator) -> dict[str, RGB]:
    """A colour for each role of the figure."""
    leaves = pick(rng, palette.LEAVES, 10)
    if rng.random() < 0.12:
        leaves = pick(rng, palette.AUTUMN, 10)
    blossom = pick(rng, palette.BLOSSOM, 8)
    return {"leaves": leaves, "blossom": blossom, "bark": pick(rng, palette.BARK, 8), "fruit": (222, 54, 56)}


def pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    """Angles of the parts (radians) and the lift of the whole, at `phase` of the movement."""
    return {"crown": 0.04 * math.sin(phase)}, 0j


@lru_cache(maxsize=8)
def figure(look: tuple, mirror: bool) -> Figure:
    """The figure of a look."""
    (sort,) = look
    sketch = Sketch()
    sketch.part("trunk")
    sketch.part("crown", 0, -0.3, "trunk")
    top = -0.2 if sort == "conifer" else -0.42
    sketch.add("trunk", "bark", poly(-0.065, 0, -0.045, top, 0.045, top, 0.065, 0))
    sketch.add("trunk", "bark", poly(0.015, 0, 0.01, top, 0.045, top, 0.065, 0), 0.8)
    if sort == "conifer":
        for y, w, h in ((0.16, 0.27, 0.36), (-0.04, 0.225, 0.34), (-0.24, 0.17, 0.46)):
            sketch.add(
                "crown", "leaves", poly(-w, y, 0, y - h, w, y, w * 0.5, y + 0.025, 0, y, -w * 0.5, y + 0.025)
            )
            sketch.add("crown", "leaves", poly(0, y, 0.01, y - h, w, y, w * 0.5, y + 0.025), 0.85)
        return sketch.figure(mirror)
    if sort == "poplar":
        sketch.add("crown", "leaves", ellipse(0, -0.25, 0.17, 0.45, 22), 0.85)
        sketch.add("crown", "leaves", ellipse(-0.025, -0.27, 0.135, 0.4, 18))
        sketch.add("crown", "leaves", ellipse(-0.06, -0.4, 0.055, 0.16, 12), 1.18)
        return sketch.figure(mirror)
    role = "blossom" if sort == "blossom" else "leaves"
    blobs = (
        (-0.17, -0.12, 0.19),
        (0.17, -0.14, 0.19),
        (0.0, -0.1, 0.2),
        (-0.1, -0.36, 0.2),
        (0.11, -0.37, 0.19),
    )
    for x, y, r in blobs:
        sketch.add("crown", role, ellipse(x, y, r, n=18), 0.82)
    for x, y, r in (*blobs, (0.0, -0.5, 0.17)):
        sketch.add("crown", role, ellipse(x - 0.015, y - 0.03, 0.86 * r, n=16))
    for x, y, r in ((-0.2, -0.2, 0.07), (-0.1, -0.48, 0.09), (0.1, -0.26, 0.07)):
        sketch.add("crown", role, ellipse(x, y, r, 0.7 * r, 12), 1.2)
    if sort in ("apple", "blossom"):
        role, size, tint = ("fruit", 0.04, 1.0) if sort == "apple" else ("blossom", 0.03, 1.7)
        for x, y in ((-0.22, -0.08), (0.2, -0.1), (-0.04, -0.2), (0.14, -0.4), (-0.14, -0.36), (0.02, -0.56)):
            sketch.add("crown", role, ellipse(x, y, size, n=8), tint)
    return sketch.figure(mirror)
