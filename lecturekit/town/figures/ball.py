"""Balls, diameter 1, that roll and may bounce."""

import math
from functools import lru_cache

import numpy as np

from lecturekit.town import palette
from lecturekit.town.palette import pick
from lecturekit.town.sketch import RGB, Figure, Sketch, box, ellipse


def look(rng: np.random.Generator) -> tuple:
    """The variant that is drawn."""
    return (("beach", "band", "star")[rng.integers(3)],)


def colours(rng: np.random.Generator) -> dict[str, RGB]:
    """A colour for each role of the figure."""
    return {
        "ball": pick(rng, palette.BALLS, 10),
        "white": (250, 246, 238),
        "trim": pick(rng, palette.BALLS, 10),
    }


def pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    """Angles of the parts (radians) and the lift of the whole, at `phase` of the movement."""
    return {"ball": phase}, complex(0, -1.1 * max(0.0, jitter[0]) * abs(math.sin(phase)))


@lru_cache(maxsize=8)
def figure(look: tuple, mirror: bool) -> Figure:
    """The figure of a look."""
    (sort,) = look
    sketch = Sketch()
    sketch.part("ball", 0, -0.5)
    sketch.part("shine", 0, -0.5)
    sketch.add("ball", "ball", ellipse(0, 0, 0.5, n=22))
    if sort == "beach":
        for i in range(3):
            role = "trim" if i == 1 else "white"
            sketch.add("ball", role, [0j, *ellipse(0, 0, 0.5, None, 6, 120 * i, 120 * i + 60)])
        sketch.add("ball", "white", ellipse(0, 0, 0.12, n=10))
    elif sort == "band":
        sketch.add(
            "ball", "white", [*ellipse(0, 0, 0.5, None, 5, -20, 20), *ellipse(0, 0, 0.5, None, 5, 160, 200)]
        )
        sketch.add("ball", "trim", box(-0.46, -0.07, 0.46, 0.07))
    else:
        star = [_polar(0.36 if i % 2 == 0 else 0.15, math.pi * i / 5) for i in range(10)]
        sketch.add("ball", "white", star)
    sketch.add("shine", "white", ellipse(-0.18, -0.22, 0.11, 0.08, 10))
    return sketch.figure(mirror)


def _polar(r: float, angle: float) -> complex:
    """The point at distance `r` in direction `angle` (radians)."""
    return complex(r * math.cos(angle), r * math.sin(angle))
