"""What a network is trained and measured on: its recipe's own data, or the user's."""

import dataclasses
import functools
import os
from pathlib import Path

UNITS = {  # what a dataset is of, by its class
    "TownClips": "clips",
    "TownPairs": "pairs of frames",
    "TownHeaps": "pictures by day and by night",
    "TownViews": "pairs of pictures",
    "Digits": "digits",
    "Mnist": "digits",
    "Photographs": "photographs",
    "FolderPhotos": "photographs",
    "PhotoPatches": "patches of photographs",
    "FolderPatches": "patches of photographs",
}


def unit(dataset) -> str:
    """What the dataset is of, in the plural."""
    return UNITS.get(type(dataset).__name__, "pictures")


def place(recipe) -> str:
    """Where the recipe's own data come from: town, digits or photographs."""
    return {"Digits": "digits", "PhotoPatches": "photographs"}.get(type(recipe.train).__name__, "town")


def choices(recipe, training: bool) -> list[str]:
    """What --data may say: the recipe's own, then what the user may bring."""
    own, is_clip = place(recipe), hasattr(recipe.train, "frames")
    if own == "town" and recipe.lecture == "instance" and not (is_clip and training):
        return [own, "coco"]
    if own == "digits" and recipe.name == "conditional_gan":
        return [own, "mnist"]
    return [own, "photos"] if own == "photographs" else [own]


def chosen(
    recipe,
    data: str | None,
    root: Path | None,
    annotations: Path | None = None,
    val_annotations: Path | None = None,
    training: bool = False,
):
    """(recipe with the data that --data says, its folder or file for the results); ValueError names the
    option that doesn't fit.

    Without --data it is the recipe as it is.
    """
    known = choices(recipe, training)
    if data is not None and data not in known:
        others = f"; besides there is --data {known[1]}" if len(known) > 1 else ""
        why = (
            ", and unrelated pictures are no clips"
            if data == "coco" and "frames" in unit(recipe.train)
            else ""
        )
        verb = "learns from" if training else "is measured on"
        raise ValueError(f"--data {data}: {recipe.name} {verb} {_told(known[0])}{why}{others}")
    if data in (None, known[0]):
        if root or annotations or val_annotations:
            options = (
                "--root, --annotations and --val-annotations" if training else "--root and --annotations"
            )
            raise ValueError(f"{options} go with --data {known[1] if len(known) > 1 else 'coco'}")
        return recipe, known[0]
    if data == "coco":
        return on_coco(recipe, root, annotations, val_annotations, training)
    if annotations or val_annotations:
        raise ValueError("--annotations and --val-annotations go with --data coco")
    if root is None:
        what = "MNIST/raw, as torchvision lays it out" if data == "mnist" else "the pictures"
        raise ValueError(f"--data {data} needs --root, the folder with {what}")
    folder = os.path.abspath(root)
    return (on_mnist if data == "mnist" else on_photos)(recipe, folder, training), folder


def _told(own: str) -> str:
    return {"town": "Toy Town", "digits": "scikit-learn's digits"}.get(own, own)


def on_coco(recipe, root, annotations, val_annotations, training: bool):
    """A folder in COCO's format: its pictures, and in training as many classes as it has."""
    if not training:
        pictures = coco(recipe, root, annotations, "val", crowd=True)
        return dataclasses.replace(recipe, val=pictures), str(pictures.annotations)
    own = coco(recipe, root, annotations, "train", crowd=False)
    held_out = coco(recipe, root, val_annotations, "val", crowd=True) if val_annotations else own
    if held_out.class_names != own.class_names or held_out.keypoint_names != own.keypoint_names:
        raise ValueError(f"--val-annotations: other categories or keypoints than in {own.annotations}")
    sizes = {"num_classes": len(own.class_names) + 1}
    if own.keypoints:
        sizes["num_keypoints"] = len(own.keypoint_names)
    model = functools.partial(recipe.model, **sizes)
    return dataclasses.replace(recipe, model=model, train=own, val=held_out), str(own.annotations)


def coco(recipe, root: Path | None, annotations: Path | None, split: str, crowd: bool):
    """The dataset of --data coco: for detectors of keypoints only what has some."""
    from lecturekit.data import CocoInstances

    if root is None:
        root = annotations.parent if annotations else None
    if root is None:
        raise ValueError("--data coco needs --root, the folder with the pictures")
    file = annotations and os.path.abspath(annotations)
    keypoints = hasattr(recipe.train, "keypoint_names")
    return CocoInstances(os.path.abspath(root), file, split=split, crowd=crowd, keypoints=keypoints)


def on_mnist(recipe, root: str, training: bool):
    """MNIST in its own size, for which the networks have other layers."""
    from lecturekit.data import Mnist

    sets = {"train": Mnist(root, "train"), "val": Mnist(root, "val")}
    return dataclasses.replace(recipe, model=functools.partial(recipe.model, size=28), **sets)


def on_photos(recipe, root: str, training: bool):
    """A folder of photographs: to learn from in patches (and be measured on the recipe's), or to be measured
    on as a whole."""
    from lecturekit.data import FolderPatches, FolderPhotos

    if not training:
        return dataclasses.replace(recipe, val=FolderPhotos(root))
    own = recipe.train
    return dataclasses.replace(
        recipe, train=FolderPatches(first=own.first, count=own.count, size=own.size, root=root)
    )
