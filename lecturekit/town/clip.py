"""A `Clip`: a scene in motion, with ids that stay and optical flow that is exact."""

from dataclasses import dataclass, field, replace

import numpy as np

from lecturekit.town.backdrop import Backdrop
from lecturekit.town.cast import Actor
from lecturekit.town.render import Labels, render
from lecturekit.town.scene import Scene


@dataclass(frozen=True)
class Motion:
    """How an actor moves from frame to frame: along the street, towards us, and through its cycle."""

    dx: float = 0.0  # picture heights
    dy: float = 0.0
    dphase: float = 0.0  # radians


@dataclass(frozen=True)
class Clip:
    """`frames` pictures of one scene. `clip[t]` is a Scene; actor k is the same individual in all of them."""

    start: Scene
    motions: tuple[Motion, ...] = field(repr=False)
    frames: int = 9
    pan: float = 0.0  # picture heights by which the camera turns right from frame to frame
    drift: float = 0.0  # of the clouds

    @classmethod
    def random(cls, seed: int, frames: int = 9, *, pan: float | None = None, **dials) -> "Clip":
        """The clip of a seed; its first frame is `Scene.random(seed, **dials)`.

        pan: turn of the camera per frame in picture heights; None lets the seed choose one in -0.012..0.012.
        Raises ValueError for fewer than one frame, or a bad dial.
        """
        if not isinstance(frames, int | np.integer) or frames < 1:
            raise ValueError(f"frames must be a whole number >= 1, got {frames!r}")
        scene = Scene.random(seed, **dials)
        rng = np.random.default_rng([seed, 4])
        chosen = float(rng.uniform(-0.012, 0.012))
        motions = tuple(_motion(rng, actor) for actor in scene.actors)
        return cls(
            scene,
            motions,
            int(frames),
            chosen if pan is None else float(pan),
            float(rng.uniform(0.001, 0.004)),
        )

    def __len__(self) -> int:
        return self.frames

    def __getitem__(self, t: int) -> Scene:
        if not 0 <= t < self.frames:
            raise IndexError(f"frame {t} of a clip of {self.frames}")
        actors = tuple(
            _moved(a, m, t, self.start.backdrop) for a, m in zip(self.start.actors, self.motions, strict=True)
        )
        return replace(self.start, actors=actors, shift=t * self.pan, drift=t * self.drift, frame=t)

    def render(
        self, size: int | tuple[int, int] = 128, *, night: bool | None = None, noise: bool = True
    ) -> list[Labels]:
        """All frames with their labels."""
        return [render(self[t], size, night=night, noise=noise) for t in range(self.frames)]

    def flow(self, t: int, size: int | tuple[int, int] = 128, to: int | None = None) -> np.ndarray:
        """How far away each pixel of frame t is in frame `to` (t + 1 by default); see `flow_between`.

        Raises IndexError when there is no such frame.
        """
        frames = (self[t], self[t + 1 if to is None else to])
        return flow_between(*(render(scene, size, noise=False) for scene in frames))


def flow_between(now: Labels, then: Labels) -> np.ndarray:
    """How far away each pixel of one frame of a clip is in another: float32 [H,W,2], (dx, dy) in pixels.

    Exact: what a pixel's centre shows belongs to a rigid part, whose similarity is known in both frames. The
    place may be hidden in the other frame, or outside the picture.
    """
    height, width = now.part.shape
    (a, b), (c, d) = now.motion.T, then.motion.T
    turn, part = c / a, now.part
    z = np.arange(width)[None, :] + 0.5 + 1j * (np.arange(height)[:, None] + 0.5)
    moved = turn[part] * z + (d - turn * b)[part] - z
    return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)


def _motion(rng: np.random.Generator, actor: Actor) -> Motion:
    speed, side = float(rng.uniform(0.7, 1.3)), -1 if rng.random() < 0.5 else 1
    near = float(rng.uniform(-0.002, 0.002))
    ahead = -1 if actor.mirror else 1
    if actor.kind == "person":
        turn, action = actor.look[3:]
        if action == "walk":
            return Motion(0.045 * actor.size * speed * (turn or 1), near, 0.55 * speed)
        return Motion(0, 0, 0.5 * speed)
    if actor.kind == "car":
        dx = 0.06 * actor.size * speed * ahead
        return Motion(dx, 0, dx / (0.092 * actor.size))
    if actor.kind == "ball":
        dx = 0.14 * actor.size * speed * side
        return Motion(dx, near, 2 * dx / actor.size)
    if actor.kind == "cat":
        trots = actor.look[0] == "trot"
        return Motion(0.09 * actor.size * speed * ahead * trots, near * trots, 0.7 * speed)
    return Motion(0, 0, 0.35 * speed if actor.kind == "tree" else 0)


def _moved(actor: Actor, motion: Motion, t: int, backdrop: Backdrop) -> Actor:
    """The actor at frame t, larger where it has come nearer."""
    y = actor.y + t * motion.dy
    return replace(
        actor,
        x=actor.x + t * motion.dx,
        y=y,
        size=actor.size * backdrop.scale(y) / backdrop.scale(actor.y),
        phase=actor.phase + t * motion.dphase,
    )
