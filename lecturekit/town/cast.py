"""Who lives in Toy Town: the thing classes with their figures, sizes and places, and the `Actor`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType

import numpy as np

from lecturekit.town.figures import ball, car, cat, house, person, tree
from lecturekit.town.palette import vary
from lecturekit.town.sketch import RGB, Figure


@dataclass(frozen=True)
class Kind:
    """A thing class: how it is drawn, how large it is and where it stands."""

    draw: ModuleType  # look, colours, pose and figure
    size: float  # of the figure's unit, in picture heights, where `Backdrop.scale` is 1
    back: float  # farthest and nearest place to stand, from 0 (horizon) to 1 (lower border)
    front: float
    fill: float  # how much of its box it covers
    weight: float  # how often it comes
    mirrors: bool = True  # whether some look left


KINDS: dict[str, Kind] = {
    "person": Kind(person, size=0.40, back=0.33, front=0.95, fill=0.55, weight=0.30, mirrors=False),
    "car": Kind(car, size=0.40, back=0.58, front=0.95, fill=0.85, weight=0.18),
    "tree": Kind(tree, size=0.60, back=0.20, front=0.42, fill=0.60, weight=0.14),
    "ball": Kind(ball, size=0.115, back=0.40, front=0.96, fill=0.78, weight=0.12),
    "cat": Kind(cat, size=0.195, back=0.36, front=0.96, fill=0.60, weight=0.14),
    "house": Kind(house, size=0.56, back=0.15, front=0.28, fill=0.85, weight=0.12),
}
CLASSES = tuple(KINDS)


@dataclass(frozen=True)
class Actor:
    """One individual. Lengths are in picture heights, from the picture's upper left corner, y down."""

    kind: str  # one of CLASSES
    x: float  # where it stands on the ground
    y: float
    size: float  # length of the figure's unit: height of persons, trees, cats, houses; length of cars
    mirror: bool
    phase: float  # of its movement, radians
    look: tuple
    jitter: tuple[float, ...]  # four numbers in -1..1 that make its pose its own
    colours: Mapping[str, RGB] = field(repr=False)

    @classmethod
    def random(cls, rng: np.random.Generator, kind: str) -> "Actor":
        """An individual of the class at the origin, of size 1."""
        look, colours = KINDS[kind].draw.look(rng), KINDS[kind].draw.colours(rng)
        mirror = bool(rng.random() < 0.5) and KINDS[kind].mirrors
        return cls(kind, 0.0, 0.0, 1.0, mirror, _phase(rng), look, _jitter(rng), colours)

    def twin(self, rng: np.random.Generator) -> "Actor":
        """A nearly alike individual: the same build and clothes, colours off by a little, its own pose."""
        look = self.look
        if self.kind == "person":
            look = person.another_pose(look, rng)
        colours = {role: vary(rng, colour, 8) for role, colour in self.colours.items()}
        size = self.size * float(rng.uniform(0.95, 1.05))
        return replace(self, look=look, colours=colours, size=size, phase=_phase(rng), jitter=_jitter(rng))

    @property
    def figure(self) -> Figure:
        """The figure that draws this actor; actors of the same look share it."""
        return KINDS[self.kind].draw.figure(self.look, self.mirror)

    def box(self) -> tuple[float, float, float, float]:
        """The rough box of the actor at rest: x0, y0, x1, y1 in picture heights."""
        x0, y0, x1, y1 = self.figure.box
        size = self.size
        return self.x + size * x0, self.y + size * y0, self.x + size * x1, self.y + size * y1

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """The pairs (a [P], b [P]) that put each part of the figure in the picture: z -> a z + b."""
        angles, lift = KINDS[self.kind].draw.pose(self.look, self.phase, self.jitter)
        if self.mirror:
            angles = {name: -angle for name, angle in angles.items()}
        a, b = self.figure.pose(angles, lift)
        return self.size * np.array(a), self.size * np.array(b) + complex(self.x, self.y)


def _phase(rng: np.random.Generator) -> float:
    return float(rng.uniform(0, 2 * np.pi))


def _jitter(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(v) for v in rng.uniform(-1, 1, 4))
