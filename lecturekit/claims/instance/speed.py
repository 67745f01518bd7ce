"""`yolact_speed`: YOLACT is faster than Mask R-CNN, and its masks cost hardly more when there are more.

The paper says so in sections 1 and 6 (arXiv 1904.02689).

Both networks have a ResNet-50 with a pyramid and see the same square pictures. Neither is trained, which
leaves the time of a convolution as it is; that the thresholds let equally many detections through is seen to.
"""

from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.claims import Claim, kept
from lecturekit.claims.timing import (
    equal_detections,
    interleaved,
    one_thread,
    random_boxes,
    settle,
    spread,
)
from lecturekit.data import TownScenes
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.instance.yolact import YOLACT
from lecturekit.layers.pictures import paste_masks
from lecturekit.layers.prototypes import assemble
from lecturekit.layers.roi import to_rois

SIDES = {"tiny": 128, "paper": 550}  # of the pictures, in pixels
COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)  # of instances
CANDIDATES, DETECTIONS = 200, 20
HARDLY = 0.9  # 100 masks instead of none may make a picture a ninth slower, no more


def networks(size: str, image: Tensor) -> tuple[nn.Module, nn.Module]:
    """YOLACT and Mask R-CNN, untrained, with settled norms and thresholds, for pictures of that size."""
    one_stage, two_stage = getattr(YOLACT, size)(), getattr(MaskRCNN, size)()
    two_stage.min_size, two_stage.max_size = (image.shape[-1],), image.shape[-1]
    for model in (one_stage, two_stage):
        settle(model, [image])
        equal_detections(model, image, CANDIDATES, DETECTIONS)
    return one_stage, two_stage


def mask_stages(one_stage: YOLACT, two_stage: MaskRCNN, image: Tensor, boxes: Tensor) -> dict:
    """The calls that draw the masks of `boxes` [N, 4] of a picture, by name; two for each network.

    YOLACT assembles them and resizes them to the picture, Mask R-CNN draws them from pooled features and
    pastes them into it. YOLACT's prototypes, drawn once for however many boxes, are a call of their own.
    """
    side, count = image.shape[-1], len(boxes)
    levels = one_stage.fpn(list(one_stage.backbone(one_stage.prepare([image])).values())[1:])
    outputs = one_stage.read(levels)
    prototypes, mixtures = outputs["prototypes"][0], outputs["coefficients"][0, :count]
    masks = assemble(prototypes, mixtures, boxes / side)
    features = two_stage.backbone(two_stage.prepare([image])[0])
    rois, labels = to_rois([boxes]), torch.ones(count, dtype=torch.int64)
    small = two_stage.mask_branch(features, rois, labels).sigmoid()
    resized = partial(F.interpolate, size=(side, side), mode="bilinear", align_corners=False)
    return {
        "prototypes": lambda: one_stage.prototypes(levels[0]),
        "assembly": lambda: assemble(prototypes, mixtures, boxes / side),
        "resizing": lambda: resized(masks[:, None]),
        "mask branch": lambda: two_stage.mask_branch(features, rois, labels).sigmoid(),
        "pasting": lambda: paste_masks(small, boxes, (side, side)),
    }


def measure(seed: int, size: str, repeats: int) -> dict:
    """Median seconds of whole pictures and of the mask stages by the number of instances.

    {"whole": {network: s}, "stages": {"prototypes": s, "assembly" and so on: [s for each of COUNTS]}}
    """
    side = SIDES[size]
    image, _ = TownScenes(first=10_000_000 + seed, count=1, size=side)[0]
    torch.manual_seed(seed)
    with one_thread():
        one_stage, two_stage = networks(size, image)
        arms = {"YOLACT": lambda: one_stage([image]), "Mask R-CNN": lambda: two_stage([image])}
        for count in COUNTS:
            stages = mask_stages(one_stage, two_stage, image, random_boxes(count, side, seed))
            arms |= {(stage, count): call for stage, call in stages.items() if count or stage == "prototypes"}
        times = {arm: spread(values)["median"] for arm, values in interleaved(arms, repeats).items()}
    found = {"prototypes": times["prototypes", 0]}
    for stage in ("assembly", "resizing", "mask branch", "pasting"):
        found[stage] = [times.get((stage, count), 0.0) for count in COUNTS]
    return {"whole": {name: times[name] for name in ("YOLACT", "Mask R-CNN")}, "stages": found}


def mask_cost(stages: dict) -> dict[str, list[float]]:
    """Seconds for the masks of a picture, as large as the picture, by network and for each of COUNTS."""
    drawn = [a + b for a, b in zip(stages["assembly"], stages["resizing"], strict=True)]
    return {
        "YOLACT": [stages["prototypes"] + d for d in drawn],
        "Mask R-CNN": [a + b for a, b in zip(stages["mask branch"], stages["pasting"], strict=True)],
    }


def yolact_speed(seeds: range, folder: Path, progress: bool, size: str = "paper", repeats: int = 5) -> dict:
    """Whole pictures and mask stages of both networks, in turns; every seed has its weights and picture."""
    path = folder / f"{size}-{repeats}"
    runs = [kept(path / f"seed{s}.json", partial(measure, s, size, repeats), progress) for s in seeds]
    costs = [mask_cost(run["stages"]) for run in runs]
    kept_speed = []
    for run, cost in zip(runs, costs, strict=True):
        masks = dict(zip(COUNTS, cost["YOLACT"], strict=True))
        rest = run["whole"]["YOLACT"] - masks[DETECTIONS]
        kept_speed.append((rest + masks[0]) / (rest + masks[100]))
    one, most = COUNTS.index(1), COUNTS.index(100)
    return {
        "comparisons": {
            "pictures per second": {
                name: [1 / run["whole"][name] for run in runs] for name in ("YOLACT", "Mask R-CNN")
            },
            "cost of 1 mask over cost of 100": {
                name: [cost[name][one] / cost[name][most] for cost in costs]
                for name in ("YOLACT", "Mask R-CNN")
            },
            "speed left when 100 masks are drawn": {
                "YOLACT": kept_speed,
                "hardly less": [HARDLY] * len(runs),
            },
        },
        "instances": list(COUNTS),
        "curves": costs,
        "stages": [run["stages"] for run in runs],
        "whole": [run["whole"] for run in runs],
        "protocol": {
            "pictures": f"{SIDES[size]} x {SIDES[size]} pixels, for both networks",
            "networks": f"{size} size, same backbone, untrained, norms settled on the picture",
            "detections": f"{CANDIDATES} candidates go into suppression, the {DETECTIONS} best get masks",
            "seconds": f"processor seconds of one thread, median of {repeats} turns, all arms in turns",
            "mask cost": "YOLACT: prototypes, assembly, resizing to the picture; Mask R-CNN: RoIAlign, mask "
            "head, pasting into the picture",
            "hardly": "a picture with 100 masks must keep nine tenths of the speed of one with none",
            "seeds": "other weights, another picture, other boxes",
        },
    }


CLAIM = Claim(
    "yolact_speed",
    "instance",
    "YOLACT is faster than Mask R-CNN, and its masks cost hardly more when there are more.",
    yolact_speed,
)
