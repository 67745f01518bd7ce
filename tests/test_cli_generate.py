"""`sample`, `translate` and `upscale` on any pictures; training and measuring generators on own data."""

import dataclasses
import gzip
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from lecturekit import cli, recipes, zoo
from lecturekit.cgan.conditional_gan import ConditionalGAN
from lecturekit.cgan.cyclegan import CycleGAN
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.cgan.super_resolution import SuperResolution
from lecturekit.cli import material, tiles, weights
from lecturekit.data.views import label_picture
from lecturekit.training import Budget

SMALL = {
    "conditional_gan": lambda: ConditionalGAN.tiny(),
    "pix2pix": lambda: Pix2Pix.tiny(widths=(4, 4, 4, 4), patch_width=4),
    "cyclegan": lambda: CycleGAN.tiny(width=4, blocks=1, patch_width=4),
    "super_resolution": lambda: SuperResolution.tiny(channels=4, blocks=1),
}


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def told(*arguments):
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def untrained(monkeypatch):
    """Weights that are drawn at random, whether or not some are shipped."""
    made = {}

    def trained(system, file=None, device="cpu"):
        torch.manual_seed(0)
        name = {"srgan": "super_resolution", "super_resolution_mae": "super_resolution"}.get(system, system)
        made[system] = SMALL[name.split("_back")[0].split("_edges")[0]]().eval()
        return weights.Trained(made[system], "untrained", (), ())

    monkeypatch.setattr(weights, "trained", trained)
    return made


def street(tmp_path, name="street.png", size=(40, 60)):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path / name


# --- sample ---


def test_a_sheet_has_a_column_for_each_label_and_rows_of_other_noise(tmp_path, untrained):
    out = tmp_path / "new" / "pi.png"
    done = told("sample", "conditional_gan", "--labels", "314", "--rows", 2, "--seed", 5, "--out", out)
    assert list(done) == ["system", "weights", "labels", "rows", "seed", "made", "width", "height", "seconds"]
    assert (done["labels"], done["rows"], done["seed"]) == ([3, 1, 4], 2, 5)
    sheet = np.asarray(Image.open(out))
    assert sheet.shape == (done["height"], done["width"], 3) == (2 * 54 + 6, 3 * 54 + 6, 3)
    pictures = untrained["conditional_gan"].sample([3, 1, 4] * 2, seed=5)
    cell = sheet[6 + 54 : 6 + 54 + 48 : 6, 6 + 54 : 6 + 54 + 48 : 6, 0]  # second row, second column
    assert np.array_equal(cell, (pictures[4, 0] * 255).round().byte().numpy())
    again = told("sample", "conditional_gan", "--labels", "314", "--rows", 2, "--seed", 6, "--out", out)
    assert again["seed"] == 6
    assert not np.array_equal(np.asarray(Image.open(out)), sheet)


# --- translate ---


def test_every_kind_of_picture_is_translated_at_its_own_size(tmp_path, untrained):
    picture = Image.open(street(tmp_path))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(tmp_path / "turned.jpg", exif=exif)
    picture.convert("RGBA").save(tmp_path / "alpha.png")
    picture.convert("L").save(tmp_path / "grey.png")
    files = sorted(tmp_path.glob("*.*"))
    for system, to in (("cyclegan", "day"), ("pix2pix_edges", None)):
        more = ["--to", to] if to else []
        done = told("translate", system, *files, "--out", tmp_path / "out", *more)
        assert (done["system"], done["weights"], done["to"]) == (system, "untrained", to)
        for one in done["pictures"]:
            size = (40, 60) if "turned" in one["picture"] else (60, 40)
            assert (one["width"], one["height"]) == Image.open(one["made"]).size == size
            assert one["made"].endswith(f"_{system}.png")


def test_translations_are_the_models(tmp_path, untrained):
    file = street(tmp_path, size=(32, 64))
    for to in ("day", "night"):
        (one,) = told("translate", "cyclegan", file, "--to", to, "--out", tmp_path)["pictures"]
        picture = torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None] / 255
        expected = untrained["cyclegan"].translate(picture, to=to)[0]
        assert np.array_equal(np.asarray(Image.open(one["made"])), bytes_of(expected))


def bytes_of(picture):
    return (picture * 255).round().byte().permute(1, 2, 0).numpy()


def test_colours_of_a_label_map_count_as_the_nearest_named_ones(tmp_path, untrained):
    maps = np.random.default_rng(1).integers(0, 10, (20, 30))
    clean = label_picture(maps)
    Image.fromarray(clean).save(tmp_path / "clean.png")
    noise = np.random.default_rng(2).integers(-8, 9, clean.shape)
    Image.fromarray((clean + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / "noisy.png")
    files = [tmp_path / "clean.png", tmp_path / "noisy.png"]
    made = [
        np.asarray(Image.open(one["made"]))
        for one in told("translate", "pix2pix", *files, "--out", tmp_path)["pictures"]
    ]
    assert np.array_equal(*made)
    back = told("translate", "pix2pix_back", *files, "--out", tmp_path)["pictures"]
    assert not np.array_equal(*(np.asarray(Image.open(one["made"])) for one in back))


@pytest.mark.parametrize(
    ("system", "to", "view"),
    [
        ("pix2pix", None, "labels"),
        ("pix2pix_back", None, "day"),
        ("pix2pix_edges", None, "edges"),
        ("cyclegan", None, "day"),
        ("cyclegan", "day", "night"),
    ],
)
def test_a_scene_of_toy_town_is_translated(tmp_path, untrained, system, to, view):
    more = ["--to", to] if to else []
    (one,) = told("translate", system, "--from-town", 30_000_007, *more, "--out", tmp_path)["pictures"]
    assert one["picture"] == str(tmp_path / f"town_30000007_{view}.png")
    assert Path(one["made"]).is_file()
    given = np.asarray(Image.open(one["picture"]))
    assert given.shape == (128, 128, 3)
    if view == "labels":
        assert len(np.unique(given.reshape(-1, 3), axis=0)) <= 10


@pytest.mark.parametrize("system", ["cyclegan", "pix2pix_back"])
def test_large_pictures_are_translated_by_pieces(tmp_path, untrained, monkeypatch, system):
    monkeypatch.setattr(tiles, "WHOLE", 64)
    monkeypatch.setattr(tiles, "WINDOW", 48)
    sizes = []
    file = street(tmp_path, size=(70, 130))
    trained = weights.trained

    def watched(*arguments):
        found = trained(*arguments)
        found.model.register_module("seen", None)
        translate = found.model.translate
        found.model.translate = lambda x, **more: sizes.append(tuple(x.shape[2:])) or translate(x, **more)
        return found

    monkeypatch.setattr(weights, "trained", watched)
    done = run("translate", system, file, "--out", tmp_path, "--json")
    assert done.exit_code == 0, done.stderr
    (one,) = json.loads(done.stdout)["pictures"]
    assert (one["width"], one["height"]) == (130, 70)
    assert len(sizes) > 4
    assert "tile" in done.stderr
    if system == "pix2pix_back":
        assert set(sizes) == {(48, 48)}


# --- upscale ---


def test_enlarged_by_tiles_as_in_one_piece(tmp_path, untrained, monkeypatch):
    monkeypatch.setattr(tiles, "TILE", 16)
    file = street(tmp_path, "photo.png", (30, 45))
    (one,) = told("upscale", "super_resolution", file, "--out", tmp_path / "out")["pictures"]
    assert one["made"] == str(tmp_path / "out" / "photo_super_resolution.png")
    assert (one["width"], one["height"]) == (180, 120)
    picture = torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None] / 255
    expected = bytes_of(untrained["super_resolution"].upscale(picture)[0]).astype(int)
    assert np.abs(np.asarray(Image.open(one["made"])).astype(int) - expected).max() <= 1


def test_what_would_be_too_large_is_reported_and_the_others_are_done(tmp_path, untrained, monkeypatch):
    from lecturekit.data import pictures

    monkeypatch.setattr(pictures, "LARGEST", 16 * 100)
    small, large = street(tmp_path, "a.png", (5, 7)), street(tmp_path, "b.png", (11, 10))
    (tmp_path / "c.png").write_text("no picture")
    done = run("upscale", "srgan", large, tmp_path / "c.png", small, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 1
    first, second, third = json.loads(done.stdout)["pictures"]
    assert set(first) == set(second) == {"picture", "error"}
    assert f"{large}: it has 10 x 11 pixels" in first["error"]
    assert str(tmp_path / "c.png") in second["error"]
    assert (third["width"], third["height"]) == (28, 20)
    assert os.listdir(tmp_path / "out") == ["a_srgan.png"]


# --- mistakes ---

MISTAKES = {
    "no such system": (["sample", "masc_rcnn"], "'masc_rcnn' is no system of the catalogue"),
    "no sampler": (["sample", "pix2pix"], "pix2pix can't sample; there are conditional_gan"),
    "no translator": (["translate", "mask_rcnn", "a.png"], "mask_rcnn can't translate; there are pix2pix, "),
    "no enlarger": (["upscale", "cyclegan", "a.png"], "cyclegan can't upscale; there are super_resolution,"),
    "letters": (["sample", "conditional_gan", "--labels", "12a"], "--labels: digits such as 31415"),
    "no labels": (["sample", "conditional_gan", "--labels", ""], "--labels: digits such as 31415"),
    "a JPEG": (["sample", "conditional_gan", "--out", "a.jpg"], "--out: a PNG is written, got a.jpg"),
    "a folder": (["sample", "conditional_gan", "--out", "a"], "--out: a file's name such as a/samples.png"),
    "one way": (["translate", "pix2pix", "a.png", "--to", "day"], "--to goes with cyclegan"),
    "no pictures": (["translate", "cyclegan"], "PICTURES or --from-town SEED"),
    "predict": (["predict", "cyclegan", "a.png"], "cyclegan finds nothing in pictures"),
    "clips of COCO": (
        ["train", "yolact_edge", "--data", "coco", "--root", "."],
        "yolact_edge learns from Toy Town, and unrelated pictures are no clips",
    ),
    "COCO for a generator": (
        ["train", "pix2pix", "--data", "coco", "--root", "."],
        "--data coco: pix2pix learns from Toy Town",
    ),
    "MNIST for a detector": (
        ["train", "mask_rcnn", "--data", "mnist", "--root", "."],
        "--data mnist: mask_rcnn learns from Toy Town; besides there is --data coco",
    ),
    "town for digits": (
        ["train", "conditional_gan", "--data", "town"],
        "conditional_gan learns from scikit-learn's digits; besides there is --data mnist",
    ),
    "no root": (["train", "super_resolution", "--data", "photos"], "--data photos needs --root"),
    "no MNIST": (["train", "conditional_gan", "--data", "mnist", "--root", "/"], "no MNIST in /"),
    "no folder": (["evaluate", "srgan", "--data", "photos", "--root", "/gone"], "root: /gone is no folder"),
    "annotations": (
        ["train", "srgan", "--data", "photos", "--root", "/", "--annotations", "a.json"],
        "go with --data coco",
    ),
    "all digits": (["evaluate", "conditional_gan", "--n", "3"], "measured on all 359 held-out digits"),
    "seed of photographs": (["evaluate", "srgan", "--seed", "3"], "--seed goes with Toy Town"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_line_and_exit_code_2(untrained, arguments, message):
    done = run(*arguments, "--json")
    assert done.exit_code == 2
    assert message in json.loads(done.stdout)["error"]
    assert [
        line for line in done.stderr.splitlines() if line.startswith("error: ")
    ] == done.stderr.splitlines()


def test_weights_that_are_not_shipped_are_answered(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    for arguments in (
        ["sample", "conditional_gan"],
        ["translate", "pix2pix_back", "a"],
        ["upscale", "srgan", "a"],
    ):
        done = run(*arguments)
        assert done.exit_code == 2
        assert f"none are shipped for '{arguments[1]}'" in done.stderr
        assert f"lecturekit train {arguments[1]} --full --ship" in done.stderr


# --- train and evaluate ---


def quick(monkeypatch, name, **changes):
    """The recipe with a step or two."""
    recipe = recipes.get(name)
    recipe = dataclasses.replace(recipe, quick=Budget(steps=2, bar=0.5), batch_size=2, **changes)
    get = recipes.get
    monkeypatch.setattr(recipes, "get", lambda asked: recipe if asked == name else get(asked))
    return recipe


def mnist(root, count=12):
    """A folder as torchvision lays it out, with digits of noise."""
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), np.uint8)
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        labels = bytes(i % 10 for i in range(count))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels)
        for name in ("images-idx3", "labels-idx1"):
            file = raw / f"{part}-{name}-ubyte"
            file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
    return root


def test_digits_of_mnist_are_learnt_measured_and_drawn(tmp_path, monkeypatch):
    quick(monkeypatch, "conditional_gan")
    root, out = mnist(tmp_path / "data"), tmp_path / "run"
    done = told("train", "conditional_gan", "--data", "mnist", "--root", root, "--out", out)
    assert (done["data"], done["bar"], done["steps"]) == (str(root), None, 2)
    assert set(done["metrics"].values()) == {None}
    for name in ("weights.safetensors", "checkpoint.pt"):
        assert weights.trained("conditional_gan", out / name).model.size == 28
        drawn = tmp_path / "drawn.png"
        sheet = told("sample", "conditional_gan", "--rows", 1, "--weights", out / name, "--out", drawn)
        assert (sheet["height"], sheet["weights"]) == (28 * 6 + 12, str(out / name))
    shown = run("train", "conditional_gan", "--data", "mnist", "--root", root, "--out", out)
    assert "2 steps of 2 digits" in shown.stderr


def test_a_folder_of_photos_is_learnt_from_and_measured(tmp_path, monkeypatch):
    def crop(model, dataset, progress):
        _, large = dataset[0]
        return {"psnr_gain": 0.1, "pictures": len(dataset), "wide": large.shape[2], "times": 4}

    quick(monkeypatch, "super_resolution", evaluate=crop)
    root, out = tmp_path / "photos", tmp_path / "run"
    root.mkdir()
    street(root, "a.jpg", (70, 81)), street(root, "b.PNG", (64, 100))
    (root / "notes.txt").write_text("not looked at")
    done = told("train", "super_resolution", "--data", "photos", "--root", root, "--out", out)
    assert (done["data"], done["bar"]) == (str(root), None)
    assert done["metrics"]["pictures"] == 4  # the held-out photographs
    found = told(
        "evaluate",
        "super_resolution",
        "--data",
        "photos",
        "--root",
        root,
        "--weights",
        out / "weights.safetensors",
    )
    assert (found["data"], found["n"], found["seed"], found["bar"]) == (str(root), 2, None, None)
    assert found["metrics"]["wide"] == 80


def test_a_generator_is_trained_and_evaluated_like_a_detector(tmp_path, monkeypatch):
    recipe = recipes.get("pix2pix")
    small = {
        "train": dataclasses.replace(recipe.train, count=4, size=64),
        "val": dataclasses.replace(recipe.val, count=2),
    }
    quick(monkeypatch, "pix2pix", **small)
    done = told("train", "pix2pix", "--out", tmp_path)
    assert (done["data"], done["bar"]["metric"]) == ("town", "pixel_accuracy_share")
    found = told("evaluate", "pix2pix", "--weights", tmp_path / "weights.safetensors")
    assert (found["n"], found["seed"]) == (2, recipe.val.first)
    assert found["metrics"] == pytest.approx(done["metrics"])
    shown = run("evaluate", "pix2pix", "--weights", tmp_path / "weights.safetensors", "--n", 1)
    assert "pix2pix on town: 1 pairs of pictures" in shown.stdout


def test_what_samples_are_called():
    units = {name: material.unit(recipes.get(name).val) for name in recipes.names()}
    assert units == {
        "mask_rcnn": "pictures",
        "keypoint_rcnn": "pictures",
        "yolact": "pictures",
        "yolact_edge": "clips",
        "conditional_gan": "digits",
        "super_resolution": "photographs",
        "srgan": "photographs",
        "pix2pix": "pairs of pictures",
        "cyclegan": "pictures by day and by night",
    }


def test_a_judge_is_trained_too(tmp_path):
    done = told("train", "digit_judge", "--steps", 3, "--out", tmp_path)
    assert 0 < done["metrics"]["accuracy"] <= 1
    found = told("evaluate", "digit_judge", "--weights", tmp_path / "weights.safetensors")
    assert found["metrics"] == done["metrics"]
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    done = run("evaluate", "digit_judge", "--weights", tmp_path / "x.pth")
    assert (done.exit_code, "is not digit_judge's" in done.stderr) == (2, True)


def test_a_public_generator_enlarges(tmp_path):
    """At the paper's size, from a file that holds the generator alone."""
    torch.manual_seed(0)
    model = SuperResolution.paper()
    torch.save(model.generator.state_dict(), tmp_path / "srresnet.pth")
    file = street(tmp_path, size=(9, 7))
    for system in ("super_resolution", "srgan"):
        more = ["--weights", tmp_path / "srresnet.pth", "--out", tmp_path]
        (one,) = told("upscale", system, file, *more)["pictures"]
        picture = torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None] / 255
        expected = bytes_of(model.upscale(picture)[0]).astype(int)
        assert np.abs(np.asarray(Image.open(one["made"])).astype(int) - expected).max() <= 1
