"""Cars, length 1, looking right: a body and two wheels that turn."""

from functools import lru_cache

import numpy as np

from lecturekit.town import palette
from lecturekit.town.palette import pick
from lecturekit.town.sketch import RGB, Figure, Sketch, box, ellipse, poly

HEADLIGHT = (255, 244, 200)
TAILLIGHT = (255, 70, 60)


def look(rng: np.random.Generator) -> tuple:
    """The variant that is drawn."""
    return (("saloon", "van", "beetle")[rng.choice(3, p=(0.45, 0.25, 0.3))],)


def colours(rng: np.random.Generator) -> dict[str, RGB]:
    """A colour for each role of the figure."""
    return {
        "paint": pick(rng, palette.CARS, 10),
        "glass": (176, 218, 236),
        "tyre": (40, 40, 46),
        "hub": (206, 208, 212),
        "lamp": (255, 240, 190),
        "tail": (190, 40, 44),
        "trim": (70, 72, 80),
    }


def pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    """Angles of the parts (radians) and the lift of the whole, at `phase` of the movement."""
    return {"front_wheel": phase, "rear_wheel": phase}, 0j


@lru_cache(maxsize=8)
def figure(look: tuple, mirror: bool) -> Figure:
    """The figure of a look."""
    (body,) = look
    sketch = Sketch()
    sketch.part("body")
    sketch.part("rear_wheel", -0.29, -0.09, "body")
    sketch.part("front_wheel", 0.29, -0.09, "body")
    if body == "van":
        hull = poly(
            -0.49,
            -0.09,
            -0.5,
            -0.5,
            -0.46,
            -0.53,
            0.22,
            -0.53,
            0.27,
            -0.5,
            0.37,
            -0.3,
            0.48,
            -0.26,
            0.5,
            -0.09,
        )
        panes = [poly(0.1, -0.47, 0.22, -0.47, 0.31, -0.3, 0.1, -0.3), box(-0.16, -0.47, 0.05, -0.3)]
        panes.append(box(-0.43, -0.47, -0.21, -0.3))
    elif body == "beetle":
        hull = poly(-0.48, -0.09, -0.5, -0.18, -0.45, -0.27, -0.34, -0.36)
        hull += ellipse(-0.04, -0.3, 0.28, 0.17, 9, 190, 350) + poly(
            0.36, -0.29, 0.47, -0.24, 0.5, -0.17, 0.48, -0.09
        )
        panes = [[*ellipse(-0.07, -0.29, 0.21, 0.13, 6, 180, 268), -0.075 - 0.29j]]
        panes.append([*ellipse(-0.01, -0.29, 0.21, 0.13, 6, 272, 360), -0.005 - 0.29j])
    else:
        hull = poly(-0.49, -0.09, -0.5, -0.24, -0.46, -0.28, -0.33, -0.29, -0.22, -0.43, 0.1, -0.43)
        hull += poly(0.24, -0.29, 0.44, -0.26, 0.49, -0.22, 0.5, -0.09)
        panes = [poly(-0.27, -0.29, -0.19, -0.395, -0.07, -0.395, -0.07, -0.29)]
        panes.append(poly(-0.03, -0.29, -0.03, -0.395, 0.085, -0.395, 0.175, -0.29))
    sketch.add("body", "paint", hull)
    sketch.add("body", "paint", poly(-0.493, -0.15, 0.497, -0.15, 0.5, -0.09, -0.49, -0.09), 0.72)
    sketch.add("body", "paint", poly(-0.46, -0.265, 0.4, -0.265, 0.43, -0.245, -0.47, -0.245), 1.35)
    for pane in panes:
        sketch.add("body", "glass", pane, glow=(120, 120, 130))
    sketch.add("body", "trim", box(-0.06, -0.225, 0.0, -0.21))
    sketch.add("body", "trim", box(0.4, -0.115, 0.51, -0.085))
    sketch.add("body", "trim", box(-0.51, -0.115, -0.4, -0.085))
    sketch.add("body", "lamp", ellipse(0.455, -0.2, 0.032, 0.034, 10), glow=HEADLIGHT)
    sketch.add("body", "tail", box(-0.495, -0.235, -0.455, -0.18), glow=TAILLIGHT)
    for wheel in ("rear_wheel", "front_wheel"):
        sketch.add("body", "paint", ellipse(-0.29 if wheel[0] == "r" else 0.29, -0.1, 0.115, n=16), 0.5)
        sketch.add(wheel, "tyre", ellipse(0, 0, 0.092, n=16))
        sketch.add(wheel, "hub", ellipse(0, 0, 0.052, n=12))
        sketch.add(wheel, "trim", box(-0.045, -0.011, 0.045, 0.011))
        sketch.add(wheel, "trim", box(-0.011, -0.045, 0.011, 0.045))
    sketch.lamp("body", 0.72, -0.06, (0.24, 0.07), HEADLIGHT)
    sketch.lamp("body", 0.47, -0.2, (0.07, 0.07), HEADLIGHT)
    sketch.lamp("body", -0.49, -0.2, (0.06, 0.06), TAILLIGHT)
    return sketch.figure(mirror)
