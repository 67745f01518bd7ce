"""Weights from anywhere: shipped, from a training's folder, or torchvision's; and what their labels mean."""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from lecturekit import recipes, zoo
from lecturekit.layers.checkpoints import check_state_dict
from lecturekit.training import read_weights
from lecturekit.training.checkpoint import FORMAT
from lecturekit.training.checkpoint import load as read_file

CLASSES, KEYPOINTS = (
    "roi_heads.box_predictor.cls_score.bias",
    "roi_heads.keypoint_predictor.kps_score_lowres.bias",
)
SIZES = {  # what the lengths of these tensors tell; classes count the background too
    "mask_rcnn": {"num_classes": CLASSES},
    "keypoint_rcnn": {"num_classes": CLASSES, "num_keypoints": KEYPOINTS},
}
DIGITS = "generator.output.bias"  # conditional_gan: as long as a picture has pixels
COCO_LABELS = 91  # torchvision's COCO models: labels are COCO's own category ids, 1..90 with gaps


@dataclass(frozen=True)
class Trained:
    """A model in eval mode; class_names and category_ids are those of its labels 1, 2, …

    source: where the weights came from. budget: how long they were trained, "quick" or "full".
    """

    model: nn.Module
    source: str
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    budget: str = "full"


def trained(system: str, file: Path | None = None, device: str = "cpu") -> Trained:
    """The shipped model of a system, or one with the weights in `file`.

    `file`: weights.safetensors or checkpoint.pt of `lecturekit train`, or a state dict of the authors' model
    (for mask_rcnn torchvision's maskrcnn_resnet50_fpn, with any number of classes, for keypoint_rcnn its
    keypointrcnn_resnet50_fpn); nothing in it is run.
    Raises ValueError naming the file and the first wrong keys of any other one.
    """
    recipe = recipes.get(system)
    if file is None:
        names = tuple(getattr(recipe.train, "class_names", ()))
        return Trained(zoo.load(system, device), "shipped", names, tuple(range(1, len(names) + 1)))
    if not file.is_file():
        raise FileNotFoundError(f"weights: there is no file {file}")
    state, told = read_weights(file), card(file)
    if told.get("system", system) != system:
        raise ValueError(f"weights: {file} belongs to {told['system']}, not to {system}")
    changes = {size: len(state[key]) for size, key in SIZES.get(system, {}).items() if key in state}
    if system == "conditional_gan" and DIGITS in state:
        changes["size"] = math.isqrt(len(state[DIGITS]))
    model, official = _fill(recipe, state, changes, file)
    names, ids = _classes(recipe, told, changes.get("num_classes"), official)
    budget = told.get("budget", "full")
    return Trained(model.to(device).eval(), str(file), names, ids, budget)


def save(file: Path, model: nn.Module, told: dict) -> None:
    """Write the weights as safetensors with a card: {system, class_names, category_ids, budget, …}."""
    from safetensors.torch import save as pack

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    part = file.with_name(file.name + ".part")
    part.write_bytes(pack(state, metadata={"card": json.dumps(told)}))
    part.replace(file)


def card(file: Path) -> dict:
    """What a file says about itself: system, class_names, category_ids, budget; {} for a foreign one."""
    if file.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            return json.loads((opened.metadata() or {}).get("card", "{}"))
    content = read_file(file)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return {}
    settings = content["settings"]
    told = {"system": settings["recipe"]} if "recipe" in settings else {}
    return told | json.loads(settings.get("card", "{}"))


def _fill(recipe, state: dict, changes: dict, file: Path) -> tuple[nn.Module, bool]:
    """The tiny model or, if the keys are the authors', the paper's; and whether it is the latter."""
    tiny = functools.partial(recipe.model, **changes)
    system_class = recipe.paper_model.__self__ if recipe.paper_model else None
    with torch.device("meta"):
        small = tiny()
    misfit = ""
    try:
        check_state_dict(small, state)
    except ValueError as error:
        misfit = str(error)
    if not misfit:
        model = tiny()
        model.load_state_dict(state)
        return model, False
    if system_class is None:
        raise ValueError(f"weights: {file} is not {recipe.name}'s: {misfit}")
    try:
        return system_class.from_official(state, **changes), True
    except ValueError as error:
        own = small.state_dict().keys()
        message = misfit if len(state.keys() & own) > 0.9 * len(own) else str(error)
        raise ValueError(
            f"weights: {file} holds neither lecturekit's nor the authors' {recipe.paper.title}: {message}"
        ) from None


def _classes(recipe, told: dict, num_classes: int | None, official: bool) -> tuple[tuple, tuple]:
    """The names and original ids of the labels 1, 2, …"""
    if "class_names" in told:
        return tuple(told["class_names"]), tuple(told["category_ids"])
    if official and num_classes == COCO_LABELS:
        from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights

        names = tuple(MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"][1:])
    else:
        names = tuple(getattr(recipe.train, "class_names", ()))
        if num_classes is not None and num_classes != len(names) + 1:
            names = tuple(f"class {label}" for label in range(1, num_classes))
    return names, tuple(range(1, len(names) + 1))


def translation(weights: Trained, class_names: tuple, category_ids: tuple) -> dict[int, int]:
    """A model's labels -> a dataset's labels of the same class; classes that the dataset lacks are absent.

    Classes are the same if their names are. If not one name is known, their category ids decide, provided
    that the model knows all of the dataset's. Raises ValueError when nothing fits.
    """

    def plain(name: str) -> str:
        return name.strip().casefold().replace("_", " ")

    wanted = {plain(name): label for label, name in enumerate(class_names, 1)}
    found = {k: wanted[plain(name)] for k, name in enumerate(weights.class_names, 1) if plain(name) in wanted}
    if not found and set(category_ids) <= set(weights.category_ids):
        wanted = {category_id: label for label, category_id in enumerate(category_ids, 1)}
        found = {k: wanted[i] for k, i in enumerate(weights.category_ids, 1) if i in wanted}
    if not found:
        theirs, ours = _some(class_names), _some(weights.class_names)
        raise ValueError(f"data: its classes ({theirs}) are none of the weights' ({ours})")
    return found


def _some(names: tuple) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
