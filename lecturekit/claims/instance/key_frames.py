"""`key_frames`: YolactEdge buys speed with little AP (arXiv 2012.12259, section 4)."""

from functools import partial
from pathlib import Path

import torch

from lecturekit import zoo
from lecturekit.claims import Claim, kept
from lecturekit.claims.timing import equal_detections, interleaved, one_thread, settle, spread
from lecturekit.data import TownClips
from lecturekit.instance.yolact import YOLACT
from lecturekit.instance.yolact_edge import YolactEdge
from lecturekit.metrics.detection import RunLengths, detection_metrics

INTERVALS = (1, 2, 3, 5, 9)
JUDGED = 3  # the interval that the claim is judged at
MARGIN = 0.03  # of mask AP: what "little" means
SIDES = {"tiny": 128, "paper": 550}  # of the frames, in pixels
FIRST = 10_000_000  # held-out scenes
FRAMES = 18  # two periods of the longest interval


@torch.no_grad()
def accuracy(seed: int, clips: int, frames: int) -> dict[str, float]:
    """Mask AP of the shipped weights on the seed's own `clips`, all frames: by interval, and of YOLACT."""
    edge, single = zoo.load("yolact_edge"), zoo.load("yolact")
    found = {**{str(interval): [] for interval in INTERVALS}, "YOLACT": []}
    targets = []
    dataset = TownClips(first=FIRST + seed * clips, count=clips, frames=frames)
    for clip in (dataset[i] for i in range(clips)):
        pictures = [image for image, _ in clip]
        targets += [{**target, "masks": RunLengths(target["masks"])} for _, target in clip]
        for arm, predictions in found.items():
            if arm != "YOLACT":
                edge.interval = int(arm)
            seen = single(pictures) if arm == "YOLACT" else edge(pictures)
            predictions += [{**one, "masks": RunLengths(one["masks"])} for one in seen]
    return {
        arm: detection_metrics(predictions, targets, ("mask",))["mask_ap"]
        for arm, predictions in found.items()
    }


def cost(seed: int, size: str, repeats: int) -> dict[str, float]:
    """Median seconds of a frame at a size: of YOLACT, of YolactEdge's key frames and of those in between."""
    side = SIDES[size]
    clip = [image for image, _ in TownClips(first=FIRST + seed, count=1, size=side, frames=2)[0]]
    torch.manual_seed(seed)
    with one_thread():
        edge = getattr(YolactEdge, size)()
        single = getattr(YOLACT, size)(num_classes=edge.num_classes)
        for model in (edge, single):
            settle(model, clip[:1])
            equal_detections(model, clip[0])
        edge.interval = max(INTERVALS)
        _, state = edge.step(clip[0])
        arms = {
            "YOLACT": lambda: single(clip[1:]),
            "key": lambda: edge.step(clip[0]),
            "between": lambda: edge.step(clip[1], state),
        }
        return {arm: spread(values)["median"] for arm, values in interleaved(arms, repeats).items()}


def speed(seconds: dict[str, float], interval: int) -> float:
    """How many times as many frames a second as YOLACT's, with a key frame every `interval` frames."""
    period = seconds["key"] + (interval - 1) * seconds["between"]
    return interval * seconds["YOLACT"] / period


def key_frames(
    seeds: range,
    folder: Path,
    progress: bool,
    clips: int = 12,
    frames: int = FRAMES,
    repeats: int = 5,
    sizes: tuple[str, ...] = ("tiny", "paper"),
) -> dict:
    """AP of the shipped weights on disjoint sets of clips; frames per second of untrained networks.

    The claim is judged by the speed at the last of `sizes`.
    """
    card = f"{zoo.card('yolact_edge')['recipe']}-{zoo.card('yolact')['recipe']}-{clips}x{frames}"
    ap = [
        kept(folder / card / f"ap-seed{s}.json", partial(accuracy, s, clips, frames), progress) for s in seeds
    ]
    costs = {
        size: [
            kept(folder / f"{size}-{repeats}" / f"seed{s}.json", partial(cost, s, size, repeats), progress)
            for s in seeds
        ]
        for size in sizes
    }
    return {
        "comparisons": {
            f"mask AP, interval {JUDGED}": {
                f"YolactEdge, + {MARGIN}": [one[str(JUDGED)] + MARGIN for one in ap],
                "YOLACT": [one["YOLACT"] for one in ap],
            },
            f"frames per second, interval {JUDGED}": {
                "YolactEdge": [speed(one, JUDGED) for one in costs[sizes[-1]]],
                "YOLACT": [1.0] * len(seeds),
            },
        },
        "ap": ap,
        "speed": {
            size: [{str(i): speed(one, i) for i in INTERVALS} for one in own] for size, own in costs.items()
        },
        "seconds per frame": costs,
        "protocol": {
            "accuracy": f"the shipped tiny weights of both; each seed has {clips} held-out clips of its own, "
            f"{frames} frames each, all of which count",
            "speed": f"{sizes[-1]} size, {SIDES[sizes[-1]]} px, untrained, 20 detections a frame; against "
            "YOLACT of the same size in the same run",
            "seconds": f"processor seconds of one thread, median of {repeats} turns, all arms in turns; "
            "a period is a key frame and the frames between",
            "little": f"at most {MARGIN} of mask AP: so much is added to YolactEdge's",
        },
    }


CLAIM = Claim(
    "key_frames",
    "instance",
    f"With every {JUDGED}rd frame a key frame, YolactEdge is faster than YOLACT and loses little AP.",
    key_frames,
)
