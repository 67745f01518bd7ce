"""A `Scene`: actors on a street, placed by a seed; and the dials that make scenes harder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lecturekit.town.backdrop import Backdrop
from lecturekit.town.cast import CLASSES, KINDS, Actor
from lecturekit.town.figures import person
from lecturekit.town.render import Labels, render

TRIES = 18  # places tried for each actor
PARTLY = 0.3  # the share hidden that is aimed at where an actor shall hide another or be hidden
WORST = 0.6  # the share that should stay the most


@dataclass(frozen=True)
class Scene:
    """Actors on a street, free of any picture size: lengths are in picture heights, y down.

    `aspect` is the width of the street that was filled; a picture of another shape shows its middle.
    `shift` is how far the camera has turned right, `drift` how far clouds have moved: both 0 but in a clip.
    """

    seed: int
    actors: tuple[Actor, ...]
    backdrop: Backdrop = field(repr=False)
    aspect: float = 1.0
    night: bool = False
    shift: float = 0.0
    drift: float = 0.0
    frame: int = 0

    @classmethod
    def random(
        cls,
        seed: int,
        *,
        actors: tuple[int, int] = (2, 8),
        classes: Sequence[str] = CLASSES,
        alike: float = 0.0,
        occlusion: float = 0.34,
        truncation: float = 0.08,
        small: float = 0.0,
        night: bool = False,
        aspect: float = 1.0,
    ) -> "Scene":
        """The scene of a seed.

        actors: fewest and most actors; classes: which thing classes may come, one named twice twice as often.
        alike: share of actors that are near twins of the one before, touching it.
        occlusion: share of actors put where they hide or are hidden in part.
        truncation: share of actors cut by the left or right border. small: share of actors of half the size.
        aspect: width of the filled street in picture heights.
        Raises ValueError for a dial outside its range or an unknown class.
        """
        _check(
            seed,
            actors,
            classes,
            aspect,
            alike=alike,
            occlusion=occlusion,
            truncation=truncation,
            small=small,
        )
        backdrop = Backdrop.random(np.random.default_rng([seed, 1]), aspect)
        rng = np.random.default_rng([seed, 2])
        weights = np.array([KINDS[name].weight for name in classes])
        count = int(rng.integers(actors[0], actors[1] + 1))
        placed: list[Actor] = []
        for _ in range(count):
            kind = classes[int(rng.choice(len(classes), p=weights / weights.sum()))]
            new, twin = Actor.random(rng, kind), rng.random() < alike
            scale = float(rng.uniform(0.88, 1.12)) * (0.5 if rng.random() < small else 1.0)
            hide, cut = rng.random() < occlusion, rng.random() < truncation
            if twin and placed:
                placed.append(_beside(rng, placed[-1], placed, aspect))
            else:
                placed.append(_place(rng, new, placed, scale, hide, cut, backdrop, aspect))
        return cls(int(seed), tuple(placed), backdrop, float(aspect), bool(night))

    def render(
        self, size: int | tuple[int, int] = 128, *, night: bool | None = None, noise: bool = True
    ) -> Labels:
        """Draw the scene; see `lecturekit.town.render.render`."""
        return render(self, size, night=night, noise=noise)

    def order(self) -> list[int]:
        """Indices of the actors from the farthest to the nearest."""
        return sorted(range(len(self.actors)), key=lambda k: (self.actors[k].y, k))


def _check(seed, actors, classes, aspect, **dials) -> None:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"seed must be a whole number >= 0, got {seed!r}")
    whole = isinstance(actors, tuple | list) and len(actors) == 2 and all(isinstance(v, int) for v in actors)
    if not whole or not 0 <= actors[0] <= actors[1] <= 60:
        raise ValueError(f"actors must be (fewest, most) with 0 <= fewest <= most <= 60, got {actors!r}")
    if isinstance(classes, str) or not classes or any(name not in KINDS for name in classes):
        raise ValueError(f"classes must name some of {CLASSES}, got {classes!r}")
    if not 0.25 <= aspect <= 4:
        raise ValueError(f"aspect must lie in 0.25..4 (width / height), got {aspect!r}")
    for name, value in dials.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in 0..1, got {value!r}")


def _place(rng, actor, placed, scale, hide, cut, backdrop, aspect) -> Actor:
    """Try some places; take the first that is as free, or as crowded, as wished, else the nearest to that."""
    kind = KINDS[actor.kind]
    scale *= kind.size * (person.CHILD if actor.kind == "person" and actor.look[0] == "child" else 1.0)
    others = [_Spot(a) for a in placed]
    hidden = [sum(_cover(a, b) for b in others) for a in others]
    best, best_score = actor, np.inf
    for _ in range(TRIES):
        y = backdrop.horizon + float(rng.uniform(kind.back, kind.front)) * (1 - backdrop.horizon)
        size = scale * backdrop.scale(y)
        x0, x1 = size * actor.figure.box[0], size * actor.figure.box[2]
        if cut:
            out = float(rng.uniform(0.25, 0.5)) * (x1 - x0)
            x = -x0 - out if rng.random() < 0.5 else aspect - x1 + out
        else:
            x = float(rng.uniform(min(-x0, aspect / 2), max(aspect - x1, aspect / 2)))
        trial = replace(actor, x=x, y=y, size=size)
        spot = _Spot(trial)
        own = sum(_cover(spot, other) for other in others)
        more = [_cover(other, spot) for other in others]
        worst = max([own, *(h + m for h, m in zip(hidden, more, strict=True))])
        goal = PARTLY if hide and placed else 0.0
        score = abs(max([own, *more]) - goal) + 10 * max(0.0, worst - WORST)
        if score < best_score:
            best, best_score = trial, score
        if score < (0.6 * PARTLY if goal else 0.02):
            break
    return best


def _beside(rng, actor, placed, aspect) -> Actor:
    """A near twin that touches the actor, on the side where it hides less and stays more in the picture."""
    twin = actor.twin(rng)
    x0, _, x1, _ = actor.box()
    step, y = float(rng.uniform(0.55, 0.85)) * (x1 - x0), actor.y + float(rng.uniform(-0.012, 0.012))
    others = [_Spot(other) for other in placed]
    best, best_score = twin, np.inf
    for side in (-1, 1):
        trial = replace(twin, x=actor.x + side * step, y=y)
        spot = _Spot(trial)
        outside = max(0.0, -spot.x0, spot.x1 - aspect) / (x1 - x0)
        score = outside + max(max(_cover(other, spot), _cover(spot, other)) for other in others)
        if score < best_score:
            best, best_score = trial, score
    return best


class _Spot:
    """Where an actor stands: its box, its depth, and how well its class fills its box."""

    def __init__(self, actor: Actor) -> None:
        self.x0, self.y0, self.x1, self.y1 = actor.box()
        self.depth, self.fill = actor.y, KINDS[actor.kind].fill


def _cover(back: _Spot, front: _Spot) -> float:
    """Roughly which share of `back` is hidden by `front`; 0 if it is not in front."""
    if front.depth <= back.depth:
        return 0.0
    width = min(back.x1, front.x1) - max(back.x0, front.x0)
    height = min(back.y1, front.y1) - max(back.y0, front.y0)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height * front.fill / ((back.x1 - back.x0) * (back.y1 - back.y0))
