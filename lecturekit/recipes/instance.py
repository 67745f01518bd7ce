"""Recipes of the lecture on instance segmentation."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch
from torch import nn

from lecturekit.data import TownClips, TownPairs, TownPeople, TownScenes, collate, collate_frames
from lecturekit.instance.keypoint_rcnn import KeypointRCNN
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.instance.yolact import YOLACT as Yolact
from lecturekit.instance.yolact_edge import YolactEdge
from lecturekit.metrics.detection import RunLengths, detection_metrics
from lecturekit.metrics.keypoints import keypoint_metrics
from lecturekit.recipes import paper
from lecturekit.training import Budget, Recipe


@torch.no_grad()
def predict(model: nn.Module, dataset, progress: bool = False, batch_size: int = 8) -> tuple[list, list]:
    """What the model sees in every picture of `dataset`, and the targets; masks as RunLengths.

    A dataset of clips gives their frames' one after the other.
    """
    from tqdm.auto import tqdm

    device = next(model.parameters()).device
    predictions, targets = [], []
    model.eval()
    for start in tqdm(range(0, len(dataset), batch_size), desc="evaluating", disable=not progress):
        stop = min(start + batch_size, len(dataset))
        images, truths = collate_frames([dataset[i] for i in range(start, stop)])
        predictions += [packed(found) for found in model([image.to(device) for image in images])]
        targets += [packed(truth) for truth in truths]
    return predictions, targets


def packed(one: Mapping) -> dict:
    """A prediction or target on the CPU, its masks (if it has any) as RunLengths."""
    one = {name: value.cpu() if torch.is_tensor(value) else value for name, value in one.items()}
    return one | ({"masks": RunLengths(one["masks"])} if "masks" in one else {})


def evaluate_detection(model: nn.Module, dataset, progress: bool = False) -> dict[str, float | None]:
    """Box and mask AP of a detector on a dataset."""
    return detection_metrics(*predict(model, dataset, progress))


def evaluate_keypoints(model: nn.Module, dataset, progress: bool = False) -> dict[str, float | None]:
    """OKS AP and box AP of a detector of persons and their keypoints on a dataset."""
    predictions, targets = predict(model, dataset, progress)
    boxes = detection_metrics(predictions, targets, kinds=("box",))
    return keypoint_metrics(predictions, targets) | boxes


def evaluate_clips(
    model: nn.Module, dataset, progress: bool = False, interval: int = 3
) -> dict[str, float | None]:
    """Box and mask AP over all frames of clips, every `interval`-th of which is a key frame.

    A model that knows no key frames sees frame by frame.
    """
    before = getattr(model, "interval", None)
    if before is not None:
        model.interval = interval
    try:
        return detection_metrics(*predict(model, dataset, progress, batch_size=1))
    finally:
        if before is not None:
            model.interval = before


@torch.no_grad()
def probe_detection(model: nn.Module, dataset) -> Mapping[str, torch.Tensor]:
    """The sure detections in the dataset's first picture, from left to right: a model's fingerprint.

    In the first clip's last frame, if it is of clips.
    """
    found = model.eval()(collate_frames([dataset[0]])[0])[-1]
    sure = torch.nonzero(found["scores"] > 0.5).flatten()
    sure = sure[found["boxes"][sure, 0].argsort(stable=True)]
    told = {
        "boxes": found["boxes"][sure],
        "labels": found["labels"][sure].float(),
        "scores": found["scores"][sure],
    }
    if "masks" in found:
        told["masks"] = found["masks"][sure].mean((1, 2, 3))
    if "keypoints_scores" in found:  # a rounding error moves a heat map's peak by no pixel or by a whole one
        told["keypoints_scores"] = found["keypoints_scores"][sure]
    return told


MASK_RCNN = Recipe(
    name="mask_rcnn",
    lecture="instance",
    paper=paper("mask_rcnn"),
    model=MaskRCNN.tiny,
    paper_model=MaskRCNN.paper,
    train=TownScenes(first=0, count=1_000_000),
    val=TownScenes(first=10_000_000, count=200),
    collate=collate,
    evaluate=evaluate_detection,
    probe=probe_detection,
    metric="mask_ap50",
    quick=Budget(steps=520, bar=0.80, note="from scratch, about 95 s on 2 cores"),
    full=Budget(steps=5000, bar=0.90, note="the shipped weights, half an hour on one core"),
    batch_size=4,
    lr=4e-3,
    weight_decay=1e-4,
    warmup=50,
    clip=5.0,
    average=0.999,
)

KEYPOINT_RCNN = Recipe(
    name="keypoint_rcnn",
    lecture="instance",
    paper=paper("keypoint_rcnn"),
    model=KeypointRCNN.tiny,
    paper_model=KeypointRCNN.paper,
    train=TownPeople(first=0, count=1_000_000),
    val=TownPeople(first=10_000_000, count=200),
    collate=collate,
    evaluate=evaluate_keypoints,
    probe=probe_detection,
    metric="oks_ap50",
    quick=Budget(steps=200, bar=0.80, note="from scratch, about 70 s on 2 cores"),
    full=Budget(steps=1200, bar=0.90, note="the shipped weights, a quarter of an hour on one core"),
    batch_size=8,
    lr=4e-3,
    weight_decay=1e-4,
    warmup=50,
    clip=5.0,
    average=0.999,
)

YOLACT = Recipe(
    name="yolact",
    lecture="instance",
    paper=paper("yolact"),
    model=Yolact.tiny,
    paper_model=Yolact.paper,
    train=TownScenes(first=0, count=1_000_000),
    val=TownScenes(first=10_000_000, count=200),
    collate=collate,
    evaluate=evaluate_detection,
    probe=probe_detection,
    metric="mask_ap50",
    quick=Budget(steps=350, bar=0.70, note="from scratch, about a minute on 2 cores"),
    full=Budget(steps=5000, bar=0.85, note="the shipped weights, half an hour on one core"),
    batch_size=4,
    lr=4e-3,
    weight_decay=1e-4,
    warmup=50,
    clip=5.0,
    average=0.999,
)


def tiny_yolact_edge(**changes) -> YolactEdge:
    """`YolactEdge.tiny()` that starts with the weights of the shipped YOLACT, wherever they fit.

    Only its flow net and refinement are untrained then, as when the paper's training on clips begins.
    """
    from safetensors.torch import load_file

    model = YolactEdge.tiny(**changes)
    shipped = Path(__file__).parents[1] / "weights" / "yolact.safetensors"
    if shipped.is_file() and not next(model.parameters()).is_meta:
        own = model.state_dict()
        model.load_state_dict(own | {k: v for k, v in load_file(shipped).items() if v.shape == own[k].shape})
    return model


YOLACT_EDGE = Recipe(
    name="yolact_edge",
    lecture="instance",
    paper=paper("yolact_edge"),
    model=tiny_yolact_edge,
    paper_model=YolactEdge.paper,
    train=TownPairs(first=0, count=1_000_000, gap=8),
    val=TownClips(first=10_000_000, count=25, frames=9),
    collate=collate_frames,
    evaluate=partial(evaluate_clips, interval=3),
    probe=probe_detection,
    metric="mask_ap50",
    quick=Budget(steps=150, bar=0.85, note="from YOLACT's weights, a minute and a half on one core"),
    full=Budget(steps=600, bar=0.90, note="the shipped weights, six minutes on one core"),
    batch_size=4,
    lr=2e-3,
    weight_decay=1e-4,
    warmup=50,
    clip=5.0,
    average=0.995,
)
