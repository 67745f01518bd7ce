"""Figures as rigid parts: polygons in the complex plane, joints, marks and lamps.

A point is a complex number x + iy with y down, so that a complex pair (a, b) is a similarity of the plane,
z -> a z + b: rotation and scale in `a`, shift in `b`. Every part of a figure moves by such a pair, so that
optical flow is exact. Ellipses are polygons too, since only points can be moved rigidly.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

RGB = tuple[int, int, int]


@lru_cache(maxsize=64)
def _circle(n: int, start: float, stop: float) -> tuple[complex, ...]:
    full = math.isclose(stop - start, 2 * math.pi)
    steps = n if full else n - 1
    angles = [start + (stop - start) * i / steps for i in range(n)]
    return tuple(complex(math.cos(t), math.sin(t)) for t in angles)


def ellipse(
    x: float,
    y: float,
    rx: float,
    ry: float | None = None,
    n: int = 20,
    start: float = 0.0,
    stop: float = 360.0,
) -> list[complex]:
    """Points of an ellipse, or of its arc from `start` to `stop` degrees (clockwise from the right)."""
    ry = rx if ry is None else ry
    return [
        complex(x + rx * c.real, y + ry * c.imag) for c in _circle(n, math.radians(start), math.radians(stop))
    ]


def box(x0: float, y0: float, x1: float, y1: float) -> list[complex]:
    """The four corners of an upright rectangle."""
    return [complex(x0, y0), complex(x1, y0), complex(x1, y1), complex(x0, y1)]


def poly(*xy: float) -> list[complex]:
    """A polygon from x0, y0, x1, y1, ..."""
    return [complex(x, y) for x, y in zip(xy[::2], xy[1::2], strict=True)]


def limb(p: complex, q: complex, r: float, s: float | None = None, n: int = 7) -> list[complex]:
    """A capsule from `p` to `q` with radius `r` at `p` and `s` at `q`."""
    s = r if s is None else s
    turn = (q - p) / abs(q - p)
    arc = _circle(n, math.pi / 2, 3 * math.pi / 2)
    return [p + r * turn * c for c in arc] + [q - s * turn * c for c in arc]


@dataclass(frozen=True)
class Shape:
    """One filled polygon of a figure: points[start:stop], in the colour that the actor has for `role`.

    `shade` below 1 darkens the colour, above 1 mixes it with white. `glow` is the colour of lights at night.
    """

    start: int
    stop: int
    part: int
    role: str
    shade: float = 1.0
    glow: RGB | None = None


@dataclass(frozen=True)
class Lamp:
    """A pool of light at night: its part, its centre and its half-axes in the part's units."""

    part: int
    point: complex
    radii: tuple[float, float]
    colour: RGB


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawn figure; its origin is the point where it stands on the ground."""

    points: np.ndarray  # complex [P], each in the frame of its own part
    owner: np.ndarray  # int [P], the part of each point
    shapes: tuple[Shape, ...]
    names: tuple[str, ...]  # of the parts
    parents: tuple[int, ...]  # -1 for a root
    joints: tuple[complex, ...]  # origin of each part in its parent's frame
    marks: Mapping[str, tuple[int, complex]]  # named points, such as "left_knee"
    lamps: tuple[Lamp, ...]

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the figure at rest."""
        a, b = (np.array(v) for v in self.pose({}))
        rest = a[self.owner] * self.points + b[self.owner]
        return float(rest.real.min()), float(rest.imag.min()), float(rest.real.max()), float(rest.imag.max())

    def pose(self, angles: Mapping[str, float], lift: complex = 0j) -> tuple[list[complex], list[complex]]:
        """The pair (a, b) of each part in the figure's frame, its parts turned by `angles` (radians)."""
        a: list[complex] = []
        b: list[complex] = []
        for name, parent, joint in zip(self.names, self.parents, self.joints, strict=True):
            angle = angles.get(name, 0.0)
            turn = complex(math.cos(angle), math.sin(angle)) if angle else 1 + 0j
            a.append(turn if parent < 0 else a[parent] * turn)
            b.append(joint + lift if parent < 0 else b[parent] + a[parent] * joint)
        return a, b


class Sketch:
    """Collects the parts and shapes of a figure in the order in which they are painted."""

    def __init__(self) -> None:
        self._points: list[complex] = []
        self._owner: list[int] = []
        self._shapes: list[Shape] = []
        self._names: list[str] = []
        self._parents: list[int] = []
        self._joints: list[complex] = []
        self._marks: dict[str, tuple[int, complex]] = {}
        self._lamps: list[Lamp] = []

    def part(self, name: str, x: float = 0.0, y: float = 0.0, parent: str | None = None) -> None:
        """A new part with its origin at (x, y) of its parent's frame."""
        self._names.append(name)
        self._parents.append(-1 if parent is None else self._names.index(parent))
        self._joints.append(complex(x, y))

    def add(
        self, part: str, role: str, points: Sequence[complex], shade: float = 1.0, glow: RGB | None = None
    ) -> None:
        """Paint a polygon, given in the part's frame, over what is there."""
        index, start = self._names.index(part), len(self._points)
        self._points.extend(points)
        self._owner.extend([index] * len(points))
        self._shapes.append(Shape(start, len(self._points), index, role, shade, glow))

    def mark(self, name: str, part: str, x: float, y: float) -> None:
        """Name a point of a part."""
        self._marks[name] = (self._names.index(part), complex(x, y))

    def lamp(self, part: str, x: float, y: float, radii: tuple[float, float], colour: RGB) -> None:
        """Let a part shine at night."""
        self._lamps.append(Lamp(self._names.index(part), complex(x, y), radii, colour))

    def figure(self, mirror: bool = False) -> Figure:
        """The finished figure, looking left instead of right if `mirror`."""

        def flip(z: complex) -> complex:
            return -z.conjugate() if mirror else z

        return Figure(
            points=np.array([flip(z) for z in self._points]),
            owner=np.array(self._owner, dtype=np.intp),
            shapes=tuple(self._shapes),
            names=tuple(self._names),
            parents=tuple(self._parents),
            joints=tuple(flip(z) for z in self._joints),
            marks={name: (part, flip(z)) for name, (part, z) in self._marks.items()},
            lamps=tuple(replace(lamp, point=flip(lamp.point)) for lamp in self._lamps),
        )
