"""Cars, trees, balls, cats and houses as figures of rigid parts."""

import math
from functools import lru_cache

import numpy as np

from lecturekit.town import palette
from lecturekit.town.palette import pick
from lecturekit.town.sketch import RGB, Figure, Sketch, box, ellipse, limb, poly

LIT = (255, 214, 120)
HEADLIGHT = (255, 244, 200)
TAILLIGHT = (255, 70, 60)


# ---------------------------------------------------------------- car: length 1, looks right


def car_look(rng: np.random.Generator) -> tuple:
    return (("saloon", "van", "beetle")[rng.choice(3, p=(0.45, 0.25, 0.3))],)


def car_colours(rng: np.random.Generator) -> dict[str, RGB]:
    return {
        "paint": pick(rng, palette.CARS, 10),
        "glass": (176, 218, 236),
        "tyre": (40, 40, 46),
        "hub": (206, 208, 212),
        "lamp": (255, 240, 190),
        "tail": (190, 40, 44),
        "trim": (70, 72, 80),
    }


def car_pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    return {"front_wheel": phase, "rear_wheel": phase}, 0j


@lru_cache(maxsize=8)
def car_figure(look: tuple, mirror: bool) -> Figure:
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


# ---------------------------------------------------------------- tree: height 1


def tree_look(rng: np.random.Generator) -> tuple:
    return (
        ("round", "conifer", "blossom", "poplar", "apple")[rng.choice(5, p=(0.3, 0.25, 0.17, 0.13, 0.15))],
    )


def tree_colours(rng: np.random.Generator) -> dict[str, RGB]:
    leaves = pick(rng, palette.LEAVES, 10)
    if rng.random() < 0.12:
        leaves = pick(rng, palette.AUTUMN, 10)
    blossom = pick(rng, palette.BLOSSOM, 8)
    return {"leaves": leaves, "blossom": blossom, "bark": pick(rng, palette.BARK, 8), "fruit": (222, 54, 56)}


def tree_pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    return {"crown": 0.04 * math.sin(phase)}, 0j


@lru_cache(maxsize=8)
def tree_figure(look: tuple, mirror: bool) -> Figure:
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


# ---------------------------------------------------------------- ball: diameter 1


def ball_look(rng: np.random.Generator) -> tuple:
    return (("beach", "band", "star")[rng.integers(3)],)


def ball_colours(rng: np.random.Generator) -> dict[str, RGB]:
    return {
        "ball": pick(rng, palette.BALLS, 10),
        "white": (250, 246, 238),
        "trim": pick(rng, palette.BALLS, 10),
    }


def ball_pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    return {"ball": phase}, complex(0, -1.1 * max(0.0, jitter[0]) * abs(math.sin(phase)))


@lru_cache(maxsize=8)
def ball_figure(look: tuple, mirror: bool) -> Figure:
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
        star = [cmath_polar(0.36 if i % 2 == 0 else 0.15, math.pi * i / 5) for i in range(10)]
        sketch.add("ball", "white", star)
    sketch.add("shine", "white", ellipse(-0.18, -0.22, 0.11, 0.08, 10))
    return sketch.figure(mirror)


def cmath_polar(r: float, angle: float) -> complex:
    """The point at distance `r` in direction `angle` (radians)."""
    return complex(r * math.cos(angle), r * math.sin(angle))


# ---------------------------------------------------------------- cat: height 1, looks right


def cat_look(rng: np.random.Generator) -> tuple:
    return ("trot" if rng.random() < 0.65 else "sit", ("plain", "tabby", "bib")[rng.integers(3)])


def cat_colours(rng: np.random.Generator) -> dict[str, RGB]:
    fur = pick(rng, palette.FUR, 8)
    dark = sum(fur) < 240
    return {
        "fur": fur,
        "white": (252, 248, 240),
        "eye": (196, 214, 90) if dark else (40, 60, 50),
        "ear": (240, 160, 160),
        "nose": (214, 96, 110),
    }


def cat_pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    swing = math.sin(phase)
    angles = {"tail": 0.25 * math.sin(phase / 2) + 0.3 * jitter[0], "tail_tip": 0.4 * math.cos(phase / 2)}
    angles["head"] = 0.05 * swing
    if look[0] == "trot":
        for i, leg in enumerate(("far_fore", "near_hind", "near_fore", "far_hind")):
            angles[leg] = (0.5 if i < 2 else -0.5) * swing
    return angles, 0j


@lru_cache(maxsize=16)
def cat_figure(look: tuple, mirror: bool) -> Figure:
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


# ---------------------------------------------------------------- house: height 1


def house_look(rng: np.random.Generator) -> tuple:
    """(sort, which of the four windows are lit at night)."""
    return ("gable", "cottage", "tall")[rng.integers(3)], tuple(bool(v) for v in rng.random(4) < 0.7)


def house_colours(rng: np.random.Generator) -> dict[str, RGB]:
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


def house_pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    return {}, 0j


@lru_cache(maxsize=64)
def house_figure(look: tuple, mirror: bool) -> Figure:
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
        sketch.add("house", "glass", ellipse(0, -0.72, 0.06, n=12), glow=LIT if lit[3] else (46, 58, 92))
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
    glow = LIT if lit else (46, 58, 92)
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
