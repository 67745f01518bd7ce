"""Any folder in COCO's instances format (polygons, run lengths, crowds): the detectors' first real input.

Format: https://cocodataset.org/#format-data. Pictures are read as they are stored, without their EXIF
orientation, because COCO's annotations were drawn on the stored pixels; where the file's size fits only the
turned picture, it is turned.
"""

import json
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lecturekit.data.pictures import read_picture
from lecturekit.data.rle import decode_mask


class CocoInstances(Sequence):
    """The pictures of a COCO-format folder with boxes, labels and masks.

    `annotations` is the JSON file; without it the one in `root/annotations/instances_*.json`, or the only
    JSON in `root`, is taken, and of several the one whose name holds `split` ("train", "val"). Pictures lie
    in `root`, `root/images`, `root/train2017` or the like. `crowd=False` leaves crowd regions out, as
    training wants it. `keypoints=True` is for detectors of keypoints: only the categories that have some are
    read, from `person_keypoints_*.json` first, and annotations need no segmentation; samples have no masks.

    A sample is (image float32 [3,H,W] in 0..1, target): boxes float32 [N,4] xyxy in pixels, labels int64 [N]
    from 1, masks uint8 [N,H,W], iscrowd int64 [N], area float32 [N] in pixels, image_id int, and keypoints
    float32 [N,K,3] where every category has the same ones. Labels count 1..C along `class_names`;
    `category_ids[label - 1]` is the file's own id. A picture without annotations is a sample with N = 0.

    Boxes without area and polygons of fewer than three points are left out with a warning. Everything else
    that is wrong with the folder raises ValueError, naming the file and the annotation.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        annotations: str | os.PathLike | None = None,
        *,
        split: str | None = None,
        crowd: bool = True,
        keypoints: bool = False,
    ):
        kind = "*keypoints" if keypoints else "instances"
        self.root = Path(root)
        self.annotations = Path(annotations) if annotations else find_annotations(self.root, split, kind)
        self.crowd, self.keypoints = crowd, keypoints
        content = _read(self.annotations)
        if keypoints:
            content = _with_keypoints(content, self.annotations)
        categories = sorted(_table(content["categories"], ("id", "name"), "category").values(), key=_id)
        self.category_ids = tuple(category["id"] for category in categories)
        self.class_names = tuple(str(category["name"]) for category in categories)
        self.keypoint_names = _keypoint_names(categories)
        images = _table(content["images"], ("id", "file_name", "height", "width"), "image")
        if not images or not categories:
            raise ValueError(
                f"{self.annotations} lists {len(images)} images and {len(categories)} categories"
            )
        self.images = list(images.values())
        self.folder = self._picture_folder()
        self.objects: dict[int, list[dict]] = {image_id: [] for image_id in images}
        dropped = 0
        for number, annotation in enumerate(content["annotations"]):
            name = f"annotation {_id(annotation, f'number {number}')}"
            _check(annotation, name, images, self.category_ids)
            if not keypoints:
                _check_segmentation(annotation, name, images[annotation["image_id"]])
            points = annotation.get("keypoints") or []
            if self.keypoint_names and len(points) not in (0, 3 * len(self.keypoint_names)):
                raise ValueError(
                    f"{name}: {len(points)} keypoint numbers, expected 3 x {self.keypoint_names}"
                )
            if keypoints and not _numbers(points):
                raise ValueError(f"{name}: keypoints are a list x, y, visibility, …, not {str(points)[:60]}")
            if _degenerate(annotation, drawn=not keypoints):
                dropped += 1
            elif crowd or not annotation.get("iscrowd", 0):
                self.objects[annotation["image_id"]].append(annotation)
        if dropped:
            total = len(content["annotations"])
            message = f"{self.annotations}: {dropped} of {total} annotations have no area (box or polygon)"
            if dropped == total:
                raise ValueError(message if keypoints else f"{message}; instance segmentation needs masks")
            warnings.warn(f"{message} and are left out", stacklevel=2)

    def __repr__(self) -> str:
        kind = ", keypoints=True" if self.keypoints else ""
        return f"CocoInstances({str(self.root)!r}, {str(self.annotations)!r}, crowd={self.crowd}{kind})"

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, dict]:
        entry = self.images[index]
        height, width = entry["height"], entry["width"]
        objects = self.objects[entry["id"]]
        boxes = np.array([o["bbox"] for o in objects], np.float32).reshape(-1, 4)  # x, y, w, h
        boxes[:, 2:] += boxes[:, :2]
        boxes = boxes.clip(0, [width, height, width, height])
        sizes = (boxes[:, 2:] - boxes[:, :2]).prod(1)
        if not self.keypoints:
            masks = np.zeros((len(objects), height, width), np.uint8)
            for k, o in enumerate(objects):
                masks[k] = decode_mask(o["segmentation"], height, width, f"annotation {_id(o)}")
            sizes = masks.sum((1, 2))
        area = [o.get("area", size) for o, size in zip(objects, sizes, strict=True)]
        labels = [self.category_ids.index(o["category_id"]) + 1 for o in objects]
        target = {
            "boxes": torch.from_numpy(boxes.astype(np.float32)),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "iscrowd": torch.tensor([int(o.get("iscrowd", 0)) for o in objects], dtype=torch.int64),
            "area": torch.tensor(area, dtype=torch.float32),
            "image_id": entry["id"],
        }
        if not self.keypoints:
            target["masks"] = torch.from_numpy(masks)
        if self.keypoint_names:
            blank = [0.0] * (3 * len(self.keypoint_names))
            points = np.array([o.get("keypoints") or blank for o in objects], np.float32)
            target["keypoints"] = torch.from_numpy(points.reshape(-1, len(self.keypoint_names), 3))
        return self._picture(entry), target

    def _picture(self, entry: dict) -> torch.Tensor:
        path = self.folder / entry["file_name"]
        size = (entry["height"], entry["width"])
        image = read_picture(path, turn=False)
        if image.shape[1:] != size and image.shape[:0:-1] == size:
            image = read_picture(path)
        if image.shape[1:] != size:
            raise ValueError(
                f"{path} is {image.shape[2]} x {image.shape[1]} pixels and {self.annotations.name} says "
                f"{size[1]} x {size[0]}"
            )
        return image

    def _picture_folder(self) -> Path:
        split = self.annotations.stem.removeprefix("person_keypoints_").removeprefix("instances_")
        places = [
            self.root,
            *(self.root / n for n in ("images", split, f"images/{split}", f"{split}/images")),
        ]
        places.append(self.annotations.parent)
        names = [str(image["file_name"]) for image in self.images]
        few = names[:20]
        folder = max(places, key=lambda place: sum((place / name).is_file() for name in few))
        missing = [name for name in names if not (folder / name).is_file()]
        if len(missing) == len(names):
            raise ValueError(
                f"no picture of {self.annotations} was found, such as {names[0]!r}: looked in "
                + ", ".join(str(place) for place in places)
            )
        if missing:
            more = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
            raise ValueError(f"picture missing in {folder}: {missing[0]}{more}, listed in {self.annotations}")
        return folder


def find_annotations(root: Path, split: str | None = None, kind: str = "instances") -> Path:
    """The JSON of a COCO-format folder; of several, the one whose name holds `split`."""
    if not root.is_dir():
        raise ValueError(f"root: {root} is no folder")
    found = sorted((root / "annotations").glob(f"{kind}_*.json")) or sorted(root.glob("*.json"))
    chosen = [path for path in found if split and split in path.stem] if len(found) > 1 else found
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise ValueError(f"{root} holds no annotations: expected annotations/{kind}_*.json or one *.json")
    raise ValueError(f"annotations: which of {', '.join(str(p.relative_to(root)) for p in found)}?")


def _read(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise FileNotFoundError(f"no annotation file at {path}") from None
    except (ValueError, OSError) as error:
        raise ValueError(f"{path} can't be read as JSON: {error}") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ValueError(f"{path} has no list {key!r}: expected COCO's instances format")
    return content


def _table(entries: list, fields: tuple[str, ...], what: str) -> dict[int, dict]:
    table = {}
    for number, entry in enumerate(entries):
        for field in fields:
            if not isinstance(entry, dict) or field not in entry:
                raise ValueError(f"{what} {_id(entry, f'number {number}')} has no {field!r}")
        if entry["id"] in table:
            raise ValueError(f"{what} id {entry['id']} is given twice")
        for field in {"height", "width"} & set(fields):
            if not isinstance(entry[field], int) or entry[field] < 1:
                raise ValueError(f"{what} {entry['id']}: {field} is {entry[field]!r}, expected pixels")
        table[entry["id"]] = entry
    return table


def _id(entry: dict, otherwise: str = "without id"):
    return entry.get("id", otherwise) if isinstance(entry, dict) else otherwise


def _with_keypoints(content: dict, file: Path) -> dict:
    """The same content with those categories alone that have keypoints, and their annotations."""
    having = [c for c in content["categories"] if isinstance(c, dict) and c.get("keypoints")]
    if not _keypoint_names(having):
        kinds = ", ".join(str(c.get("name")) for c in having) or "none has any"
        raise ValueError(f"{file}: categories that share the same keypoints are needed, {kinds}")
    ids = [category.get("id") for category in having]
    others = [c.get("id") for c in content["categories"] if isinstance(c, dict) and c.get("id") not in ids]
    kept = [
        a for a in content["annotations"] if not isinstance(a, dict) or a.get("category_id") not in others
    ]
    return content | {"categories": having, "annotations": kept}


def _check(annotation: dict, name: str, images: dict[int, dict], category_ids: tuple[int, ...]) -> None:
    for field in ("image_id", "category_id", "bbox"):
        if not isinstance(annotation, dict) or field not in annotation:
            raise ValueError(f"{name} has no {field!r}")
    if annotation["image_id"] not in images:
        raise ValueError(f"{name}: image_id {annotation['image_id']!r} is not among the images")
    if annotation["category_id"] not in category_ids:
        raise ValueError(f"{name}: category_id {annotation['category_id']!r} is not among the categories")
    if not _numbers(annotation["bbox"]) or len(annotation["bbox"]) != 4:
        raise ValueError(f"{name}: bbox is {annotation['bbox']!r}, expected [x, y, width, height] in pixels")


def _check_segmentation(annotation: dict, name: str, image: dict) -> None:
    if "segmentation" not in annotation:
        raise ValueError(f"{name} has no 'segmentation'")
    segmentation = annotation["segmentation"]
    if isinstance(segmentation, list):
        far = 10 * max(image["height"], image["width"])
        for polygon in segmentation:
            if not _numbers(polygon) or len(polygon) % 2 or max(map(abs, polygon), default=0) > far:
                raise ValueError(
                    f"{name}: a polygon is a list x, y, x, y, … in pixels, not {str(polygon)[:60]}"
                )
    elif not isinstance(segmentation, dict) or not {"size", "counts"} <= set(segmentation):
        raise ValueError(f"{name}: segmentation is neither polygons nor RLE with 'size' and 'counts'")
    elif list(segmentation["size"]) != [image["height"], image["width"]]:
        raise ValueError(
            f"{name}: the RLE is {segmentation['size']} and image {image['id']} is "
            f"[{image['height']}, {image['width']}] (height, width)"
        )


def _numbers(values) -> bool:
    return isinstance(values, list) and all(
        isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in values
    )


def _degenerate(annotation: dict, drawn: bool) -> bool:
    """Whether it has no area; one that should be drawn needs a polygon or a run length too."""
    _, _, width, height = annotation["bbox"]
    segmentation = annotation["segmentation"] if drawn else None
    nothing = isinstance(segmentation, list) and not any(len(p) >= 6 for p in segmentation)
    return width <= 0 or height <= 0 or nothing


def _keypoint_names(categories: list[dict]) -> tuple[str, ...]:
    """The keypoints that all categories share, or none."""
    kinds = {tuple(category.get("keypoints") or ()) for category in categories}
    return kinds.pop() if len(kinds) == 1 else ()
