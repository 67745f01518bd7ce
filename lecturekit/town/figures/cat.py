"""Cats, height 1, looking right: trotting or sitting."""

import math
from functools import lru_cache

import numpy as np

from lecturekit.town import palette
from lecturekit.town.palette import pick
from lecturekit.town.sketch import RGB, Figure, Sketch, ellipse, limb, poly


def look(rng: np.random.Generator) -> tuple:
    """The variant that is drawn."""
    return ("trot" if rng.random() < 0.65 else "sit", ("plain", "tabby", "bib")[rng.integers(3)])


def colours(rng: np.random.Generator) -> dict[str, RGB]:
    """A colour for each role of the figure."""
    fur = pick(rng, palette.FUR, 8)
    dark = sum(fur) < 240
    return {
        "fur": fur,
        "white": (252, 248, 240),
        "eye": (196, 214, 90) if dark else (40, 60, 50),
        "ear": (240, 160, 160),
        "nose": (214, 96, 110),
    }


def pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    """Angles of the parts (radians) and the lift of the whole, at `phase` of the movement."""
    swing = math.sin(phase)
    angles = {"tail": 0.25 * math.sin(phase / 2) + 0.3 * jitter[0], "tail_tip": 0.4 * math.cos(phase / 2)}
    angles["head"] = 0.05 * swing
    if look[0] == "trot":
        for i, leg in enumerate(("far_fore", "near_hind", "near_fore", "far_hind")):
            angles[leg] = (0.5 if i < 2 else -0.5) * swing
    return angles, 0j


@lru_cache(maxsize=16)
def figure(look: tuple, mirror: bool) -> Figure:
    """The figure of a look."""
    stance, coat = look
    sketch = Sketch()
    sketch.part("body")
    head_at, tail_at = ((0.34, -0.66), (-0.5, -0.48)) if stance == "trot" else ((0.06, -0.7), (-0.28, -0.1))
    sketch.part("head", *head_at, "body")
    sketch.part("tail", *tail_at, "body")
    sketch.part("tail_tip", -0.1, -0.24, "tail")
    if stance == "trot":
        legs = {"far_fore": 0.22, "far_hind": -0.3, "near_fore": 0.14, "near_hind": -0.38}
        for leg, x in legs.items():
            sketch.part(leg, x, -0.36, "body")
        for leg in ("far_fore", "far_hind"):
            sketch.add(leg, "fur", limb(0j, 0.3j, 0.08, 0.062), 0.72)
    sketch.add("tail", "fur", limb(0j, -0.1 - 0.24j, 0.068, 0.062), 0.85)
    sketch.add("tail_tip", "fur", limb(0j, 0.06 - 0.2j, 0.062, 0.055), 0.85)
    if coat != "plain":
        sketch.add("tail_tip", "white", limb(0.045 - 0.15j, 0.06 - 0.2j, 0.056, 0.05))
    if stance == "trot":
        sketch.add("body", "fur", limb(-0.34 - 0.46j, 0.18 - 0.46j, 0.2, 0.19, 9))
        sketch.add("body", "white" if coat == "bib" else "fur", ellipse(-0.08, -0.32, 0.3, 0.06, 14), 1.12)
        for leg in ("near_hind", "near_fore"):
            sketch.add(leg, "fur", limb(0j, 0.3j, 0.085, 0.064), 0.93)
            sketch.add(
                leg, "white" if coat != "plain" else "fur", ellipse(0.02, 0.315, 0.075, 0.045, 10), 1.0
            )
        stripes = [poly(x - 0.03, -0.655, x + 0.035, -0.655, x, -0.47) for x in (-0.36, -0.23, -0.1, 0.03)]
    else:
        sketch.add(
            "body", "fur", poly(-0.1, -0.66, 0.2, -0.66, 0.31, -0.22, 0.27, 0.0, -0.27, 0.0, -0.31, -0.2)
        )
        sketch.add("body", "fur", ellipse(-0.12, -0.17, 0.22, 0.17, 14))
        sketch.add("body", "white" if coat == "bib" else "fur", ellipse(0.11, -0.38, 0.1, 0.2, 14), 1.12)
        for x in (0.05, 0.2):
            sketch.add(
                "body", "white" if coat != "plain" else "fur", ellipse(x, -0.04, 0.085, 0.045, 10), 1.1
            )
        stripes = [
            poly(
                -0.17 - 0.05 * i, -0.55 + 0.12 * i, 0.0, -0.52 + 0.12 * i, -0.19 - 0.05 * i, -0.49 + 0.12 * i
            )
            for i in range(3)
        ]
    if coat == "tabby":
        for stripe in stripes:
            sketch.add("body", "fur", stripe, 0.7)
    _cat_head(sketch, coat)
    return sketch.figure(mirror)


def _cat_head(sketch: Sketch, coat: str) -> None:
    for side in (-1, 1):
        ear = poly(0.23 * side, -0.06, 0.21 * side, -0.33, 0.04 * side, -0.17)
        sketch.add("head", "fur", ear, 0.92)
        sketch.add("head", "ear", poly(0.185 * side, -0.14, 0.185 * side, -0.26, 0.09 * side, -0.17))
    sketch.add("head", "fur", ellipse(0, 0, 0.25, 0.215, 20))
    if coat == "tabby":
        sketch.add("head", "fur", poly(-0.07, -0.2, 0.07, -0.2, 0, -0.08), 0.7)
    sketch.add("head", "white" if coat == "bib" else "fur", ellipse(0.01, 0.1, 0.12, 0.085, 12), 1.3)
    for side in (-1, 1):
        sketch.add("head", "eye", ellipse(0.01 + 0.1 * side, -0.02, 0.04, 0.055, 8))
    sketch.add("head", "nose", poly(-0.025, 0.055, 0.045, 0.055, 0.01, 0.1))
