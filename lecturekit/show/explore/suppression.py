"""Fast NMS beside non-maximum suppression: one matrix of overlaps against a walk from box to box."""

import torch
from torch import Tensor

from lecturekit.layers import boxes as B
from lecturekit.show.explore.live import BLUE, GREY, ORANGE, live

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def suppression(boxes: Tensor, scores: Tensor, threshold: float) -> dict:
    """What both do with boxes [N, 4] of one class, scores [N]; all answers are in the order of the scores.

    Returns `boxes` [N, 4] and `scores` [N], best first; `overlaps` [N, N], their IoU above the diagonal, 0
    elsewhere; `maxima` [N], the largest of each column; `fast` bool [N], what Fast NMS keeps; `usual`
    bool [N], what NMS keeps; `steps` of NMS: [(the box that is kept, the boxes that it removes)].
    """
    scores, order = scores.sort(descending=True, stable=True)
    boxes = boxes[order]
    overlaps = B.iou(boxes, boxes).triu(diagonal=1)  # [N, N]: row i is the better box
    maxima = overlaps.amax(0)
    left, steps = list(range(len(boxes))), []
    while left:
        best, *others = left
        left = [i for i in others if overlaps[best, i] <= threshold]
        steps.append((best, [i for i in others if i not in left]))
    usual = torch.zeros(len(boxes), dtype=torch.bool)
    usual[[best for best, _ in steps]] = True
    return {
        "boxes": boxes,
        "scores": scores,
        "overlaps": overlaps,
        "maxima": maxima,
        "fast": maxima <= threshold,
        "usual": usual,
        "steps": steps,
    }


def tell_steps(facts: dict) -> list[str]:
    """NMS in words, a line for each box that is kept."""
    lines = []
    for best, removed in facts["steps"]:
        names = ", ".join(LETTERS[i] for i in removed)
        lines.append(f"{LETTERS[best]} is kept" + (f" and removes {names}" if removed else ""))
    return lines


def draw_suppression(image: Tensor, boxes: Tensor, scores: Tensor, threshold: float):
    """A figure: the boxes on the picture [3, H, W], the matrix of overlaps, and what each way keeps."""
    import matplotlib.pyplot as plt

    facts = suppression(boxes, scores, threshold)
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), width_ratios=[1, 1.15], layout="constrained")
    height, width = image.shape[1:]
    left.imshow(image.permute(1, 2, 0).numpy(), extent=(0, width, height, 0))
    left.set_axis_off()
    left.set_title("solid: kept by both; dashed: by NMS alone; dotted: by none", fontsize=10)
    order = facts["boxes"][:, [0, 2]].sum(1).argsort().argsort().tolist()  # letters stand from left to right
    for i, box in enumerate(facts["boxes"].tolist()):
        kind = 2 if facts["fast"][i] else 1 if facts["usual"][i] else 0
        colour, style = ((GREY, ":"), (ORANGE, "--"), (BLUE, "-"))[kind]
        x1, y1, x2, y2 = box
        for ink, wide, dash in (("white", 4.5, "-"), (colour, 2.5, style)):
            left.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=ink, linewidth=wide, linestyle=dash)
        look = {"color": "white", "weight": "bold", "ha": "center", "va": "bottom", "clip_on": True}
        label = {"bbox": {"color": colour, "pad": 2, "linewidth": 0}, "zorder": 5} | look
        left.text(x1 + (x2 - x1) * (order[i] + 0.5) / len(order), y1 - 1, LETTERS[i], **label)
    left.set(xlim=(0, width), ylim=(height, 0))
    _matrix(right, facts, threshold)
    return fig


def suppressions(image: Tensor, first: Tensor, last: Tensor, *, threshold: float = 0.5, place: float = 0.5):
    """The widget: A and C are boxes [4] on the picture [3, H, W], and B slides from the one to the other."""

    def chain(place):
        middle = first + place * (last - first)
        return torch.stack((first, middle, last)), torch.tensor([0.9, 0.8, 0.7])

    def draw(threshold, place):
        return draw_suppression(image, *chain(place), threshold)

    def describe(threshold, place):
        facts = suppression(*chain(place), threshold)
        usual, fast = (
            ", ".join(LETTERS[i] for i in facts[way].nonzero()[:, 0].tolist()) for way in ("usual", "fast")
        )
        return f"{'; '.join(tell_steps(facts))}. NMS keeps <b>{usual}</b>, Fast NMS keeps <b>{fast}</b>" + (
            ": B is gone, and has taken C with it." if usual != fast else "."
        )

    return live(
        draw,
        describe,
        {"place": ("B from A to C", 0, 1, 0.01, place), "threshold": ("IoU >", 0, 1, 0.01, threshold)},
    )


def _matrix(ax, facts, threshold):
    """The upper triangle with its numbers, each column's maximum below it, and both verdicts."""
    from matplotlib.colors import ListedColormap

    count = len(facts["boxes"])
    above = torch.ones(count, count).triu(diagonal=1).bool()
    shade = torch.zeros(count + 3, count)  # the last three rows are words
    shade[:count][above] = 1 + (facts["overlaps"][above] > threshold).float()
    shade[count] = 2.0 * (facts["maxima"] > threshold)
    ax.imshow(
        shade.numpy(), cmap=ListedColormap(["white", "#E3EEF6", "#F7CF86"]), vmin=0, vmax=2, aspect="auto"
    )
    numbers = [(i, j, facts["overlaps"][i, j]) for i, j in above.nonzero().tolist()]
    numbers += [(count, j, facts["maxima"][j]) for j in range(1, count)]
    for i, j, value in numbers:
        weight = "bold" if value > threshold else "normal"
        ax.text(j, i, f"{value:.2f}", ha="center", va="center", weight=weight)
    for row, way in ((count + 1, "fast"), (count + 2, "usual")):
        for j in range(count):
            ax.text(j, row, "kept" if facts[way][j] else "–", ha="center", va="center")
    ax.axhline(count - 0.5, color="#333333", linewidth=1.2)
    ax.axhline(count + 0.5, color="#BBBBBB", linewidth=0.8)
    names = [f"{LETTERS[i]}  {score:.2f}" for i, score in enumerate(facts["scores"].tolist())]
    ax.set_xticks(range(count), LETTERS[:count])
    ax.set_yticks(range(count + 3), [*names, "largest in column", "Fast NMS", "NMS"])
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.set_title(f"IoU with every better box; bold: above {threshold:.2f}", fontsize=10)
