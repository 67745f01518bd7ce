"""A `Scene`: actors on a street, placed by a seed; and the dials that make scenes harder."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lecturekit.town.backdrop import Backdrop
from lecturekit.town.cast import CLASSES, KINDS, Actor

TRIES = 18  # places tried for each actor
WORST = 0.6  # no actor should be hidden by more than this share of its box


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

        actors: fewest and most actors; classes: which thing classes may come.
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
                placed.append(_beside(rng, placed[-1], aspect))
            else:
                placed.append(_place(rng, new, placed, scale, hide, cut, backdrop, aspect))
        return cls(int(seed), tuple(placed), backdrop, float(aspect), bool(night))

    def render(self, size: int | tuple[int, int] = 128, *, night: bool | None = None, noise: bool = True):
        """Draw the scene; see `lecturekit.town.render.render`."""
        from lecturekit.town.render import render

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
    """Try some places and take the first that is as free, or as crowded, as wished; else the nearest to it."""
    kind = KINDS[actor.kind]
    fill = {id(a): KINDS[a.kind].fill for a in placed}
    before = _hidden(placed, fill)
    best, best_score = actor, np.inf
    child = actor.kind == "person" and actor.look[0] == "child"
    for _ in range(TRIES):
        depth = float(rng.uniform(kind.back, kind.front))
        y = backdrop.horizon + depth * (1 - backdrop.horizon)
        size = kind.size * scale * (0.62 + 0.55 * depth) * (0.74 if child else 1.0)
        x0, _, x1, _ = (size * v for v in actor.figure.box)
        if cut:
            out = float(rng.uniform(0.25, 0.5)) * (x1 - x0)
            x = -x0 - out if rng.random() < 0.5 else aspect - x1 + out
        else:
            x = float(rng.uniform(min(-x0, aspect / 2), max(aspect - x1, aspect / 2)))
        trial = replace(actor, x=x, y=y, size=size)
        fill[id(trial)] = kind.fill
        after = _hidden([*placed, trial], fill)
        change = max([after[-1], *(b - a for a, b in zip(before, after, strict=False))])
        goal = 0.3 if hide and placed else 0.0
        score = abs(change - goal) + 10 * max(0.0, max(after) - WORST)
        if score < best_score:
            best, best_score = trial, score
        if score < (0.18 if goal else 0.02):
            break
    return best


def _beside(rng, actor, aspect) -> Actor:
    """A near twin that touches the actor, on the side with more room."""
    twin = actor.twin(rng)
    x0, _, x1, _ = actor.box()
    step = float(rng.uniform(0.55, 0.85)) * (x1 - x0)
    side = 1 if (x0 + x1) / 2 < aspect / 2 else -1
    return replace(twin, x=actor.x + side * step, y=actor.y + float(rng.uniform(-0.012, 0.012)))


def _hidden(actors: list[Actor], fill: dict[int, float]) -> list[float]:
    """Roughly which share of each actor is hidden, from boxes and how well each class fills its own."""
    boxes = [actor.box() for actor in actors]
    shares = []
    for a, (x0, y0, x1, y1) in zip(actors, boxes, strict=True):
        covered = 0.0
        for b, (u0, v0, u1, v1) in zip(actors, boxes, strict=True):
            if b.y > a.y:
                overlap = max(0.0, min(x1, u1) - max(x0, u0)) * max(0.0, min(y1, v1) - max(y0, v0))
                covered += overlap * fill[id(b)]
        shares.append(covered / ((x1 - x0) * (y1 - y0)))
    return shares
