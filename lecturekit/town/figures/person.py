"""People of Toy Town: a figure of ten rigid parts with 17 body keypoints and 5 face landmarks."""

import math
from functools import lru_cache

import numpy as np

from lecturekit.town.palette import CAPS, DARK_HAIR, HAIR, SHIRTS, SHOES, SKIN, TROUSERS, pick
from lecturekit.town.sketch import RGB, Figure, Sketch, box, ellipse, limb, poly

BODY_KEYPOINTS = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
FACE_LANDMARKS = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
BODY_SKELETON = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8), (7, 9),
    (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip

CHILD = 0.74  # height of a child, of an adult
BUILDS = ("adult", "child", "stout")
HAIRS = ("short", "long", "bun", "curly", "cap", "fringe")
CLOTHES = ("trousers", "shorts", "skirt", "dress")
ACTIONS = ("walk", "stand", "wave", "cheer")
SIDES = (("right", -1), ("left", 1))  # a person faces us: the left hand is on the picture's right


def look(rng: np.random.Generator) -> tuple:
    """(build, hair, clothes, turn, action): `turn` -1, 0, 1 looks to the left, to us, to the right."""
    build = BUILDS[rng.choice(3, p=(0.55, 0.27, 0.18))]
    hair, clothes = HAIRS[rng.integers(len(HAIRS))], CLOTHES[rng.integers(len(CLOTHES))]
    action = ACTIONS[rng.choice(4, p=(0.5, 0.18, 0.2, 0.12))]
    turn = int(rng.choice((-1, 1))) if action == "walk" else int(rng.integers(-1, 2))
    return build, hair, clothes, turn, action


def another_pose(same: tuple, rng: np.random.Generator) -> tuple:
    """The look with the same build, hair and clothes, turned elsewhere and doing something else."""
    return (*same[:3], *look(rng)[3:])


def colours(rng: np.random.Generator) -> dict[str, RGB]:
    """A colour for each role of the figure."""
    skin = pick(rng, SKIN, 6)
    hair = pick(rng, HAIR if sum(skin) > 430 else DARK_HAIR, 8)
    return {
        "skin": skin,
        "hair": hair,
        "shirt": pick(rng, SHIRTS, 14),
        "trousers": pick(rng, TROUSERS, 10),
        "shoes": pick(rng, SHOES, 8),
        "hat": pick(rng, CAPS, 10),
        "eye": (38, 32, 44),
        "mouth": (156, 44, 56) if sum(skin) > 430 else (104, 26, 40),
        "cheek": tuple((7 * v + 3 * red) // 10 for v, red in zip(skin, (240, 84, 90), strict=True)),
    }


def pose(look: tuple, phase: float, jitter: tuple[float, ...]) -> tuple[dict[str, float], complex]:
    """Angles of the parts (radians) and the lift of the hips at `phase` (2 pi is one cycle)."""
    *_, turn, action = look
    swing, way = math.sin(phase), turn or 1
    angles = {"head": 0.25 * jitter[0]}
    lift = 0j
    for side, sign in SIDES:
        near = swing * sign
        arm, elbow, leg, knee = -0.28 * sign, -0.15 * sign, -0.06 * sign, 0.0
        if action == "walk":
            leg = 0.55 * near * way
            knee = way * (0.12 + 0.5 * max(0.0, math.cos(phase) * -sign))
            arm = -0.5 * near * way - 0.14 * sign
            arm = sign * min(sign * arm, 0.1)  # a hand in front of the body stays on its side
            elbow = -0.4 * way if arm * way < 0 else -0.12 * way
            lift = 0.39j * (1 - math.cos(0.55 * swing))  # wide steps bring the hips down
        elif action == "cheer":
            arm, elbow = (-2.5 + 0.2 * swing) * sign, -0.25 * sign
        elif action == "wave" and sign * (1 if jitter[1] > 0 else -1) > 0:
            arm, elbow = -2.2 * sign, (-0.55 + 0.4 * swing) * sign
        angles[f"{side}_upper_arm"] = arm + 0.25 * jitter[2]
        angles[f"{side}_lower_arm"] = elbow
        angles[f"{side}_upper_leg"] = leg + 0.1 * jitter[3] * sign
        angles[f"{side}_lower_leg"] = knee
    return angles, lift


@lru_cache(maxsize=256)
def figure(look: tuple, mirror: bool = False) -> Figure:
    """The person as parts; height 1 from sole to crown. People are not mirrored, they turn their heads."""
    build, hair, clothes, turn, _ = look
    girth = {"adult": 1.0, "child": 1.05, "stout": 1.3}[build]
    head = {"adult": 0.128, "child": 0.16, "stout": 0.13}[build]
    neck = -0.985 + 2.15 * head
    sketch = Sketch()
    hips, shoulders = -0.41, neck + 0.055
    sketch.part("torso", 0, hips)
    sketch.part("head", 0, neck - hips, "torso")
    for side, sign in SIDES:
        sketch.part(f"{side}_upper_arm", 0.118 * girth * sign, shoulders - hips, "torso")
        sketch.part(f"{side}_lower_arm", 0, 0.155, f"{side}_upper_arm")
        sketch.part(f"{side}_upper_leg", 0.062 * girth * sign, 0, "torso")
        sketch.part(f"{side}_lower_leg", 0, 0.195, f"{side}_upper_leg")
    if hair == "long":
        _long_hair(sketch, head)
    _legs(sketch, clothes, girth)
    _torso(sketch, clothes, girth, shoulders - hips)
    _head(sketch, hair, head, turn)
    _arms(sketch)
    return sketch.figure()


def _legs(sketch: Sketch, clothes: str, girth: float) -> None:
    bare = clothes in ("skirt", "dress")
    for (side, sign), shade in zip(SIDES, (0.86, 1.0), strict=True):
        upper, lower = f"{side}_upper_leg", f"{side}_lower_leg"
        r = 0.05 * (1 + girth) / 2
        sketch.add(lower, "shoes", ellipse(0.012 * sign, 0.192, 0.058, 0.032, 12))
        sketch.add(lower, "trousers" if clothes == "trousers" else "skin", limb(0j, 0.17j, r, 0.04), shade)
        sketch.add(upper, "skin" if bare else "trousers", limb(0j, 0.195j, 1.15 * r, r), shade)
        sketch.mark(f"{side}_hip", upper, 0, 0)
        sketch.mark(f"{side}_knee", lower, 0, 0)
        sketch.mark(f"{side}_ankle", lower, 0, 0.165)


def _torso(sketch: Sketch, clothes: str, girth: float, top: float) -> None:
    w, v = 0.135 * girth, 0.108 * girth
    shirt = poly(
        -w, top + 0.03, -w * 0.8, top - 0.025, w * 0.8, top - 0.025, w, top + 0.03, v, 0.03, -v, 0.03
    )
    sketch.add("torso", "skin", box(-0.035, top - 0.06, 0.035, top + 0.01), 0.9)
    sketch.add("torso", "shirt", shirt)
    if clothes in ("skirt", "dress"):
        role = "shirt" if clothes == "dress" else "trousers"
        sketch.add("torso", role, poly(-v, -0.06, v, -0.06, v + 0.06, 0.15, -v - 0.06, 0.15))
        sketch.add(
            "torso", role, poly(-v - 0.05, 0.115, v + 0.05, 0.115, v + 0.06, 0.15, -v - 0.06, 0.15), 0.8
        )
    else:
        sketch.add("torso", "trousers", poly(-v, -0.01, v, -0.01, v, 0.05, -v, 0.05))
        sketch.add("torso", "shirt", box(-v, -0.025, v, 0.005), 0.7)
    sketch.add("torso", "shirt", poly(-0.05, top - 0.026, 0.05, top - 0.026, 0, top + 0.035), 1.6)


def _arms(sketch: Sketch) -> None:
    for (side, _), shade in zip(SIDES, (0.8, 0.88), strict=True):
        upper, lower = f"{side}_upper_arm", f"{side}_lower_arm"
        sketch.add(lower, "skin", limb(0j, 0.14j, 0.034, 0.032), 0.97)
        sketch.add(lower, "skin", ellipse(0, 0.158, 0.04, n=10))
        sketch.add(upper, "shirt", limb(0j, 0.15j, 0.05, 0.042), shade)
        sketch.mark(f"{side}_shoulder", upper, 0, 0)
        sketch.mark(f"{side}_elbow", lower, 0, 0)
        sketch.mark(f"{side}_wrist", lower, 0, 0.135)


def _long_hair(sketch: Sketch, r: float) -> None:
    sketch.add("head", "hair", ellipse(0, -1.05 * r, 1.22 * r, 1.2 * r, 18), 0.85)
    sketch.add("head", "hair", poly(-1.2 * r, -r, 1.2 * r, -r, 1.25 * r, 0.75 * r, -1.25 * r, 0.75 * r), 0.85)


def _head(sketch: Sketch, hair: str, r: float, turn: int) -> None:
    y, shift = -r, 0.28 * r * turn
    if hair == "bun":
        sketch.add("head", "hair", ellipse(-0.3 * shift, y - 1.2 * r, 0.5 * r, n=12))
    if hair == "curly":
        for angle in range(170, 371, 40):
            t = math.radians(angle)
            centre = complex(1.02 * r * math.cos(t), y + 0.9 * r * math.sin(t))
            sketch.add("head", "hair", ellipse(centre.real, centre.imag, 0.48 * r, n=12))
    for side, sign in SIDES:
        sketch.add(
            "head", "skin", ellipse(sign * 0.98 * r - 0.2 * shift, y + 0.1 * r, 0.2 * r, 0.24 * r, 10), 0.92
        )
        sketch.mark(f"{side}_ear", "head", sign * 0.98 * r - 0.2 * shift, y + 0.1 * r)
    sketch.add("head", "skin", ellipse(0, y, r, 1.08 * r, 22))
    _hair(sketch, hair, r, y, shift)
    for side, sign in SIDES:
        x = shift + 0.36 * r * sign
        sketch.add("head", "cheek", ellipse(shift + 0.58 * r * sign, y + 0.42 * r, 0.2 * r, 0.14 * r, 8))
        sketch.add("head", "eye", ellipse(x, y + 0.05 * r, 0.13 * r, 0.17 * r, 8))
        sketch.mark(f"{side}_eye", "head", x, y + 0.05 * r)
        sketch.mark(f"{side}_mouth", "head", shift + 0.34 * r * sign, y + 0.5 * r)
    sketch.add("head", "skin", ellipse(1.2 * shift, y + 0.3 * r, 0.11 * r, 0.1 * r, 8), 0.78)
    sketch.mark("nose", "head", 1.2 * shift, y + 0.3 * r)
    smile = ellipse(shift, y + 0.48 * r, 0.38 * r, 0.3 * r, 9, 0, 180)
    smile += [complex(z.real, 0.45 * (z.imag - y - 0.48 * r) + y + 0.48 * r) for z in smile[-2:0:-1]]
    sketch.add("head", "mouth", smile)


def _hair(sketch: Sketch, hair: str, r: float, y: float, shift: float) -> None:
    role = "hat" if hair == "cap" else "hair"
    crown = ellipse(0, y - 0.12 * r, 1.07 * r, 1.04 * r, 14, 180, 360)
    if hair == "fringe":
        crown += poly(0.85 * r, y - 0.25 * r, 0.3 * r, y - 0.3 * r, 0, y - 0.45 * r, -0.6 * r, y - 0.2 * r)
    elif hair == "cap":
        crown += poly(0.9 * r, y - 0.35 * r, -0.9 * r, y - 0.35 * r)
    else:
        crown += poly(0.8 * r, y - 0.42 * r, shift, y - 0.62 * r, -0.8 * r, y - 0.42 * r)
    sketch.add("head", role, crown)
    if hair == "cap":
        way = 1 if shift >= 0 else -1
        sketch.add("head", "hat", ellipse(way * 0.45 * r, y - 0.38 * r, 0.95 * r, 0.16 * r, 12), 0.75)
