"""COCO-format folders, with pycocotools as the oracle, and all that can be wrong with one."""

import json
import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as oracle_mask
from pycocotools.coco import COCO

from lecturekit.data.coco import CocoInstances
from lecturekit.data.rle import decode_mask, encode_mask

SIZES = {7: (48, 64), 3: (37, 51), 11: (40, 40)}  # image id -> height, width; 11 has no annotations
CATEGORIES = [{"id": 90, "name": "kite"}, {"id": 17, "name": "cat"}, {"id": 3, "name": "car"}]


def disc(height, width, y, x, r):
    rows, columns = np.mgrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= r * r


def runs(mask):
    """Uncompressed COCO RLE, written down the slow way."""
    counts, value = [0], 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": list(mask.shape), "counts": counts}


def annotation(id, image_id, category_id, bbox, segmentation, **more):
    more = {"iscrowd": 0} | more
    return more | {
        "id": id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "segmentation": segmentation,
    }


def content():
    compressed = oracle_mask.encode(np.asfortranarray(disc(48, 64, 30, 40, 9), np.uint8))
    compressed["counts"] = compressed["counts"].decode()
    ring = disc(37, 51, 18, 25, 15) & ~disc(37, 51, 18, 25, 8)
    two_parts = [[2.5, 3.5, 20.2, 4.0, 18.0, 25.7, 3.3, 22.1], [30, 30, 44, 31, 38, 44]]
    return {
        "images": [
            {"id": i, "file_name": f"{i:04d}.png", "height": h, "width": w} for i, (h, w) in SIZES.items()
        ],
        "annotations": [
            annotation(1, 7, 17, [2.5, 3.5, 41.5, 40.5], two_parts),
            annotation(2, 7, 90, [31, 21, 19, 19], compressed, area=250.0),
            annotation(3, 3, 3, [10, 3, 31, 31], runs(ring), iscrowd=1),
            annotation(4, 3, 3, [44, 30, 20, 20], [[44, 30, 63, 31, 50, 60]]),
        ],
        "categories": [dict(category) for category in CATEGORIES],
    }


def write(root, data, pictures="images", json_at="annotations/instances_val2017.json"):
    generator = np.random.default_rng(0)
    (root / pictures).mkdir(parents=True, exist_ok=True)
    for i, (h, w) in SIZES.items():
        Image.fromarray(generator.integers(0, 256, (h, w, 3), np.uint8)).save(
            root / pictures / f"{i:04d}.png"
        )
    (root / json_at).parent.mkdir(parents=True, exist_ok=True)
    (root / json_at).write_text(data if isinstance(data, str) else json.dumps(data))
    return root / json_at


def test_masks_boxes_and_labels_are_those_of_pycocotools(tmp_path):
    file = write(tmp_path, content())
    dataset = CocoInstances(tmp_path)
    oracle = COCO(str(file))
    assert len(dataset) == 3
    assert dataset.class_names == ("car", "cat", "kite")
    assert dataset.category_ids == (3, 17, 90)
    assert dataset.keypoint_names == ()
    for image, target in dataset:
        entry = oracle.imgs[target["image_id"]]
        annotations = oracle.imgToAnns[entry["id"]]
        stored = np.asarray(Image.open(tmp_path / "images" / entry["file_name"]))
        np.testing.assert_array_equal((image * 255).round().permute(1, 2, 0).numpy(), stored)
        assert image.dtype == torch.float32
        assert target["masks"].shape == (len(annotations), entry["height"], entry["width"])
        assert [dataset.category_ids[k - 1] for k in target["labels"].tolist()] == [
            a["category_id"] for a in annotations
        ]
        assert target["iscrowd"].tolist() == [a["iscrowd"] for a in annotations]
        for mask, annotation in zip(target["masks"], annotations, strict=True):
            assert mask.sum() > 30
            np.testing.assert_array_equal(mask.numpy(), oracle.annToMask(annotation))
        dtypes = {name: target[name].dtype for name in ("boxes", "labels", "masks", "iscrowd", "area")}
        assert list(dtypes.values()) == [torch.float32, torch.int64, torch.uint8, torch.int64, torch.float32]


def test_boxes_are_corners_inside_the_picture_and_area_is_the_files_or_the_masks(tmp_path):
    write(tmp_path, content())
    dataset = CocoInstances(tmp_path)
    first, second = dataset[0][1], dataset[1][1]
    assert first["boxes"].tolist() == [[2.5, 3.5, 44.0, 44.0], [31.0, 21.0, 50.0, 40.0]]
    assert second["boxes"].tolist() == [[10.0, 3.0, 41.0, 34.0], [44.0, 30.0, 51.0, 37.0]]
    assert first["area"].tolist() == [first["masks"][0].sum().item(), 250.0]


def test_a_picture_without_annotations_is_legal(tmp_path):
    write(tmp_path, content())
    image, target = CocoInstances(tmp_path)[2]
    assert image.shape == (3, 40, 40)
    assert target["image_id"] == 11
    shapes = {name: tuple(target[name].shape) for name in ("boxes", "labels", "masks", "iscrowd", "area")}
    assert list(shapes.values()) == [(0, 4), (0,), (0, 40, 40), (0,), (0,)]


def test_training_leaves_crowds_out(tmp_path):
    write(tmp_path, content())
    assert CocoInstances(tmp_path)[1][1]["iscrowd"].tolist() == [1, 0]
    dataset = CocoInstances(tmp_path, crowd=False)
    assert dataset[1][1]["iscrowd"].tolist() == [0]
    assert "crowd=False" in repr(dataset)
    assert "0x" not in repr(dataset)


LAYOUTS = [
    *((p, "annotations/instances_val2017.json") for p in ("", "images", "val2017", "images/val2017")),
    *((p, "labels.json") for p in ("", "images")),
    ("valid", "valid/labels.json"),
]


@pytest.mark.parametrize(("pictures", "json_at"), LAYOUTS)
def test_layouts_that_people_have(tmp_path, pictures, json_at):
    write(tmp_path, content(), pictures, json_at)
    elsewhere = tmp_path / json_at if pictures == "valid" else None
    assert CocoInstances(tmp_path, elsewhere)[0][0].shape == (3, 48, 64)


def test_annotations_elsewhere_and_several_splits(tmp_path):
    data = content()
    val = write(tmp_path, data, "val2017", "annotations/instances_val2017.json")
    data["images"] = data["images"][:1]
    data["annotations"] = data["annotations"][:2]
    write(tmp_path, data, "train2017", "annotations/instances_train2017.json")
    with pytest.raises(ValueError, match=r"annotations: which of .*train2017.*val2017"):
        CocoInstances(tmp_path)
    assert len(CocoInstances(tmp_path, split="train")) == 1
    assert len(CocoInstances(tmp_path, split="val")) == 3
    assert len(CocoInstances(tmp_path / "train2017", val)) == 3


def test_keypoints_come_along_where_all_categories_have_them(tmp_path):
    data = content()
    data["categories"] = [c | {"keypoints": ["nose", "tail"]} for c in CATEGORIES]
    data["annotations"][0]["keypoints"] = [5.0, 6.0, 2, 7.0, 8.0, 1]
    write(tmp_path, data)
    dataset = CocoInstances(tmp_path)
    assert dataset.keypoint_names == ("nose", "tail")
    assert dataset[0][1]["keypoints"].tolist() == [[[5, 6, 2], [7, 8, 1]], [[0, 0, 0], [0, 0, 0]]]
    assert dataset[2][1]["keypoints"].shape == (0, 2, 3)
    data["annotations"][0]["keypoints"].append(0)
    write(tmp_path, data)
    with pytest.raises(ValueError, match="annotation 1: 7 keypoint numbers"):
        CocoInstances(tmp_path)


def test_degenerate_boxes_and_polygons_are_left_out_with_a_count(tmp_path):
    data = content()
    data["annotations"][0]["bbox"][2] = 0
    data["annotations"][3]["segmentation"] = [[1, 2, 3, 4]]
    write(tmp_path, data)
    with pytest.warns(UserWarning, match="2 of 4 annotations have no area"):
        dataset = CocoInstances(tmp_path)
    assert [len(target["labels"]) for _, target in dataset] == [1, 1, 0]
    for annotation in data["annotations"]:
        annotation["segmentation"] = []
    write(tmp_path, data)
    with pytest.raises(ValueError, match=r"4 of 4 annotations have no area.*needs masks"):
        CocoInstances(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(tmp_path, content())
        CocoInstances(tmp_path)


def test_pictures_count_as_they_are_stored_not_as_their_exif_says(tmp_path):
    data = content()
    for image in data["images"]:
        image["file_name"] = image["file_name"].replace("png", "jpg")
    write(tmp_path, data)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    for i, (h, w) in SIZES.items():
        Image.new("RGB", (w, h)).save(tmp_path / "images" / f"{i:04d}.jpg", exif=exif)
    assert CocoInstances(tmp_path)[0][0].shape == (3, 48, 64)
    Image.new("RGB", (48, 64)).save(tmp_path / "images" / "0007.jpg", exif=exif)
    assert CocoInstances(tmp_path)[0][0].shape == (3, 48, 64)
    Image.new("RGB", (48, 63)).save(tmp_path / "images" / "0007.jpg", exif=exif)
    with pytest.raises(ValueError, match=r"0007.jpg is 48 x 63 pixels and .* says 64 x 48"):
        CocoInstances(tmp_path)[0]


BROKEN = [
    ("annotation 2 has no 'bbox'", lambda d: d["annotations"][1].pop("bbox")),
    ("annotation 2 has no 'segmentation'", lambda d: d["annotations"][1].pop("segmentation")),
    ("annotation 1 has no 'category_id'", lambda d: d["annotations"][0].pop("category_id")),
    (
        "annotation number 0 has no 'image_id'",
        lambda d: [d["annotations"][0].pop(k) for k in ("id", "image_id")],
    ),
    ("annotation 3: image_id 8 is not among", lambda d: d["annotations"][2].update(image_id=8)),
    ("annotation 4: category_id 1 is not among", lambda d: d["annotations"][3].update(category_id=1)),
    ("annotation 4: bbox is [1, 2, 3], expected", lambda d: d["annotations"][3].update(bbox=[1, 2, 3])),
    ("annotation 4: bbox is", lambda d: d["annotations"][3].update(bbox=[1, 2, float("nan"), 3])),
    ("annotation 4: a polygon is", lambda d: d["annotations"][3].update(segmentation=[1, 2, 3, 4, 5, 6])),
    (
        "annotation 4: a polygon is",
        lambda d: d["annotations"][3].update(segmentation=[[1, 2, 3, 4, 5, 6, 7]]),
    ),
    ("annotation 4: a polygon is", lambda d: d["annotations"][3].update(segmentation=[[1, 2, 3, 4, 5, 1e9]])),
    (
        "annotation 4: segmentation is neither",
        lambda d: d["annotations"][3].update(segmentation={"size": [1, 1]}),
    ),
    (
        "annotation 3: the RLE is [51, 37] and image 3 is [37, 51]",
        lambda d: d["annotations"][2]["segmentation"].update(size=[51, 37]),
    ),
    ("image 7 has no 'height'", lambda d: d["images"][0].pop("height")),
    ("image 3: width is '51'", lambda d: d["images"][1].update(width="51")),
    ("image id 7 is given twice", lambda d: d["images"][1].update(id=7)),
    ("category 90 has no 'name'", lambda d: d["categories"][0].clear() or d["categories"][0].update(id=90)),
    ("has no list 'annotations'", lambda d: d.pop("annotations")),
    ("lists 0 images and 3 categories", lambda d: d["images"].clear() or d["annotations"].clear()),
    ("picture missing in", lambda d: d["images"][1].update(file_name="gone.png")),
    ("gone.png, listed in", lambda d: d["images"][1].update(file_name="gone.png")),
    ("no picture of", lambda d: [i.update(file_name="x" + i["file_name"]) for i in d["images"]]),
]


@pytest.mark.parametrize(("message", "damage"), BROKEN, ids=[message for message, _ in BROKEN])
def test_what_is_wrong_is_said_by_name(tmp_path, message, damage):
    data = content()
    damage(data)
    write(tmp_path, data)
    with pytest.raises(ValueError, match=re.escape(message)):
        CocoInstances(tmp_path)


def test_folders_and_files_that_hold_nothing(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        CocoInstances(tmp_path / "gone")
    with pytest.raises(ValueError, match="holds no annotations: expected"):
        CocoInstances(tmp_path)
    with pytest.raises(FileNotFoundError, match="no annotation file at"):
        CocoInstances(tmp_path, tmp_path / "gone.json")
    for text, message in [("{'a': 1}", "can't be read as JSON"), ("[]", "has no list 'images'")]:
        write(tmp_path, text)
        with pytest.raises(ValueError, match=message):
            CocoInstances(tmp_path)


def test_run_lengths_that_do_not_fill_the_picture_are_refused(tmp_path):
    data = content()
    data["annotations"][2]["segmentation"]["counts"].append(5)
    write(tmp_path, data)
    with pytest.raises(ValueError, match=r"annotation 3: the RLE is \[37, 51\] with 1892 pixels"):
        CocoInstances(tmp_path)[1]
    data = content()
    data["annotations"][1]["segmentation"]["counts"] = "not a mask"
    write(tmp_path, data)
    with pytest.raises(ValueError, match="annotation 2: the RLE is"):
        CocoInstances(tmp_path)[0]


@pytest.mark.parametrize("seed", range(20))
def test_run_lengths_both_ways_against_pycocotools(seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(1, 300, 2)
    noise = generator.random((height, width)) < generator.random() ** 3
    mask = noise if seed % 2 else disc(height, width, *generator.integers(0, 200, 2), 70)
    compressed = oracle_mask.encode(np.asfortranarray(mask, np.uint8))
    ours = encode_mask(mask)
    assert ours == {"size": [height, width], "counts": compressed["counts"].decode()}
    assert json.loads(json.dumps(ours)) == ours
    for rle in (ours, {"size": ours["size"], "counts": compressed["counts"]}, runs(mask)):
        np.testing.assert_array_equal(decode_mask(rle, height, width), mask)


# --- keypoints ---

POINTS = ["nose", "left_paw", "right_paw"]


def keypoint_content():
    """Persons beside a car; one has a segmentation, one no labelled keypoint, one is a crowd."""
    cat = {"id": 17, "name": "cat", "keypoints": POINTS, "skeleton": [[1, 2]]}
    data = content() | {"categories": [cat, {"id": 3, "name": "car"}]}
    data["annotations"] = [
        {"id": 1, "image_id": 7, "category_id": 17, "bbox": [2, 3, 20, 30], "area": 150.5, "num_keypoints": 2}
        | {"keypoints": [5, 6, 2, 7.5, 8.5, 1, 0, 0, 0], "iscrowd": 0},
        annotation(2, 7, 3, [10, 3, 31, 31], [[10, 3, 41, 3, 41, 34]]),
        annotation(3, 3, 17, [1, 1, 10, 10], [[1, 1, 11, 1, 11, 11]], keypoints=[0] * 9, num_keypoints=0),
        {"id": 4, "image_id": 3, "category_id": 17, "bbox": [5, 5, 30, 20], "iscrowd": 1},
    ]
    return data


def test_keypoints_are_read_without_masks_and_only_of_categories_that_have_them(tmp_path):
    file = write(tmp_path, keypoint_content(), json_at="annotations/person_keypoints_val2017.json")
    write(tmp_path, content())
    dataset, oracle = CocoInstances(tmp_path, keypoints=True), COCO(str(file))
    assert dataset.annotations == file
    assert (dataset.class_names, dataset.category_ids) == (("cat",), (17,))
    assert dataset.keypoint_names == tuple(POINTS)
    assert len(dataset) == 3
    for image, target in dataset:
        truths = [a for a in oracle.imgToAnns[target["image_id"]] if a["category_id"] == 17]
        assert image.shape[0] == 3
        assert "masks" not in target
        assert target["labels"].tolist() == [1] * len(truths)
        given = [a.get("keypoints") or [0] * 9 for a in truths]
        assert target["keypoints"].reshape(-1, 9).tolist() == given
        boxes = [[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in truths)]
        assert target["boxes"].tolist() == boxes
        assert target["iscrowd"].tolist() == [a["iscrowd"] for a in truths]
    assert dataset[0][1]["area"].tolist() == [150.5]
    assert dataset[1][1]["area"].tolist() == [100.0, 600.0]
    assert [len(CocoInstances(tmp_path, keypoints=True, crowd=False)[i][1]["labels"]) for i in range(3)] == [
        1,
        1,
        0,
    ]
    assert "keypoints=True" in repr(dataset)


def broken_keypoints(change):
    data = keypoint_content()
    change(data)
    return data


BROKEN_KEYPOINTS = {
    "no category has any": (
        lambda d: d["categories"][0].pop("keypoints"),
        "keypoints are needed, none has any",
    ),
    "differing ones": (
        lambda d: d["categories"].append({"id": 5, "name": "hand", "keypoints": ["thumb"]}),
        "share the same keypoints are needed, cat, hand",
    ),
    "too few numbers": (
        lambda d: d["annotations"][0].update(keypoints=[1, 2, 2]),
        "annotation 1: 3 keypoint numbers",
    ),
    "words": (
        lambda d: d["annotations"][0].update(keypoints=["a"] * 9),
        "annotation 1: keypoints are a list",
    ),
    "no box": (lambda d: d["annotations"][0].pop("bbox"), "annotation 1 has no 'bbox'"),
    "unknown category": (
        lambda d: d["annotations"][0].update(category_id=99),
        "annotation 1: category_id 99",
    ),
}


@pytest.mark.parametrize("what", BROKEN_KEYPOINTS)
def test_what_is_wrong_with_keypoints_is_named(tmp_path, what):
    change, words = BROKEN_KEYPOINTS[what]
    write(tmp_path, broken_keypoints(change), json_at="annotations/person_keypoints_val2017.json")
    with pytest.raises(ValueError, match=words):
        CocoInstances(tmp_path, keypoints=True)
