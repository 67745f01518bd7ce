"""Draw a scene: one map of numbers gives the picture and every label.

Each polygon is painted once, with a number of its own, into a map three times as large as the picture. Looked
up in a table of colours and averaged 3 x 3 it is the picture; looked up at the middle of each 3 x 3 block in
the tables of actors, rigid parts and stuff it is the labels. So picture and labels agree, day and night.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from lecturekit.town import palette
from lecturekit.town.backdrop import LEVELS, STUFF
from lecturekit.town.cast import CLASSES
from lecturekit.town.figures.person import BODY_KEYPOINTS, FACE_LANDMARKS
from lecturekit.town.sketch import ellipse

if TYPE_CHECKING:
    from lecturekit.town.scene import Scene

SEMANTIC = STUFF + CLASSES
SUPER = 3  # supersampling
SNAP = 16  # coordinates are rounded to 1 / SNAP pixel
SHADOW = 0.72
NOISE = 4  # grey levels of sensor noise


@dataclass(frozen=True)
class Labels:
    """A picture [H,W] of a scene and all that is known of it. N counts the actors with a visible pixel."""

    image: np.ndarray  # uint8 [H,W,3], RGB
    ids: np.ndarray  # int32 [H,W]: 0 no actor, k + 1 for scene.actors[k]
    semantic: np.ndarray  # uint8 [H,W]: index into SEMANTIC
    part: np.ndarray = field(repr=False)  # int32 [H,W]: row of `motion`, the rigid part seen at each pixel
    labels: np.ndarray  # int64 [N]: 1 + index into CLASSES
    boxes: np.ndarray  # float32 [N,4]: x1, y1, x2, y2 in pixels, tight; x2 = last column + 1
    masks: np.ndarray  # bool [N,H,W]: visible pixels
    actor: np.ndarray  # int64 [N]: index into scene.actors
    visibility: np.ndarray  # float32 [N]: visible share of the actor's area inside the picture
    body: (
        np.ndarray
    )  # float32 [N,17,3]: x, y in pixels and 0 outside, 1 hidden, 2 visible; zeros for non-persons
    face: np.ndarray  # float32 [N,5,3]: likewise
    motion: np.ndarray = field(
        repr=False
    )  # complex [P,2]: (a, b) of each rigid part, z -> a z + b, in pixels

    def panoptic(self) -> dict:
        """`id_map` int32 [H,W] and `segments` with `id`, `category_id` (index into SEMANTIC) and `isthing`.

        Things have the ids of their actors (k + 1), stuff has ids beyond; together they fill the picture.
        """
        first = int(self.actor.max(initial=-1)) + 2
        id_map = np.where(self.ids > 0, self.ids, first + self.semantic.astype(np.int32))
        segments = [
            {"id": int(k) + 1, "category_id": len(STUFF) + int(label) - 1, "isthing": True}
            for k, label in zip(self.actor, self.labels, strict=True)
        ]
        present = np.unique(self.semantic[self.ids == 0])
        segments += [{"id": first + int(s), "category_id": int(s), "isthing": False} for s in present]
        return {"id_map": id_map, "segments": segments}


def picture_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a size given as one number or a pair. Raises ValueError outside 16..2048 pixels."""
    pair = tuple(size) if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2 or not all(isinstance(v, int | np.integer) and 16 <= v <= 2048 for v in pair):
        raise ValueError(
            f"size must be a whole number or (height, width), each 16..2048 pixels, got {size!r}"
        )
    return int(pair[0]), int(pair[1])


def render(
    scene: Scene, size: int | tuple[int, int] = 128, *, night: bool | None = None, noise: bool = True
) -> Labels:
    """Draw `scene` at `size` pixels: one number for a square, or (height, width).

    night: None draws the scene's own time of day. Labels are the same by day and by night.
    noise: add the grain of a camera, the same for the same seed and size.
    Raises ValueError for a size outside 16..2048 pixels.
    """
    height, width = picture_size(size)
    night = scene.night if night is None else night
    stage = _Stage(scene, height, width)
    numbers, areas = stage.paint()
    image = stage.colour(numbers, night)
    if noise:
        grain = np.random.default_rng([scene.seed, 3, scene.frame]).integers(
            -NOISE, NOISE + 1, image.shape, dtype=np.int8
        )
        image = np.clip(image + grain.astype(np.int16), 0, 255).astype(np.uint8)
    small = numbers[SUPER // 2 :: SUPER, SUPER // 2 :: SUPER]
    ids = stage.actor.take(small)
    return _label(scene, stage, image, ids, stage.stuff.take(small), stage.part.take(small), areas)


def _label(scene, stage, image, ids, semantic, part, areas) -> Labels:
    counts = np.bincount(ids.ravel(), minlength=len(scene.actors) + 1)[1:]
    actor = np.flatnonzero(counts)
    masks = ids[None] == (actor + 1)[:, None, None]
    boxes = np.zeros((len(actor), 4), np.float32)
    body = np.zeros((len(actor), len(BODY_KEYPOINTS), 3), np.float32)
    face = np.zeros((len(actor), len(FACE_LANDMARKS), 3), np.float32)
    for row, k in enumerate(actor):
        columns, lines = np.flatnonzero(masks[row].any(0)), np.flatnonzero(masks[row].any(1))
        boxes[row] = columns[0], lines[0], columns[-1] + 1, lines[-1] + 1
        if scene.actors[k].kind == "person":
            body[row] = stage.marks(k, BODY_KEYPOINTS, ids)
            face[row] = stage.marks(k, FACE_LANDMARKS, ids)
    return Labels(
        image=image,
        ids=ids,
        semantic=semantic,
        part=part,
        labels=np.array([CLASSES.index(scene.actors[k].kind) + 1 for k in actor], dtype=np.int64),
        boxes=boxes,
        masks=masks,
        actor=actor.astype(np.int64),
        visibility=(counts[actor] / np.maximum(areas[actor], 1)).astype(np.float32),
        body=body,
        face=face,
        motion=np.stack([stage.a, stage.b], axis=1),
    )


class _Stage:
    """The numbers of all polygons, and what each stands for."""

    def __init__(self, scene: Scene, height: int, width: int) -> None:
        self.scene, self.height, self.width = scene, height, width
        self.order = scene.order()
        patches = len(scene.backdrop.patches)
        self.bare = LEVELS + patches  # numbers of stuff; the same again in shadow; then shapes of the actors
        shapes = [len(scene.actors[k].figure.shapes) for k in self.order]
        starts = 2 * self.bare + np.cumsum([0, *shapes])
        self.start = {k: int(v) for k, v in zip(self.order, starts, strict=False)}
        total = int(starts[-1])

        # picture heights -> pixels: the middle of the street stands in the middle of the picture
        origin = complex((width - scene.aspect * height) / 2 - scene.shift * height, 0)
        parts = [scene.actors[k].parts() for k in range(len(scene.actors))]
        self.first = 2 + np.cumsum([0, *(len(a) for a, _ in parts)])
        ground = (np.array([1, 1], complex), np.array([0, scene.drift], complex))
        a, b = (np.concatenate(v) for v in zip(ground, *parts, strict=True))
        self.a, self.b = height * a, height * b + origin

        stuff = np.array([p.stuff for p in scene.backdrop.patches], np.uint8)
        cloud = np.array([p.cloud for p in scene.backdrop.patches], np.int32)
        self.actor = np.zeros(total, np.int32)
        self.part = np.zeros(total, np.int32)
        self.stuff = np.zeros(total, np.uint8)
        self.stuff[: 2 * self.bare] = np.tile(np.concatenate([scene.backdrop.bands(), stuff]), 2)
        self.part[LEVELS : self.bare] = self.part[self.bare + LEVELS : 2 * self.bare] = cloud
        for k in self.order:
            actor, at = scene.actors[k], self.start[k]
            numbers = slice(at, at + len(actor.figure.shapes))
            self.actor[numbers] = k + 1
            self.stuff[numbers] = len(STUFF) + CLASSES.index(actor.kind)
            self.part[numbers] = self.first[k] + np.array([s.part for s in actor.figure.shapes])

    def paint(self) -> tuple[np.ndarray, np.ndarray]:
        """The map of numbers, uint16 [3H,3W], and the area in pixels of each actor in the picture."""
        shape = (SUPER * self.height, SUPER * self.width)
        levels = (np.arange(shape[0]) * LEVELS // shape[0]).astype(np.uint16)
        numbers = np.repeat(levels[:, None], shape[1], axis=1)
        draw = _canvas(numbers, "I;16")
        patches = self.scene.backdrop.patches
        points = np.array([z for patch in patches for z in patch.points])
        owner = np.repeat([int(p.cloud) for p in patches], [len(p.points) for p in patches])
        flat, at = self._snap(self.a[owner] * points + self.b[owner]), 0
        for number, patch in enumerate(patches, LEVELS):
            stop = at + 2 * len(patch.points)
            draw.polygon(flat[at:stop], fill=number)
            at = stop
        self._shadows(numbers)
        areas = np.zeros(len(self.scene.actors), np.int64)
        for k in self.order:
            areas[k] = self._paint_actor(k, numbers, draw)
        return numbers, areas

    def _paint_actor(self, k: int, numbers: np.ndarray, draw: ImageDraw.ImageDraw) -> int:
        figure, start, first = self.scene.actors[k].figure, self.start[k], self.first[k]
        owner = first + figure.owner
        z = self.a[owner] * figure.points + self.b[owner]
        flat = self._snap(z)
        for number, shape in enumerate(figure.shapes, start):
            draw.polygon(flat[2 * shape.start : 2 * shape.stop], fill=number)
        x0, x1 = (min(max(int(v), 0), self.width) for v in (z.real.min() - 1, z.real.max() + 2))
        y0, y1 = (min(max(int(v), 0), self.height) for v in (z.imag.min() - 1, z.imag.max() + 2))
        middle = SUPER // 2
        own = numbers[y0 * SUPER + middle : y1 * SUPER : SUPER, x0 * SUPER + middle : x1 * SUPER : SUPER]
        return int(np.count_nonzero(own >= start))  # whatever is nearer has not been painted yet

    def _shadows(self, numbers: np.ndarray) -> None:
        shade = np.zeros(numbers.shape, np.uint8)
        draw = _canvas(shade, "L")
        for actor in self.scene.actors:
            x0, _, x1, _ = actor.figure.box
            half = 0.5 * actor.size * (x1 - x0) * (1.0 if actor.kind in ("car", "house", "ball") else 0.8)
            middle = actor.x + actor.size * (x0 + x1) / 2 + 0.25 * half
            spot = np.array(ellipse(middle, actor.y, 1.05 * half, 0.22 * half + 0.006, 16))
            draw.polygon(self._snap(self.a[0] * spot + self.b[0]), fill=1)
        top = int(self.scene.backdrop.horizon * numbers.shape[0])
        numbers[top:] += shade[top:] * np.uint16(self.bare)

    def _snap(self, z: np.ndarray) -> list[int]:
        """Points in pixels, rounded to 1/16, as x, y, ... in the pixels of the large map."""
        fine = np.rint(z.view(np.float64) * SNAP).astype(np.int64)
        return (fine * SUPER // SNAP).tolist()

    def colour(self, numbers: np.ndarray, night: bool) -> np.ndarray:
        """The picture, uint8 [H,W,3], of a map of numbers."""
        backdrop = self.scene.backdrop
        rows = backdrop.rows(night)
        bare = np.concatenate([rows, backdrop.colours(rows, night)])
        shadow = bare * (0.86 if night else SHADOW)
        colours = [bare, shadow, *(self._actor_colours(k, night) for k in self.order)]
        table = np.zeros((len(self.actor), 4), np.uint8)
        table[:, :3] = np.clip(np.concatenate(colours), 0, 255)
        fine = table.view(np.uint32)[:, 0].take(numbers)
        large = Image.frombuffer("RGBX", numbers.shape[::-1], fine, "raw", "RGBX", 0, 1)
        image = np.asarray(large.reduce(SUPER))[:, :, :3]
        if night:
            image = self._shine(image, numbers[SUPER // 2 :: SUPER, SUPER // 2 :: SUPER])
        return image

    def _actor_colours(self, k: int, night: bool) -> np.ndarray:
        actor = self.scene.actors[k]
        shapes = actor.figure.shapes
        colours = np.array([actor.colours[s.role] for s in shapes], float)
        colours = palette.shade(colours, np.array([s.shade for s in shapes]))
        if night:
            colours = palette.night(colours)
            for row, shape in enumerate(shapes):
                if shape.glow is not None:
                    colours[row] = shape.glow
        return colours

    def _shine(self, image: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Add the pools of light of windows and cars, but not on what stands nearer."""
        light = image.astype(np.float32)
        for k in self.order:
            stop = self.start[k] + len(self.scene.actors[k].figure.shapes)
            for lamp in self.scene.actors[k].figure.lamps:
                a, b = self.a[self.first[k] + lamp.part], self.b[self.first[k] + lamp.part]
                centre, rx, ry = a * lamp.point + b, abs(a) * lamp.radii[0], abs(a) * lamp.radii[1]
                x0, x1 = max(int(centre.real - 2.5 * rx), 0), max(int(centre.real + 2.5 * rx) + 1, 0)
                y0, y1 = max(int(centre.imag - 2.5 * ry), 0), max(int(centre.imag + 2.5 * ry) + 1, 0)
                x = np.exp(-(((np.arange(x0, min(x1, self.width)) + 0.5 - centre.real) / rx) ** 2))
                y = np.exp(-(((np.arange(y0, min(y1, self.height)) + 0.5 - centre.imag) / ry) ** 2))
                pool = (y[:, None] * x)[:, :, None] * (0.45 * np.array(lamp.colour))
                light[y0:y1, x0:x1] += pool * (seen[y0:y1, x0:x1, None] < stop)
        return np.clip(light, 0, 255).astype(np.uint8)

    def marks(self, k: int, names: tuple[str, ...], ids: np.ndarray) -> np.ndarray:
        """Named points of an actor, [K,3]: x, y in pixels and 0 outside the picture, 1 hidden, 2 visible."""
        figure = self.scene.actors[k].figure
        part, at = zip(*(figure.marks[name] for name in names), strict=True)
        part = self.first[k] + np.array(part)
        z = self.a[part] * np.array(at) + self.b[part]
        x, y = np.floor(z.real).astype(int), np.floor(z.imag).astype(int)
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        own = ids[np.clip(y, 0, self.height - 1), np.clip(x, 0, self.width - 1)] == k + 1
        return np.stack([z.real, z.imag, np.where(inside, np.where(own, 2, 1), 0)], axis=1)


def _canvas(array: np.ndarray, mode: str) -> ImageDraw.ImageDraw:
    """A pen that draws straight into a numpy array."""
    image = Image.frombuffer(mode, array.shape[::-1], array, "raw", mode, 0, 1)
    image.readonly = 0
    return ImageDraw.Draw(image)
