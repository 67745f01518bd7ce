"""`individuals`: a semantic map can't tell two individuals of one class apart, instances can."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecturekit import recipes
from lecturekit.claims import Claim, kept
from lecturekit.data import TownScenes
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.layers.pictures import normalise, pad_and_stack
from lecturekit.training import fit


class SemanticMap(nn.Module):
    """A semantic segmenter with Mask R-CNN's backbone and FPN: a class for every pixel, no individuals."""

    def __init__(self, num_classes: int = 7, channels: int = 64):
        super().__init__()
        self.backbone = MaskRCNN.tiny(channels=channels).backbone
        self.head = nn.Conv2d(channels, num_classes, 1)

    def forward(self, images: list[Tensor], targets: list[dict] | None = None):
        """{"loss_semantic"} in training, else a class map int64 [H,W] for each of the images [3,H,W]."""
        batch = pad_and_stack([normalise(image) for image in images])  # [B, 3, H, W]
        levels = list(self.backbone(batch).values())[:4]
        size = levels[0].shape[-2:]
        fused = sum(F.interpolate(level, size, mode="bilinear") for level in levels)  # [B, C, H/4, W/4]
        logits = F.interpolate(self.head(fused), batch.shape[-2:], mode="bilinear")  # [B, K, H, W]
        sizes = [image.shape[-2:] for image in images]
        if not self.training:
            return [one.argmax(0)[:h, :w] for one, (h, w) in zip(logits, sizes, strict=True)]
        truth = pad_and_stack([semantic_map(t, s)[None] for t, s in zip(targets, sizes, strict=True)])
        return {"loss_semantic": F.cross_entropy(logits, truth[:, 0])}


def semantic_map(target: dict[str, Tensor], size: tuple[int, int]) -> Tensor:
    """The class of every pixel, int64 [H,W], 0 for none: what is left of a target without individuals."""
    classes = torch.zeros(tuple(size), dtype=torch.int64)
    for mask, label in zip(target["masks"].bool(), target["labels"], strict=True):
        classes[mask] = label
    return classes


def components(classes: Tensor) -> Tensor:
    """The connected regions of a class map [H,W], by sides of pixels, as masks bool [N,H,W].

    Every pixel starts with a number of its own and takes the largest of its neighbours' of the same class,
    until nothing changes.
    """
    number = torch.arange(1, classes.numel() + 1).reshape(classes.shape) * (classes > 0)
    while True:
        grown = number.clone()
        for axis in (0, 1):
            near, far = (
                number.narrow(axis, 0, classes.shape[axis] - 1),
                number.narrow(axis, 1, classes.shape[axis] - 1),
            )
            same = classes.narrow(axis, 0, near.shape[axis]) == classes.narrow(axis, 1, far.shape[axis])
            for part, other, start in ((near, far, 0), (far, near, 1)):
                view = grown.narrow(axis, start, part.shape[axis])
                view.copy_(torch.where(same, torch.maximum(view, other), view))
        if torch.equal(grown, number):
            break
        number = grown
    ids = number.unique()
    return number == ids[ids > 0, None, None]


def touching(target: dict[str, Tensor]) -> Tensor:
    """Which objects of a target touch another one of their own class: bool [N]."""
    masks, labels = target["masks"].float(), target["labels"]
    grown = F.max_pool2d(masks[:, None], 3, stride=1, padding=1)[:, 0].flatten(1)
    meets = grown @ masks.flatten(1).T > 0  # [N, N]
    return (meets & (labels[:, None] == labels) & ~torch.eye(len(labels), dtype=torch.bool)).any(1)


def found(segments: Tensor, masks: Tensor, threshold: float = 0.5) -> Tensor:
    """Which of the masks bool [N,H,W] some segment bool [M,H,W] covers with an IoU above 0.5: bool [N].

    Above one half, at most one of a set of disjoint segments can match a mask, so no assignment is needed.
    """
    if not len(segments):
        return torch.zeros(len(masks), dtype=torch.bool)
    a, b = masks.flatten(1).float(), segments.flatten(1).float()
    both = a @ b.T
    return (both / (a.sum(1)[:, None] + b.sum(1) - both) > threshold).any(1)


def recall(segments: Callable[[Tensor, dict], Tensor], scenes: TownScenes) -> dict[str, float]:
    """The share found by `segments(image, target)` of individuals that touch their like, and of the rest."""
    hits = {"touching": [], "apart": []}
    for image, target in (scenes[i] for i in range(len(scenes))):
        hit, close = found(segments(image, target), target["masks"].bool()), touching(target)
        hits["touching"].append(hit[close])
        hits["apart"].append(hit[~close])
    return {which: torch.cat(parts).float().mean().item() for which, parts in hits.items()}


@torch.no_grad()
def instances_of(model: nn.Module, image: Tensor) -> Tensor:
    """The masks bool [N,H,W] of a detector's objects with a score of at least one half."""
    prediction = model([image])[0]
    return prediction["masks"][prediction["scores"] >= 0.5, 0] > 0.5


def individuals(seeds: range, folder: Path, progress: bool, steps: int = 200, held_out: int = 200) -> dict:
    """Nearly-alike neighbours, by Mask R-CNN, by a semantic map with its backbone, and by a perfect map."""
    base = recipes.get("mask_rcnn")
    recipe = replace(
        base, train=replace(base.train, alike=0.7), val=replace(base.val, alike=0.7, count=held_out)
    )
    scenes = recipe.val

    def measure(arm: str, model: Callable[[], nn.Module], seed: int) -> dict[str, float]:
        trained, _ = fit(replace(recipe, model=model), steps=steps, seed=seed, progress=progress)
        if arm == "instances":
            return recall(lambda image, _: instances_of(trained, image), scenes)
        with torch.no_grad():
            return recall(lambda image, _: components(trained([image])[0]), scenes)

    path = folder / f"{recipe.hash()}-{steps}-{held_out}"
    arms = {"instances": base.model, "semantic": SemanticMap}
    measured = {
        arm: [kept(path / f"{arm}-seed{s}.json", partial(measure, arm, model, s), progress) for s in seeds]
        for arm, model in arms.items()
    }
    perfect = recall(lambda image, target: components(semantic_map(target, image.shape[-2:])), scenes)
    pick = {arm: [m["touching"] for m in found] for arm, found in measured.items()}
    return {
        "comparisons": {
            "touching individuals found": {"Mask R-CNN": pick["instances"], "semantic map": pick["semantic"]},
            "touching individuals found, best case": {
                "Mask R-CNN": pick["instances"],
                "perfect semantic map": [perfect["touching"]] * len(seeds),
            },
        },
        "recall": measured | {"perfect semantic": [perfect]},
        "protocol": {
            "steps": steps,
            "batch size": base.batch_size,
            "held-out scenes": held_out,
            "found": "a segment with IoU > 0.5; a semantic map's segments are its connected regions",
            "learning rate": f"{base.lr}, the recipe's, for both",
        },
    }


CLAIM = Claim(
    "individuals",
    "instance",
    "A semantic map can't separate two individuals of the same class; instances can.",
    individuals,
    seeds=3,
)
