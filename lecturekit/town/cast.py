"""Who lives in Toy Town: the thing classes with their figures, sizes and places, and the `Actor`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from lecturekit.town import people, things
from lecturekit.town.palette import vary
from lecturekit.town.sketch import RGB, Figure


@dataclass(frozen=True)
class Kind:
    """A thing class: how it is drawn, how large it is and where it stands."""

    look: Callable[[np.random.Generator], tuple]
    colours: Callable[[np.random.Generator], dict[str, RGB]]
    pose: Callable[[tuple, float, tuple[float, ...]], tuple[dict[str, float], complex]]
    figure: Callable[[tuple, bool], Figure]
    size: float  # of the figure's unit, in picture heights, on the pavement in the middle distance
    front: float  # nearest and farthest place to stand, from 0 (horizon) to 1 (lower border)
    back: float
    fill: float  # how much of its box it covers
    weight: float  # how often it comes
    mirrors: bool = True


KINDS: dict[str, Kind] = {
    "person": Kind(
        people.look, people.colours, people.pose, people.figure, 0.40, 0.95, 0.33, 0.55, 0.30, mirrors=False
    ),
    "car": Kind(
        things.car_look, things.car_colours, things.car_pose, things.car_figure, 0.40, 0.95, 0.58, 0.85, 0.18
    ),
    "tree": Kind(
        things.tree_look,
        things.tree_colours,
        things.tree_pose,
        things.tree_figure,
        0.60,
        0.42,
        0.20,
        0.6,
        0.14,
    ),
    "ball": Kind(
        things.ball_look,
        things.ball_colours,
        things.ball_pose,
        things.ball_figure,
        0.115,
        0.96,
        0.40,
        0.78,
        0.12,
    ),
    "cat": Kind(
        things.cat_look, things.cat_colours, things.cat_pose, things.cat_figure, 0.195, 0.96, 0.36, 0.6, 0.14
    ),
    "house": Kind(
        things.house_look,
        things.house_colours,
        things.house_pose,
        things.house_figure,
        0.56,
        0.28,
        0.15,
        0.85,
        0.12,
    ),
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
        k = KINDS[kind]
        look, colours = k.look(rng), k.colours(rng)
        mirror = bool(rng.random() < 0.5) and k.mirrors
        phase = float(rng.uniform(0, 2 * np.pi))
        jitter = tuple(float(v) for v in rng.uniform(-1, 1, 4))
        return cls(kind, 0.0, 0.0, 1.0, mirror, phase, look, jitter, colours)

    def twin(self, rng: np.random.Generator) -> "Actor":
        """A nearly alike individual: the same build and clothes, colours off by a little, its own pose."""
        other = KINDS[self.kind].look(rng)
        look = (*self.look[:3], *other[3:]) if self.kind == "person" else self.look
        colours = {role: vary(rng, colour, 8) for role, colour in self.colours.items()}
        jitter = tuple(float(v) for v in rng.uniform(-1, 1, 4))
        phase, size = float(rng.uniform(0, 2 * np.pi)), self.size * float(rng.uniform(0.95, 1.05))
        return replace(self, look=look, colours=colours, jitter=jitter, phase=phase, size=size)

    @property
    def figure(self) -> Figure:
        """The figure that draws this actor; figures are shared by actors of the same look."""
        return KINDS[self.kind].figure(self.look, self.mirror)

    def box(self) -> tuple[float, float, float, float]:
        """The rough box of the actor at rest, x0, y0, x1, y1 in picture heights."""
        x0, y0, x1, y1 = self.figure.box
        return (
            self.x + self.size * x0,
            self.y + self.size * y0,
            self.x + self.size * x1,
            self.y + self.size * y1,
        )

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """The pairs (a [P], b [P]) that put each part of the figure in the picture: z -> a z + b."""
        kind = KINDS[self.kind]
        angles, lift = kind.pose(self.look, self.phase, self.jitter)
        if self.mirror:
            angles = {name: -angle for name, angle in angles.items()}
        a, b = self.figure.pose(angles, lift)
        return self.size * np.array(a), self.size * np.array(b) + complex(self.x, self.y)
