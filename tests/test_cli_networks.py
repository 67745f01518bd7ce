"""`train`, `evaluate` and `predict` on Toy Town, COCO folders and photos; weights from anywhere."""

import dataclasses
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from lecturekit import cli, recipes, zoo
from lecturekit.cli import material, weights
from lecturekit.data.rle import decode_mask, encode_mask
from lecturekit.training import History

RECIPE = recipes.get("mask_rcnn")
METRICS = {"mask_ap", "mask_ap50", "box_ap", "box_ap50"}
COLOURS = {"cat": (255, 0, 0), "dog": (0, 255, 0), "fox": (0, 0, 255)}


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
        patch.setattr(recipes, "get", lambda name: recipe if name == "mask_rcnn" else recipes.entry(name))
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "town"
    return out, told("train", "mask_rcnn", "--steps", 2, "--seed", 5, "--out", out)


class SeesColours(nn.Module):
    """A perfect detector of pure red, green and blue; it calls them by the labels given."""

    def __init__(self, labels):
        super().__init__()
        self.labels, self.score_threshold = labels, 0.05
        self.seen = []
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images):
        self.seen += [tuple(image.shape[1:]) for image in images]
        return [self.look(image) for image in images]

    def look(self, image):
        found = {"boxes": [], "labels": [], "scores": [], "masks": []}
        for k, (name, label) in enumerate(self.labels.items()):
            mask = (image - torch.tensor(COLOURS[name])[:, None, None] / 255).abs().amax(0) < 0.3
            if mask.any():
                rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
                edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                values = (
                    torch.stack(edges).float(),
                    torch.tensor(label),
                    torch.tensor(0.9 - 0.3 * k),
                    mask[None],
                )
                for part, value in zip(found.values(), values, strict=True):
                    part.append(value.float() if part is found["masks"] else value)
        shapes = {"boxes": (0, 4), "labels": (0,), "scores": (0,), "masks": (0, 1, *image.shape[1:])}
        return {
            k: torch.stack(v)
            if v
            else torch.zeros(shapes[k]).to(torch.int64 if k == "labels" else torch.float)
            for k, v in found.items()
        }


@pytest.fixture
def eyes(monkeypatch):
    """Every weights file holds a perfect detector of cats (label 2), dogs (1) and foxes (3)."""
    model = SeesColours({"cat": 2, "dog": 1, "fox": 3}).eval()
    known = weights.Trained(model, "eyes", ("dog", "cat", "fox"), (1, 2, 3))
    monkeypatch.setattr(weights, "trained", lambda system, file=None, device="cpu": known)
    return model


def street(size=(60, 80), **boxes):
    """A grey picture with coloured boxes: name=(x1, y1, x2, y2)."""
    picture = np.full((*size, 3), 128, np.uint8)
    for name, (x1, y1, x2, y2) in boxes.items():
        picture[y1:y2, x1:x2] = COLOURS[name]
    return picture


def coco_folder(root, ids):
    """Three pictures with cats and dogs as a COCO folder; `ids`: name -> category id. The last is empty."""
    root.mkdir(exist_ok=True)
    scenes = [{"cat": (5, 6, 30, 40), "dog": (40, 10, 70, 50)}, {"dog": (10, 10, 40, 30)}, {}]
    images, annotations = [], []
    for i, scene in enumerate(scenes):
        Image.fromarray(street(**scene)).save(root / f"{i}.png")
        images.append({"id": i, "file_name": f"{i}.png", "height": 60, "width": 80})
        for name, (x1, y1, x2, y2) in scene.items():
            mask = np.zeros((60, 80), bool)
            mask[y1:y2, x1:x2] = True
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": i,
                    "category_id": ids[name],
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "segmentation": encode_mask(mask),
                }
            )
    categories = [{"id": i, "name": name} for name, i in ids.items()]
    file = root / "labels.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return file


# --- train ---


def test_training_tells_and_keeps_everything(training):
    out, done = training
    assert list(done) == ["system", "data", "steps", "seed", "seconds", "metrics", "bar", "files", "shipped"]
    assert (done["system"], done["data"], done["steps"], done["seed"]) == ("mask_rcnn", "town", 2, 5)
    assert set(done["metrics"]) >= METRICS
    assert done["bar"] == RECIPE.judged(done["metrics"], "quick")
    assert done["shipped"] is None
    assert sorted(os.listdir(out)) == ["checkpoint.pt", "history.json", "metrics.json", "weights.safetensors"]
    assert set(done["files"].values()) == {str(out / name) for name in os.listdir(out)}
    assert len(History.from_json((out / "history.json").read_text())) == 2
    kept = json.loads((out / "metrics.json").read_text())
    assert kept["metrics"] == done["metrics"]
    card = weights.card(out / "weights.safetensors")
    assert card["class_names"] == list(RECIPE.train.class_names)
    assert (card["steps"], card["seed"], card["budget"]) == (2, 5, "quick")


def test_training_on_is_refused_for_other_settings(training):
    out, _ = training
    done = run("train", "mask_rcnn", "--steps", 3, "--seed", 5, "--out", out, "--resume")
    assert done.exit_code == 2
    assert "belongs to another training: steps was 2 and is now 3" in done.stderr


def test_weights_and_checkpoint_of_a_training_measure_the_same(training):
    out, done = training
    for name in ("weights.safetensors", "checkpoint.pt"):
        found = told("evaluate", "mask_rcnn", "--weights", out / name)
        assert found["metrics"] == done["metrics"]
        assert found["bar"] == done["bar"]


def test_ship_stores_the_result_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "weights")
    quick = dataclasses.replace(recipes.get("mask_rcnn").full, steps=2)
    recipe = dataclasses.replace(recipes.get("mask_rcnn"), full=quick)
    monkeypatch.setattr(recipes, "get", lambda name: recipe)
    saved = []
    monkeypatch.setattr(zoo, "save", lambda model, recipe, history, seed: saved.append((len(history), seed)))
    done = told("train", "mask_rcnn", "--full", "--ship", "--out", tmp_path / "run")
    assert saved == [(2, RECIPE.seed)]
    assert done["shipped"] == str(tmp_path / "weights" / "mask_rcnn.safetensors")
    told("train", "mask_rcnn", "--full", "--out", tmp_path / "run")
    assert len(saved) == 1


@pytest.mark.slow
def test_training_goes_on_after_kill_9_bit_for_bit(tmp_path):
    code = (
        "import dataclasses, sys\n"
        "from lecturekit import cli, recipes\n"
        "recipe = recipes.get('mask_rcnn')\n"
        "recipe = dataclasses.replace(recipe, batch_size=1, val=dataclasses.replace(recipe.val, count=2))\n"
        "recipes.get = lambda name: recipe\n"
        "cli.main()\n"
    )

    def start(out, *more):
        arguments = [
            "train",
            "mask_rcnn",
            "--steps",
            "80",
            "--threads",
            "1",
            "--out",
            str(tmp_path / out),
            *more,
        ]
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    whole = start("whole")
    assert whole.wait(timeout=300) == 0
    cut = start("cut")
    deadline = time.monotonic() + 300
    while not (tmp_path / "cut" / "checkpoint.pt").exists():
        assert cut.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    cut.send_signal(signal.SIGKILL)
    cut.wait()
    assert not (tmp_path / "cut" / "weights.safetensors").exists()
    assert start("cut", "--resume").wait(timeout=300) == 0
    states = [weights.read_weights(tmp_path / out / "weights.safetensors") for out in ("whole", "cut")]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    histories = [History.from_json((tmp_path / out / "history.json").read_text()) for out in ("whole", "cut")]
    assert histories[0].rows == histories[1].rows


# --- evaluate ---


def test_evaluation_has_the_agreed_fields(training):
    out, _ = training
    found = told("evaluate", "mask_rcnn", "--weights", out / "weights.safetensors", "--n", 2)
    assert list(found) == ["system", "data", "n", "seed", "metrics", "bar", "seconds"]
    assert (found["system"], found["data"], found["n"]) == ("mask_rcnn", "town", 2)
    assert found["seed"] == RECIPE.val.first
    assert set(found["metrics"]) >= METRICS
    assert set(found["bar"]) == {"metric", "at_least", "value", "reached"}
    assert found["bar"]["value"] == found["metrics"][RECIPE.metric]


def test_evaluation_on_the_training_scenes_is_remarked(training):
    out, _ = training
    arguments = ["evaluate", "mask_rcnn", "--weights", out / "weights.safetensors", "--n", 1, "--seed"]
    assert "may have been trained on" in run(*arguments, 17).stderr
    assert "may have been trained on" not in run(*arguments, 20_000_000).stderr


@pytest.mark.parametrize("ids", [{"cat": 17, "dog": 18}, {"dog": 18, "cat": 17}, {"cat": 40, "dog": 2}])
def test_classes_of_weights_and_folder_meet_by_name(tmp_path, eyes, ids):
    file = coco_folder(tmp_path / "pets", ids)
    found = told("evaluate", "mask_rcnn", "--data", "coco", "--root", tmp_path / "pets")
    assert found["metrics"]["mask_ap"] == pytest.approx(1)
    assert found["metrics"]["box_ap"] == pytest.approx(1)
    assert (found["data"], found["n"], found["seed"], found["bar"]) == (str(file), 3, None, None)
    eyes.seen.clear()
    one = told("evaluate", "mask_rcnn", "--data", "coco", "--annotations", file, "--n", 1)
    assert one["n"] == len(eyes.seen) == 1
    assert one["metrics"]["mask_ap"] == pytest.approx(1)
    shown = run("evaluate", "mask_rcnn", "--data", "coco", "--annotations", file)
    assert "mask_ap50  1.000" in shown.stdout


def test_classes_that_the_weights_do_not_know_are_told_and_count_as_missed(tmp_path, eyes):
    coco_folder(tmp_path / "pets", {"cat": 1, "dog": 2})
    text = (tmp_path / "pets" / "labels.json").read_text().replace('"dog"', '"axolotl"')
    (tmp_path / "pets" / "labels.json").write_text(text)
    done = run("evaluate", "mask_rcnn", "--data", "coco", "--root", tmp_path / "pets", "--json")
    assert "the weights don't know axolotl" in done.stderr
    assert json.loads(done.stdout)["metrics"]["mask_ap"] == pytest.approx(0.5)


COCO_SPEAKER = weights.Trained(
    nn.Identity(), "", tuple(f"thing {k}" for k in range(1, 91)), tuple(range(1, 91))
)


def test_labels_meet_by_name_and_else_by_coco_ids():
    pets = weights.Trained(nn.Identity(), "", ("dog", "Sports_Ball", "cat"), (1, 2, 3))
    assert weights.translation(pets, ("cat", "sports ball", "newt"), (5, 6, 7)) == {2: 2, 3: 1}
    assert weights.translation(COCO_SPEAKER, ("eins", "zwei"), (3, 90)) == {3: 1, 90: 2}
    with pytest.raises(ValueError, match=r"data: its classes \(newt\) are none of the weights' \(dog"):
        weights.translation(pets, ("newt",), (91,))


# --- predict ---


def test_every_kind_of_photo_is_drawn_at_its_own_size(tmp_path, eyes):
    picture = Image.fromarray(street(cat=(5, 6, 30, 40)))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "plain.jpg", quality=95, subsampling=0)
    picture.save(tmp_path / "turned.jpg", exif=exif)
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    picture.quantize(8).save(tmp_path / "palette.png")
    picture.convert("L").save(tmp_path / "grey.png")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(np.full((60, 80), 40_000, np.uint16)).save(tmp_path / "deep.png")
    photos = sorted(tmp_path.iterdir())
    found = told("predict", "mask_rcnn", *photos, "--out", tmp_path / "out")
    assert [one["picture"] for one in found["pictures"]] == [str(photo) for photo in photos]
    by_name = {os.path.basename(one["picture"]): one for one in found["pictures"]}
    for name, one in by_name.items():
        size = (60, 80) if name == "turned.jpg" else (80, 60)
        assert (one["width"], one["height"]) == Image.open(one["drawn"]).size == size
        assert one["drawn"].endswith(f"{name.split('.')[0]}_mask_rcnn.png")
    assert [len(by_name[f]["detections"]) for f in ("plain.jpg", "alpha.png", "palette.png")] == [1, 1, 1]
    assert by_name["grey.png"]["detections"] == []
    assert by_name["turned.jpg"]["detections"][0]["box"] == pytest.approx([20, 5, 54, 30], abs=2)


def test_detections_are_told_in_the_photos_pixels(tmp_path, eyes):
    boxes = {"cat": (5, 6, 30, 40), "dog": (40, 10, 70, 50)}
    Image.fromarray(street(**boxes)).save(tmp_path / "a.png")
    found = told("predict", "mask_rcnn", tmp_path / "a.png", "--out", tmp_path)
    assert list(found) == ["system", "weights", "score", "pictures", "seconds"]
    detections = found["pictures"][0]["detections"]
    assert [(d["name"], d["label"], d["score"]) for d in detections] == [("cat", 2, 0.9), ("dog", 1, 0.6)]
    for detection in detections:
        x1, y1, x2, y2 = boxes[detection["name"]]
        assert detection["box"] == [x1, y1, x2, y2]
        mask = decode_mask(detection["mask"], 60, 80)
        assert mask[y1:y2, x1:x2].all()
        assert mask.sum() == (x2 - x1) * (y2 - y1)
    drawn = np.asarray(Image.open(tmp_path / "a_mask_rcnn.png")).astype(int)
    assert (np.abs(drawn - street(**boxes)).max(2) > 10).mean() > 0.1
    sure = told("predict", "mask_rcnn", tmp_path / "a.png", "--out", tmp_path, "--score", 0.7)
    assert [d["name"] for d in sure["pictures"][0]["detections"]] == ["cat"]
    assert "cat 0.90, dog 0.60" in run("predict", "mask_rcnn", tmp_path / "a.png", "--out", tmp_path).stdout


def test_a_large_photo_is_seen_smaller_and_told_in_its_own_pixels(tmp_path, eyes):
    box = (200, 400, 1000, 1600)
    Image.fromarray(street((1800, 2400), cat=box)).save(tmp_path / "a.png")
    one = told("predict", "mask_rcnn", tmp_path / "a.png", "--out", tmp_path)["pictures"][0]
    assert eyes.seen == [(1200, 1600)]
    assert (one["width"], one["height"]) == Image.open(one["drawn"]).size == (2400, 1800)
    assert one["detections"][0]["box"] == pytest.approx(box, abs=3)
    mask = decode_mask(one["detections"][0]["mask"], 1800, 2400)
    assert mask.sum() == pytest.approx(800 * 1200, rel=0.01)
    assert mask[410:1590, 210:990].all()


def test_a_bad_picture_is_reported_and_the_others_are_done(tmp_path, eyes):
    Image.fromarray(street(cat=(5, 6, 30, 40))).save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_text("I am no picture")
    files = [tmp_path / name for name in ("bad.jpg", "good.png", "gone.png")]
    done = run("predict", "mask_rcnn", *files, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 1
    bad, good, gone = json.loads(done.stdout)["pictures"]
    assert set(bad) == set(gone) == {"picture", "error"}
    assert len(good["detections"]) == 1
    assert done.stderr.count("error: ") == 2
    assert f"{files[0]} is no picture" in done.stderr
    assert f"no picture at {files[2]}" in done.stderr
    assert os.listdir(tmp_path / "out") == ["good_mask_rcnn.png"]


def test_pictures_of_the_same_name_do_not_overwrite_each_other(tmp_path, eyes):
    names = ["a/x.png", "b/x.png", "b/X.jpg", "x_mask_rcnn.png", "x.png"]
    for k, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(street((20 + k, 30), cat=(2, 2, 9, 9))).save(tmp_path / name)
    before = {name: (tmp_path / name).read_bytes() for name in names}
    found = told("predict", "mask_rcnn", *(tmp_path / name for name in names), "--out", tmp_path)["pictures"]
    drawn = [one["drawn"] for one in found]
    assert len({place.lower() for place in drawn}) == len(names)
    assert [Image.open(place).height for place in drawn] == [20, 21, 22, 23, 24]
    assert {name: (tmp_path / name).read_bytes() for name in names} == before


def test_no_masks_are_made_for_what_is_not_shown(tmp_path, eyes):
    Image.fromarray(street()).save(tmp_path / "a.png")
    told("predict", "mask_rcnn", tmp_path / "a.png", "--out", tmp_path, "--score", 0.7)
    assert eyes.score_threshold == 0.7


# --- weights ---


def test_own_weights_of_either_kind_predict_alike(training, tmp_path):
    out, _ = training
    Image.fromarray(street((64, 64))).save(tmp_path / "a.png")
    found = [
        told(
            "predict",
            "mask_rcnn",
            tmp_path / "a.png",
            "--out",
            tmp_path,
            "--weights",
            out / name,
            "--score",
            0.1,
        )
        for name in ("weights.safetensors", "checkpoint.pt")
    ]
    first, second = (one["pictures"][0]["detections"] for one in found)
    assert first == second
    assert {d["name"] for d in first} <= set(RECIPE.train.class_names)


def test_training_evaluating_and_predicting_on_a_folder_of_ones_own(tmp_path):
    file = coco_folder(tmp_path / "pets", {"dog": 18, "cat": 17})
    out = tmp_path / "run"
    folder = ["--data", "coco", "--root", tmp_path / "pets"]
    done = told("train", "mask_rcnn", *folder, "--steps", 2, "--out", out, "--val-annotations", file)
    assert done["data"] == str(file)
    assert done["bar"] is None
    assert set(done["metrics"]) >= METRICS
    assert told("train", "mask_rcnn", *folder, "--steps", 2, "--out", out)["metrics"] == {}
    for name in ("weights.safetensors", "checkpoint.pt"):
        loaded = weights.trained("mask_rcnn", out / name)
        assert loaded.class_names == ("cat", "dog")
        assert loaded.category_ids == (17, 18)
        assert loaded.model.num_classes == 3
        found = told("evaluate", "mask_rcnn", *folder, "--weights", out / name)
        assert found["metrics"] == done["metrics"]


def test_crowds_are_left_out_of_training_and_forgive_in_evaluation(tmp_path):
    file = coco_folder(tmp_path / "pets", {"dog": 18, "cat": 17})
    recipe = material.on_coco(RECIPE, tmp_path / "pets", None, file, training=True)[0]
    assert (recipe.train.crowd, recipe.val.crowd) == (False, True)


def test_other_categories_in_the_second_file_are_refused(tmp_path):
    coco_folder(tmp_path / "a", {"dog": 1, "cat": 2})
    other = coco_folder(tmp_path / "b", {"dog": 2, "cat": 1})
    other.rename(tmp_path / "a" / "images.val")
    folder = ["--data", "coco", "--root", tmp_path / "a"]
    done = run(
        "train", "mask_rcnn", *folder, "--val-annotations", tmp_path / "a" / "images.val", "--steps", 1
    )
    assert done.exit_code == 2
    assert "--val-annotations: other categories" in done.stderr


class Evil:
    def __reduce__(self):
        return (open, (os.environ["LECTUREKIT_EVIL"], "w"))


FOREIGN = {
    "a state dict of something else": (lambda: {"conv.weight": torch.ones(2, 2)}, "keys missing"),
    "a state dict of torchvision's ResNet": (
        lambda: {k.removeprefix("backbone.body."): v for k, v in RECIPE.model().state_dict().items()},
        "neither lecturekit's nor the authors' Mask R-CNN",
    ),
    "a part of the right one": (
        lambda: {k: v for k, v in RECIPE.model().state_dict().items() if "box_predictor.bbox" not in k},
        "2 keys missing: roi_heads.box_predictor.bbox_pred.weight",
    ),
    "another size": (
        lambda: RECIPE.model(box_features=32).state_dict(),
        "misshapen: roi_heads.box_head",
    ),
    "no state dict": (lambda: [1, 2, 3], "holds no state dict"),
}


@pytest.mark.parametrize(("make", "message"), FOREIGN.values(), ids=FOREIGN)
def test_foreign_weights_are_refused_by_name(tmp_path, make, message):
    torch.save(make(), tmp_path / "w.pth")
    Image.fromarray(street()).save(tmp_path / "a.png")
    done = run(
        "predict", "mask_rcnn", tmp_path / "a.png", "--weights", tmp_path / "w.pth", "--out", tmp_path / "o"
    )
    assert done.exit_code == 2
    assert str(tmp_path / "w.pth") in done.stderr
    assert message in done.stderr
    assert len(done.stderr) < 1000
    assert not (tmp_path / "o").exists()


def test_damaged_and_dangerous_files_are_refused_and_not_executed(tmp_path, monkeypatch, training):
    monkeypatch.setenv("LECTUREKIT_EVIL", str(tmp_path / "executed"))
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    torch.save({"weight": Evil()}, tmp_path / "evil2.pth")
    whole = (training[0] / "weights.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pth").touch()
    (tmp_path / "text.safetensors").write_text("hello")
    for file in [p for p in tmp_path.iterdir() if p.suffix in (".pth", ".safetensors")]:
        done = run("evaluate", "mask_rcnn", "--weights", file, "--json")
        assert done.exit_code == 2, file
        assert file.name in json.loads(done.stdout)["error"]
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "executed").exists()


def test_weights_of_another_system_are_refused(tmp_path):
    weights.save(tmp_path / "w.safetensors", nn.Linear(1, 1), {"system": "yolact"})
    with pytest.raises(ValueError, match="belongs to yolact, not to mask_rcnn"):
        weights.trained("mask_rcnn", tmp_path / "w.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("classes", [91, 4])
def test_torchvisions_checkpoints_see_what_torchvision_sees(tmp_path, classes):
    from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn

    torch.manual_seed(0)
    theirs = maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=classes, min_size=160, max_size=200
    ).eval()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    picture = torch.rand(3, 12, 16).repeat_interleave(10, 1).repeat_interleave(10, 2).mul(255).round() / 255
    Image.fromarray((picture * 255).byte().permute(1, 2, 0).numpy()).save(tmp_path / "a.png")
    ours = weights.trained("mask_rcnn", tmp_path / "w.pth")
    if classes == 91:
        names = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
        assert ours.class_names == tuple(names[1:])
        assert ours.category_ids[16] == 17
        assert ours.class_names[16] == "cat"
    else:
        assert ours.class_names == ("class 1", "class 2", "class 3")
    ours.model.min_size, ours.model.max_size = (160,), 200
    with torch.no_grad():
        expected, found = theirs([picture])[0], ours.model([picture])[0]
    assert len(expected["labels"]) > 5
    assert torch.equal(expected["labels"], found["labels"])
    torch.testing.assert_close(found["boxes"], expected["boxes"], rtol=1e-4, atol=1e-3)
