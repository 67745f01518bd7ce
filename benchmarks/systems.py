"""Every detector of the catalogue against torchvision's Mask R-CNN, on the same pictures.

Networks are untrained: how long a convolution takes doesn't depend on its weights. What would depend on them
is made equal: norms are settled, and of each picture the same number of candidates goes into non-maximum
suppression and the same number of detections comes out with a mask. A system that is no detector is compared
all the same, on its own data; torchvision's network is its yardstick then.
"""

import copy
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from benchmarks import Case, gans
from lecturekit import recipes
from lecturekit.claims.timing import equal_detections, settle
from lecturekit.data import TownClips, TownScenes, collate
from lecturekit.training import losses, players

SIDES = {"tiny": 128, "paper": 550}  # of the pictures, in pixels
FOUND = {"tiny": (50, 5), "paper": (200, 20)}  # candidates and detections of a picture
INTERVALS = (1, 2, 3, 5, 9)  # of key frames
FIRST = 10_000_000  # held-out scenes
TORCHVISION = "torchvision's Mask R-CNN"


def cases(name: str, size: str) -> Iterator[Case]:
    """Inference of a system, at tiny size a training step too; of a video system by its key intervals.

    Networks that make pictures have a yardstick of their own: see `gans`.
    """
    if name in gans.NAMES:
        yield from gans.cases(name, size)
        return
    is_video, is_detector = features(name, size)
    told = "{} px, {} candidates, {} detections".format(SIDES[size], *FOUND[size])
    if is_video:
        yield Case(name, size, "video", f"a frame, {told}", partial(video, name, size))
    elif is_detector:
        yield Case(name, size, "inference", f"one picture, {told}", partial(inference, name, size))
    elif size == "tiny":
        yield Case(name, size, "inference", "a sample of its own data", partial(inference, name, size))
    if size == "tiny":
        yield Case(name, size, "training step", "two samples, for both", partial(training, name))


def maker(name: str, size: str) -> Callable[[], nn.Module]:
    """What makes a system's network at that size."""
    recipe = recipes.get(name)
    return recipe.paper_model if size == "paper" else recipe.model


def features(name: str, size: str) -> tuple[bool, bool]:
    """Whether a system goes from frame to frame (it has a `step`), and whether it finds boxes (then its
    thresholds have the detectors' names)."""
    with torch.device("meta"):
        model = maker(name, size)()
    return hasattr(model, "step"), hasattr(model, "detections_per_image")


def reference(side: int, num_classes: int = 91) -> nn.Module:
    """torchvision's Mask R-CNN, ResNet-50, untrained, for square pictures of that side."""
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    size = {"min_size": side, "max_size": side}
    return maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=num_classes, **size)


def network(make: Callable[[], nn.Module], side: int) -> nn.Module:
    """An untrained network for square pictures of that side; the same weights every time."""
    torch.manual_seed(0)
    model = make()
    if hasattr(model, "min_size"):
        model.min_size, model.max_size = (side,), side
    return model


def ready(model: nn.Module, image: torch.Tensor, size: str) -> nn.Module:
    """A detector with settled norms and thresholds, in eval mode."""
    settle(model, [image])
    equal_detections(model, image, *FOUND[size])
    return model


def inference(name: str, size: str) -> tuple[dict, dict]:
    """A system and torchvision's on one picture; one that is no detector draws its probe instead."""
    side = SIDES[size]
    image, _ = TownScenes(first=FIRST, count=1, size=side)[0]
    model, other = network(maker(name, size), side), ready(reference(side), image, size)
    if hasattr(model, "detections_per_image"):
        ours = partial(ready(model, image, size), [image])
    else:
        recipe = recipes.get(name)
        ours = partial(recipe.probe, model.eval(), [recipe.val[0]])
    return {name: ours}, {TORCHVISION: partial(other, [image])}


def video(name: str, size: str) -> tuple[dict, dict]:
    """Frames between two key frames, by the interval; against the same network seeing key frames only."""
    side = SIDES[size]
    clip = [image for image, _ in TownClips(first=FIRST, count=1, size=side, frames=max(INTERVALS))[0]]
    model, other = (ready(net, clip[0], size) for net in (network(maker(name, size), side), reference(side)))

    def watch(interval: int) -> None:
        model.interval = interval
        model(clip[:interval])

    arms = {f"{name}, interval {i}": (partial(watch, i), i) for i in INTERVALS}
    first = next(iter(arms))
    return arms, {f"{name}, key frames only": arms[first], TORCHVISION: partial(other, clip[:1])}


def training(name: str) -> tuple[dict, dict]:
    """One step of all players without the optimiser's part: losses and gradients of two samples.

    torchvision's network has the same pictures, or, where the samples are none for it, two of Toy Town.
    """
    recipe = recipes.get(name)
    own = [recipe.train[i] for i in range(2)]
    batch = recipe.collate(own) if recipe.collate else torch.utils.data.default_collate(own)
    scenes = TownScenes(first=0, count=2, size=SIDES["tiny"])
    _, is_detector = features(name, "tiny")
    pictures = batch if is_detector else collate([scenes[i] for i in range(2)])
    model = network(maker(name, "tiny"), SIDES["tiny"])
    other = reference(SIDES["tiny"], num_classes=len(scenes.class_names) + 1)
    settle(other, pictures[0])
    return {name: partial(step, model.train(), batch)}, {TORCHVISION: partial(step, other.train(), pictures)}


@torch.enable_grad()
def step(model: nn.Module, batch) -> None:
    """The gradients of every player's losses; targets are copied, for some networks change them."""
    for player in players(model):
        model.zero_grad()
        sum(losses(model, copy.copy(batch), player).values()).backward()
