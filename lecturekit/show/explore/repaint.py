"""Repaint a label map, and see what Pix2Pix makes of it."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from lecturekit.data.views import label_picture
from lecturekit.metrics.judges import read
from lecturekit.show.explore.live import live
from lecturekit.show.generated import sheet
from lecturekit.town import SEMANTIC, Scene

MOVE = 32  # pixels that the region may be moved to either side


def repainted(scene: Scene, who: int, painted: str, right: int = 0, down: int = 0, size: int = 128) -> tuple:
    """The scene's semantic map int [H, W] with actor `who` moved and painted as another class.

    Returns it and the region bool [H, W]: the part of the actor that was visible, at its new place. What was
    behind it appears where it stood. ValueError for an actor that can't be seen, or no class of SEMANTIC.
    """
    if painted not in SEMANTIC:
        raise ValueError(f"painted must be one of {', '.join(SEMANTIC)}, got {painted!r}")
    region = scene.render(size, noise=False).ids == who + 1
    if not region.any():
        raise ValueError(f"who: actor {who} can't be seen in the scene")
    others = tuple(actor for k, actor in enumerate(scene.actors) if k != who)
    behind = replace(scene, actors=others).render(size, noise=False).semantic
    rows, columns = np.nonzero(region)
    rows, columns = rows + int(down), columns + int(right)
    inside = (rows >= 0) & (rows < size) & (columns >= 0) & (columns < size)
    moved = np.zeros_like(region)
    moved[rows[inside], columns[inside]] = True
    return np.where(moved, SEMANTIC.index(painted), behind), moved


def repaint_facts(model, scene: Scene, who: int, painted: str, right: int = 0, down: int = 0) -> dict:
    """`labels` [3, H, W] (the label map as a picture), `made` [3, H, W] (its translation), `seen` [H, W]
    (what the segmenter reads in it) and `share`: the part of the region that it reads as painted (None for
    none).
    """
    semantic, region = repainted(scene, who, painted, right, down)
    pixels = label_picture(semantic).transpose(2, 0, 1).astype(np.float32) / 255
    labels = torch.from_numpy(pixels)
    made = model.translate(labels[None])
    seen = read(made)[0]
    hits = (seen == SEMANTIC.index(painted))[torch.from_numpy(region)]
    return {
        "labels": labels,
        "made": made[0],
        "seen": seen,
        "share": hits.float().mean().item() if len(hits) else None,
    }


def draw_repainted(model, scene: Scene, who: int, painted: str, right: int = 0, down: int = 0):
    """A picture: the label map as painted, its translation, and what the segmenter reads in that."""
    facts = repaint_facts(model, scene, who, painted, right, down)
    titles = [f"label map: {painted}", "Pix2Pix", "read by the segmenter"]
    return sheet(
        [[facts["labels"], facts["made"], _coloured(facts["seen"])]], titles=titles, size=330, letters=18
    )


def repaint(model, scene: Scene, who: int, painted: str):
    """The widget: what the region of one actor is painted as, and where it goes."""

    def describe(painted, right, down):
        facts = repaint_facts(model, scene, who, painted, int(right), int(down))
        share = "nothing of it is inside" if facts["share"] is None else f"<b>{facts['share']:.0%}</b> of it"
        return f"Painted as {painted}, moved by ({right:.0f}, {down:.0f}): the segmenter reads {share} so."

    return live(
        lambda painted, right, down: draw_repainted(model, scene, who, painted, int(right), int(down)),
        describe,
        {
            "right": ("to the right", -MOVE, MOVE, 2, 0),
            "down": ("down", -MOVE, MOVE, 2, 0),
            "painted": ("painted as", list(SEMANTIC), painted),
        },
    )


def _coloured(seen: Tensor) -> np.ndarray:
    return label_picture(seen.numpy())
