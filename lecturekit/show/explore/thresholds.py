"""From hundreds of raw boxes to a handful of objects: the two thresholds behind a detector's answer."""

import contextlib

import torch
from torch import Tensor

from lecturekit.layers import boxes as B
from lecturekit.show.explore.live import BLUE, GREY, ORANGE, PURPLE, live

MATCH = 0.5  # the IoU from which a box counts as having found an object
COLOURS = {"found": BLUE, "double": ORANGE, "false": PURPLE, "missed": GREY}
STYLES = {"found": "-", "double": "--", "false": ":", "missed": "-."}


@torch.no_grad()
def raw_detections(model, image: Tensor, *, score: float = 0.05, most: int = 300) -> dict[str, Tensor]:
    """What the model would answer without non-maximum suppression: boxes [D, 4], labels [D], scores [D].

    Scores are at least `score`. The model's own thresholds are put back afterwards.
    """
    names = ("score_threshold", "nms_threshold", "detections_per_image")
    with contextlib.ExitStack() as stack:
        for name, value in zip(names, (score, 1.0, most), strict=True):
            stack.callback(setattr, model, name, getattr(model, name))
            setattr(model, name, value)
        answer = model([image])[0]
    return {key: answer[key] for key in ("boxes", "labels", "scores")}


def judge(detections: dict, target: dict, *, score: float, nms: float) -> dict:
    """Apply both thresholds to raw detections and say what became of every box.

    A kept box has `found` an object of its class with an IoU of at least 0.5 that no better box has found;
    it is a `double` if the object was taken already, otherwise `false`. `missed` are objects nobody found.

    Returns the counts by these names, and `boxes`: [(kind, box [4], label, score or None)].
    """
    enough = detections["scores"] >= score
    boxes, labels, scores = (detections[key][enough] for key in ("boxes", "labels", "scores"))
    kept = B.batched_nms(boxes, scores, labels, nms)
    taken: set[int] = set()
    listed = []
    overlaps = B.iou(boxes, target["boxes"])  # [D, N]
    for i in kept.tolist():
        good = (overlaps[i] >= MATCH) & (target["labels"] == labels[i])
        objects = [n for n in overlaps[i].argsort(descending=True).tolist() if good[n]]
        free = [n for n in objects if n not in taken]
        taken.update(free[:1])
        kind = "found" if free else "double" if objects else "false"
        listed.append((kind, boxes[i], int(labels[i]), scores[i].item()))
    for n in range(len(target["boxes"])):
        if n not in taken:
            listed.append(("missed", target["boxes"][n], int(target["labels"][n]), None))
    counts = {kind: sum(kind == k for k, *_ in listed) for kind in COLOURS}
    return {**counts, "boxes": listed}


def draw_verdicts(
    image: Tensor, detections: dict, target: dict, *, score: float, nms: float, names=None, ax=None
):
    """A figure (or `ax`): the picture [3, H, W], every box in the colour and line of what became of it."""
    import matplotlib.pyplot as plt

    verdicts = judge(detections, target, score=score, nms=nms)
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 6.2), layout="constrained")
    height, width = image.shape[1:]
    ax.imshow(image.permute(1, 2, 0).numpy(), extent=(0, width, height, 0))
    ax.set_axis_off()
    for kind, box, label, value in verdicts["boxes"]:
        x1, y1, x2, y2 = box.tolist()
        outline = {"fill": False, "linestyle": STYLES[kind]}
        ax.add_patch(plt.Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor="white", linewidth=3.5, fill=False))
        ax.add_patch(
            plt.Rectangle((x1, y1), x2 - x1, y2 - y1, edgecolor=COLOURS[kind], linewidth=2, **outline)
        )
        if names and kind in ("found", "missed"):
            text = names[label - 1] + (f" {value:.2f}" if value is not None else " missed")
            style = {"color": "white", "fontsize": 8, "va": "top", "clip_on": True}
            ax.text(x1 + 1, y1 + 1, text, bbox={"color": COLOURS[kind], "pad": 1, "linewidth": 0}, **style)
    ax.set_title(f"score ≥ {score:.2f}, NMS at IoU {nms:.2f}", fontsize=11)
    lines = [
        plt.Line2D([], [], color=COLOURS[k], linestyle=STYLES[k], linewidth=2, label=f"{k}: {verdicts[k]}")
        for k in COLOURS
    ]
    ax.legend(handles=lines, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False)
    return ax.figure


def thresholds(
    image: Tensor, detections: dict, target: dict, *, names=None, score: float = 0.5, nms: float = 0.5
):
    """The widget: two sliders sweep the thresholds over one picture's raw detections."""

    def draw(score, nms):
        return draw_verdicts(image, detections, target, score=score, nms=nms, names=names)

    def describe(score, nms):
        v = judge(detections, target, score=score, nms=nms)
        return (
            f"Score ≥ {score:.2f}, NMS at {nms:.2f}: <b>{v['found']}</b> of {len(target['boxes'])} "
            f"objects found, <b>{v['double']}</b> found twice, <b>{v['false']}</b> false alarms, "
            f"<b>{v['missed']}</b> missed."
        )

    return live(
        draw, describe, {"score": ("score ≥", 0, 1, 0.01, score), "nms": ("NMS at IoU", 0, 1, 0.01, nms)}
    )
