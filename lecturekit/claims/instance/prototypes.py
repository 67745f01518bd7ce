"""`few_prototypes`: a few prototypes are enough, and take little memory (arXiv 1904.02689, table 2b)."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from lecturekit import recipes
from lecturekit.claims import Claim, kept
from lecturekit.claims.instance.arms import ap_curve, mean_ap
from lecturekit.claims.instance.memory import mask_rcnn_bytes, peak_bytes, yolact_bytes
from lecturekit.claims.timing import one_thread, random_boxes
from lecturekit.data import TownScenes
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.instance.yolact import YOLACT
from lecturekit.layers.prototypes import assemble
from lecturekit.layers.roi import to_rois
from lecturekit.training import Recipe, fit

NUMBERS = (4, 8, 16, 32)
MARGIN = 0.03  # of mask AP: what "little" means
DETECTIONS = 100


def peaks(size: str = "paper") -> dict[str, int]:
    """The mask stages' peak memory for 100 detections: {"YOLACT, K prototypes": bytes, "Mask R-CNN": bytes}.

    From the pyramid's maps (of a picture of 550 px, at paper size) to the masks as the network draws them,
    before they are made as large as the picture: YOLACT's prototype net and assembly, Mask R-CNN's RoIAlign
    and mask head.
    """
    side = {"tiny": 128, "paper": 550}[size]
    boxes = random_boxes(DETECTIONS, side)
    found = {}
    with one_thread():
        for number in NUMBERS:
            net = getattr(YOLACT, size)(prototypes=number).eval()
            finest = net.fpn(list(net.backbone(torch.zeros(1, 3, side, side)).values())[1:])[0]
            coefficients = torch.zeros(DETECTIONS, number)
            found[f"YOLACT, {number} prototypes"] = peak_bytes(
                lambda net=net, finest=finest, coefficients=coefficients: assemble(
                    net.prototypes(finest)[0], coefficients, boxes / side
                )
            )
        net = getattr(MaskRCNN, size)().eval()
        net.min_size, net.max_size = (side,), side
        features = net.backbone(net.prepare([torch.zeros(3, side, side)])[0])
        rois, labels = to_rois([boxes]), torch.ones(DETECTIONS, dtype=torch.int64)
        found["Mask R-CNN"] = peak_bytes(lambda: net.mask_branch(features, rois, labels).sigmoid())
    return found


def outcome(recipe: Recipe, seed: int, steps: int, scenes: TownScenes, progress: bool) -> dict:
    """A YOLACT trained from scratch: {"ap": its curve, "alive": how many of its prototypes are}.

    A prototype passes a ReLU; one that is zero everywhere can't learn any more.
    """
    model, _ = fit(recipe, steps=steps, seed=seed, progress=progress)
    return {"ap": ap_curve(model, scenes), "alive": alive(model, scenes)}


@torch.no_grad()
def alive(model: YOLACT, scenes: TownScenes) -> int:
    """How many prototypes are above zero anywhere in the first scenes."""
    drawn = [model.outputs(model.prepare([scenes[i][0]]))["prototypes"] for i in range(min(20, len(scenes)))]
    return int((torch.cat(drawn).amax((0, 2, 3)) > 0).sum())


def few_prototypes(
    seeds: range,
    folder: Path,
    progress: bool,
    steps: int | None = None,
    held_out: int = 200,
    size: str = "paper",
) -> dict:
    """YOLACT with 4, 8, 16 and 32 prototypes: the same scenes, steps (the recipe's) and seeds."""
    base = recipes.get("yolact")
    steps = base.quick.steps if steps is None else steps
    scenes = replace(base.val, count=held_out)
    runs = {}
    for number in NUMBERS:
        recipe = replace(base, model=partial(YOLACT.tiny, prototypes=number))
        path = folder / f"{recipe.hash()}-{number}-{steps}"
        run = partial(outcome, recipe, steps=steps, scenes=scenes, progress=progress)
        runs[number] = [kept(path / f"seed{s}-{held_out}.json", partial(run, s), progress) for s in seeds]
    ap = {number: [mean_ap(one["ap"]) for one in own] for number, own in runs.items()}
    most = NUMBERS[-1]
    comparisons = {
        f"mask AP, {number} prototypes": {
            f"{number}, + {MARGIN}": [value + MARGIN for value in ap[number]],
            f"{most}": ap[most],
        }
        for number in NUMBERS[:-1]
    }
    peak = kept(folder / f"peaks-{size}.json", partial(peaks, size), progress)
    comparisons["masks drawn per MB of memory"] = {
        name: [DETECTIONS / (peak[name] / 1e6)] * len(seeds)
        for name in (f"YOLACT, {most} prototypes", "Mask R-CNN")
    }
    counted = {f"YOLACT, {number} prototypes": yolact_bytes(number) for number in NUMBERS}
    return {
        "comparisons": comparisons,
        "curves": {str(number): [one["ap"] for one in own] for number, own in runs.items()},
        "prototypes alive": {str(number): [one["alive"] for one in own] for number, own in runs.items()},
        "bytes": {
            "at the peak, measured": peak,
            "counted": counted | {"Mask R-CNN": mask_rcnn_bytes()},
        },
        "protocol": {
            "steps": steps,
            "batch size": base.batch_size,
            "held-out scenes": held_out,
            "learning rate": f"{base.lr}, the recipe's, for all",
            "little": f"at most {MARGIN} of mask AP: so much is added to the arm with fewer prototypes",
            "alive": "a prototype is alive if it is above zero anywhere in 20 of the scenes",
            "memory": f"{size} size, {DETECTIONS} detections, float32. Measured: torch's allocations at "
            "the peak between the pyramid's maps and the masks as the network draws them (YOLACT: prototype "
            "net and assembly; Mask R-CNN: RoIAlign and mask head). Counted, at paper size: prototypes and "
            "the detections' coefficients; masks of all classes, and those taken. The seed changes nothing",
        },
    }


CLAIM = Claim(
    "few_prototypes",
    "instance",
    "A few prototypes are enough (4 to 32), and YOLACT's masks take less memory than Mask R-CNN's per RoI.",
    few_prototypes,
    seeds=3,
)
