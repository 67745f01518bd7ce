"""`train`, `evaluate` and `predict` of a detector of keypoints: COCO folders and photos, skeletons drawn."""

import contextlib
import dataclasses
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from lecturekit import cli, recipes
from lecturekit.cli import weights
from lecturekit.cli.seeing import LARGEST, Observer
from lecturekit.show import paint

RECIPE = recipes.get("keypoint_rcnn")
GREY, RED = 128, (255, 0, 0)


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def told(*arguments):
    """The JSON of a command that must succeed; nothing else may be on standard output."""
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", autouse=True)
def small():
    """The recipe with smaller batches and four held-out scenes."""
    recipe = dataclasses.replace(RECIPE, batch_size=2, val=dataclasses.replace(RECIPE.val, count=4))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "get", lambda name: recipe)
        yield
    torch.set_num_threads(threads)


def places(box, number=17):
    """Where a figure's keypoints are in its box x1, y1, x2, y2: on four columns."""
    x1, y1, x2, y2 = box
    return [(x1 + (x2 - x1) * (k % 4 + 0.5) / 4, y1 + (y2 - y1) * (k // 4 + 0.5) / 5) for k in range(number)]


class SeesRed(nn.Module):
    """Finds the red box of a picture and its keypoints, some of them wrong and unsure."""

    def __init__(self, error=0.0):
        super().__init__()
        self.error, self.score_threshold = error, 0.05
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        return [self.look(image) for image in images]

    def look(self, image):
        red = (image - torch.tensor(RED)[:, None, None] / 255).abs().amax(0) < 0.2
        if not red.any():
            return self.answer([], [])
        rows, columns = red.any(1).nonzero(), red.any(0).nonzero()
        box = [int(v) for v in (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)]
        shift = self.error * (box[2] - box[0])
        return self.answer([box], [[(x + shift, y, 1.0) for x, y in places(box)]])

    def answer(self, boxes, points):
        n = len(boxes)
        return {
            "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(n, 4),
            "labels": torch.ones(n, dtype=torch.int64),
            "scores": torch.full((n,), 0.9),
            "keypoints": torch.tensor(points, dtype=torch.float32).reshape(n, 17, 3),
            "keypoints_scores": torch.tensor([[5.0] * 16 + [-1.0]] * n).reshape(n, 17),
        }


@pytest.fixture
def eyes(monkeypatch):
    """Every weights file holds a detector of red persons."""
    model = SeesRed().eval()
    known = weights.Trained(model, "eyes", ("person",), (1,))
    monkeypatch.setattr(weights, "trained", lambda system, file=None, device="cpu": known)
    return model


def street(box=None, size=(60, 80)):
    picture = np.full((*size, 3), GREY, np.uint8)
    if box:
        picture[box[1] : box[3], box[0] : box[2]] = RED
    return picture


BOXES = [(5, 6, 30, 46), (40, 10, 70, 50), (10, 10, 40, 30), None]


def coco_folder(root, number=17):
    """Four pictures with a person or none, and a car that has no keypoints, in COCO's keypoint format."""
    (root / "annotations").mkdir(parents=True)
    (root / "val2017").mkdir()
    images, annotations = [], []
    for i, box in enumerate(BOXES):
        Image.fromarray(street(box)).save(root / "val2017" / f"{i}.png")
        images.append({"id": i + 1, "file_name": f"{i}.png", "height": 60, "width": 80})
        visibility = [2 - k % 3 for k in range(number)] if i else [2] * number  # 2, 1, 0, 2, …
        for category, own in ((1, box), (3, (0, 50, 20, 60))):
            if own is None:
                continue
            x1, y1, x2, y2 = own
            one = {"id": len(annotations) + 1, "image_id": i + 1, "category_id": category, "iscrowd": 0}
            one |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": 0.6 * (x2 - x1) * (y2 - y1)}
            if category == 1:
                points = zip(places(own, number), visibility, strict=True)
                one["keypoints"] = [v for (x, y), seen in points for v in (x, y, seen)]
                one["num_keypoints"] = sum(v > 0 for v in visibility)
            annotations.append(one)
    person = {"id": 1, "name": "person", "keypoints": [f"point {k}" for k in range(number)], "skeleton": []}
    content = {"images": images, "annotations": annotations, "categories": [person, {"id": 3, "name": "car"}]}
    file = root / "annotations" / "person_keypoints_val2017.json"
    file.write_text(json.dumps(content))
    return file


def by_pycocotools(file, model):
    """OKS AP and AP50 of the model on the folder, by others' code from the same JSON."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(file))
        found = []
        for i, box in enumerate(BOXES):
            image = torch.from_numpy(street(box)).permute(2, 0, 1) / 255
            for points in model([image])[0]["keypoints"]:
                row = {"image_id": i + 1, "category_id": 1, "score": 0.9}
                found.append(row | {"keypoints": points.flatten().tolist()})
        evaluation = COCOeval(coco, coco.loadRes(found), "keypoints")
        evaluation.params.catIds = [1]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


@pytest.mark.parametrize("error", [0.0, 0.05, 0.1, 0.2])
def test_evaluation_on_a_folder_is_pycocotools(tmp_path, eyes, error):
    file = coco_folder(tmp_path / "people")
    eyes.error = error
    found = told("evaluate", "keypoint_rcnn", "--data", "coco", "--root", tmp_path / "people")
    assert (found["data"], found["n"], found["bar"]) == (str(file), 4, None)
    ap, ap50 = by_pycocotools(file, eyes)
    assert found["metrics"]["oks_ap"] == pytest.approx(ap, abs=1e-6)
    assert found["metrics"]["oks_ap50"] == pytest.approx(ap50, abs=1e-6)
    assert found["metrics"]["box_ap"] == pytest.approx(1)
    assert (ap == pytest.approx(1)) == (error == 0)


def test_a_skeleton_is_drawn_and_told(tmp_path, eyes):
    box = (100, 40, 300, 340)
    Image.fromarray(street(box, (360, 480))).save(tmp_path / "a.png")
    found = told("predict", "keypoint_rcnn", tmp_path / "a.png", "--out", tmp_path)
    (detection,) = found["pictures"][0]["detections"]
    assert (detection["name"], detection["label"], detection["score"]) == ("person", 1, 0.9)
    assert "mask" not in detection
    points = np.array(detection["keypoints"])
    np.testing.assert_allclose(points[:, :2], places(box), atol=0.011)
    assert points[:, 2].tolist() == [5.0] * 16 + [-1.0]
    drawn = np.asarray(Image.open(tmp_path / "a_keypoint_rcnn.png")).astype(int)
    assert drawn.shape == (360, 480, 3)
    for k, colour in ((5, paint.BLUE), (6, paint.ORANGE)):
        x, y = places(box)[k]
        np.testing.assert_array_equal(drawn[int(y), int(x)], colour)
    x, y = (np.array(places(box)[11]) + places(box)[13]) / 2  # the left thigh
    np.testing.assert_array_equal(drawn[int(y), int(x)], paint.BLUE)
    x, y = places(box)[16]  # unsure
    np.testing.assert_array_equal(drawn[int(y), int(x)], RED)


def test_keypoints_of_a_large_photo_are_told_in_its_own_pixels():
    size = (1000, LARGEST * 2)
    image = torch.from_numpy(street((400, 200, 1600, 800), size)).permute(2, 0, 1) / 255
    found = Observer(SeesRed())([image])[0]
    assert found["keypoints"].shape == (1, 17, 3)
    far = found["keypoints"][0, :, :2] - torch.tensor(places((400, 200, 1600, 800)))
    assert far.abs().max() < 4
    assert (found["keypoints"][..., 2] == 1).all()


@pytest.mark.parametrize("number", [17, 5])
def test_training_evaluating_and_predicting_on_a_folder_of_ones_own(tmp_path, number):
    file = coco_folder(tmp_path / "people", number)
    out, folder = tmp_path / "run", ["--data", "coco", "--root", tmp_path / "people"]
    done = told("train", "keypoint_rcnn", *folder, "--steps", 2, "--out", out, "--val-annotations", file)
    assert done["bar"] is None
    assert set(done["metrics"]) >= {"oks_ap", "oks_ap50", "box_ap"}
    loaded = weights.trained("keypoint_rcnn", out / "weights.safetensors")
    assert (loaded.class_names, loaded.category_ids) == (("person",), (1,))
    assert loaded.model.learns == {"keypoints": (number, 3)}
    found = told("evaluate", "keypoint_rcnn", *folder, "--weights", out / "checkpoint.pt")
    assert found["metrics"] == done["metrics"]
    Image.fromarray(street()).save(tmp_path / "a.png")
    seen = told(
        *("predict", "keypoint_rcnn", tmp_path / "a.png", "--out", tmp_path),
        *("--weights", out / "weights.safetensors", "--score", 0.0),
    )
    assert {len(d["keypoints"]) for d in seen["pictures"][0]["detections"]} <= {number}


def test_training_on_toy_town_tells_the_keypoints_metrics(tmp_path):
    done = told("train", "keypoint_rcnn", "--steps", 2, "--out", tmp_path / "town")
    assert set(done["metrics"]) >= {"oks_ap", "oks_ap50", "oks_ap75", "box_ap50"}
    assert done["bar"]["metric"] == "oks_ap50"


@pytest.mark.slow
def test_torchvisions_checkpoint_is_known(tmp_path):
    from torchvision.models.detection import keypointrcnn_resnet50_fpn

    theirs = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_keypoints=4)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    ours = weights.trained("keypoint_rcnn", tmp_path / "w.pth")
    assert (ours.class_names, ours.category_ids) == (("person",), (1,))
    assert ours.model.learns == {"keypoints": (4, 3)}
    for key, value in theirs.state_dict().items():
        assert torch.equal(ours.model.state_dict()[key], value)
