"""A clip seen at different key-frame intervals: what each frame costs, and what its masks are worth.

`costs` are always (a key frame's, that of a frame in between), in one unit.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lecturekit.show import draw as pictures
from lecturekit.show.cost import multiply_adds
from lecturekit.show.explore.live import BLUE, GREEN, ORANGE, live

LONGEST = 9  # the largest interval offered


@torch.no_grad()
def frame_costs(model, side: int) -> dict[str, dict[str, int]]:
    """The multiply-adds of YolactEdge's parts for a frame of `side` pixels: {kind of frame: {part: number}}.

    The model may lie on the device `meta`, where nothing is computed and a size costs nothing.
    """
    frame = torch.zeros(1, 3, side, side, device=next(model.parameters()).device)
    c3 = model.shallow(frame)
    key = model.key_frame(c3)
    shallow = multiply_adds(lambda: model.shallow(frame))
    rest = multiply_adds(lambda: model.read(model.fpn.levels(key.sums)))
    return {
        "key frame": {
            "backbone up to C3": shallow,
            "C4, C5, pyramid": multiply_adds(lambda: model.key_frame(c3)),
            "prototypes, heads": rest,
        },
        "in between": {
            "backbone up to C3": shallow,
            "flow net, warping": multiply_adds(lambda: model.follow(c3, key)),
            "prototypes, heads": rest,
        },
    }


@torch.no_grad()
def watch_clip(model, clip: Sequence[tuple[Tensor, dict]], interval: int) -> list[dict]:
    """Run a clip, [(frame [3, H, W], target)], through `model.step` with a key frame every `interval` frames.

    Returns for each frame `key` (is it a key frame?), `iou` (how well its objects are covered, see
    `coverage`) and `answer` (the detections). The model's own interval is put back.
    """
    seen, state, before = [], None, model.interval
    model.interval = interval
    try:
        for number, (frame, target) in enumerate(clip):
            answer, state = model.step(frame, state)
            seen.append({"key": number % interval == 0, "iou": coverage(answer, target), "answer": answer})
    finally:
        model.interval = before
    return seen


def coverage(answer: dict, target: dict, score: float = 0.5) -> float:
    """The mean over a target's objects of the best mask IoU that a detection of their class reaches.

    Only detections with at least `score` count; an object that nobody found counts 0, no object at all 1.
    """
    sure = answer["scores"] >= score
    found, true = (answer["masks"][sure, 0] > 0.5).flatten(1).float(), target["masks"].flatten(1).float()
    if not len(true):
        return 1.0
    if not len(found):
        return 0.0
    both = true @ found.T  # [N, D]
    iou = both / (true.sum(1)[:, None] + found.sum(1) - both).clamp(min=1)
    return (iou * (target["labels"][:, None] == answer["labels"][sure])).amax(1).mean().item()


def summary(seen: Sequence[dict], costs: tuple[float, float] = (1, 1)) -> dict:
    """A clip's frames together: `keys` (how many key frames), `iou` (their mean), `cost` (of all)."""
    keys = sum(frame["key"] for frame in seen)
    iou = sum(frame["iou"] for frame in seen) / len(seen)
    return {"keys": keys, "iou": iou, "cost": keys * costs[0] + (len(seen) - keys) * costs[1]}


def draw_costs(sizes: dict[str, dict], unit: float = 1e9, label: str = "billion multiply-adds"):
    """A figure of bars in parts: for each size (a name and what `frame_costs` gave) one per kind of frame."""
    import matplotlib.pyplot as plt

    looks = {
        "backbone up to C3": (BLUE, ""),
        "C4, C5, pyramid": ("#56B4E9", "//"),
        "flow net, warping": (ORANGE, "//"),
        "prototypes, heads": ("#BBBBBB", ""),
    }
    fig, axes = plt.subplots(
        1, len(sizes), figsize=(4.2 * len(sizes), 3.4), squeeze=False, layout="constrained"
    )
    for ax, (title, kinds) in zip(axes[0], sizes.items(), strict=True):
        for x, parts in enumerate(kinds.values()):
            below = 0.0
            for part, number in parts.items():
                colour, hatch = looks[part]
                style = {"color": colour, "hatch": hatch, "edgecolor": "white", "width": 0.6}
                ax.bar(x, number / unit, bottom=below, label=part, **style)
                below += number / unit
        ax.set_xticks(range(len(kinds)), list(kinds))
        ax.set(title=title, ylabel=label)
        ax.spines[["top", "right"]].set_visible(False)
    entries = {text: bar for ax in axes[0] for bar, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(entries.values(), entries.keys(), loc="outside right upper", frameon=False)
    return fig


def draw_time_line(
    seen: Sequence[dict],
    costs: tuple[float, float],
    *,
    best: Sequence[dict] | None = None,
    frame: int | None = None,
    axes=None,
):
    """A figure (or two `axes`): each frame's cost as a bar, and below how well its objects are covered.

    best: the same clip with key frames alone, for comparison. frame: one to be marked.
    """
    import matplotlib.pyplot as plt

    if axes is None:
        _, axes = plt.subplots(2, 1, figsize=(7, 4.4), sharex=True, layout="constrained")
    above, below = axes
    numbers = range(len(seen))
    for key, colour, hatch, name in ((True, BLUE, "", "key frame"), (False, ORANGE, "//", "in between")):
        own = [n for n in numbers if seen[n]["key"] == key]
        style = {"color": colour, "edgecolor": "white", "hatch": hatch, "label": name}
        above.bar(own, costs[0 if key else 1] / costs[0], **style)
    above.set_ylabel("cost")
    above.legend(ncols=2, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1))
    if best is not None:
        style = {"color": BLUE, "linestyle": "--", "label": "every frame in full"}
        below.plot(numbers, [one["iou"] for one in best], marker="o", markersize=4, **style)
    below.plot(numbers, [one["iou"] for one in seen], "s-", color=GREEN, markersize=5, label="as above")
    below.set(ylim=(0, 1), xticks=list(numbers), xlabel="frame", ylabel="IoU with\nthe truth")
    below.legend(ncols=2, frameon=False, loc="lower left")
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        if frame is not None:
            ax.axvspan(frame - 0.5, frame + 0.5, color="#DDDDDD", zorder=0)
    return above.figure


def draw_key_frames(clip, seen: Sequence[dict], best: Sequence[dict], frame: int, costs, names=None):
    """A figure: one frame of the clip with what was found in it, and the clip's time line."""
    import matplotlib.pyplot as plt

    fig = plt.figure(figsize=(11, 4.4), layout="constrained")
    left, right = fig.subfigures(1, 2, width_ratios=[4.2, 6.8])
    image, target = clip[frame]
    ax = left.subplots()
    ax.imshow(pictures.detections(image, seen[frame]["answer"], names, like=target, scale=3))
    ax.set_axis_off()
    ax.set_title(f"frame {frame}: {'a key frame' if seen[frame]['key'] else 'in between'}")
    draw_time_line(seen, costs, best=best, frame=frame, axes=right.subplots(2, 1, sharex=True))
    return fig


def key_frames(
    model, clip: Sequence[tuple[Tensor, dict]], costs, *, names=None, interval: int = 3, frame: int = 2
):
    """The widget: a slider for the interval between key frames, one for the frame that is shown."""
    known: dict[int, list] = {}

    def seen(interval):
        if interval not in known:
            known[interval] = watch_clip(model, clip, interval)
        return known[interval]

    def draw(interval, frame):
        return draw_key_frames(clip, seen(int(interval)), seen(1), int(frame), costs, names)

    def describe(interval, frame):
        now, full = summary(seen(int(interval)), costs), summary(seen(1), costs)
        return (
            f"A key frame every <b>{interval:.0f}</b> frames: {now['keys']} of {len(clip)}. "
            f"{now['cost'] / full['cost']:.0%} of the multiply-adds of every frame in full; mean IoU "
            f"<b>{now['iou']:.2f}</b> instead of {full['iou']:.2f}."
        )

    last = len(clip) - 1
    sliders = {
        "interval": ("interval", 1, LONGEST, 1, interval),
        "frame": ("frame", 0, last, 1, min(frame, last)),
    }
    return live(draw, describe, sliders)
