"""The doctor finds what is wrong with an installation, and says how to mend it."""

import importlib.metadata
import json
import shutil
import sys

import pytest
import torch
from typer.testing import CliRunner

from lecturekit import cli, doctor, zoo


def run(*arguments):
    return CliRunner().invoke(cli.app, ["doctor", *arguments])


@pytest.fixture
def well(monkeypatch):
    """An installation in which nothing is wrong, whatever this machine lacks."""
    monkeypatch.setattr(doctor, "systems", lambda: ["mask_rcnn"])
    monkeypatch.setattr(zoo, "load", lambda name: torch.nn.Linear(4, 5))


def test_a_sound_installation(well):
    done = run("--json")
    told = json.loads(done.stdout)
    assert {c["name"]: c["found"] for c in told["checks"] if c["status"] == "wrong"} == {}
    assert (done.exit_code, told["ok"]) == (0, True)
    found = {check["name"]: check["found"] for check in told["checks"]}
    assert found["torch"] == importlib.metadata.version("torch")
    assert found["weights of mask_rcnn"] == "load: 25 parameters"
    assert {"python", "torchvision's operators", "threads", "graphics processor", "disk"} <= set(found)
    assert all(check["mend"] for check in told["checks"] if check["status"] == "note")


def one(check, name="check"):
    return doctor._checked(name, check)


def test_torch_and_torchvision_that_are_no_pair(well, monkeypatch):
    import torchvision

    def nms(*_):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(torchvision.ops, "nms", nms)
    done = run("--json")
    assert done.exit_code == 1
    wrong = [check for check in json.loads(done.stdout)["checks"] if check["status"] == "wrong"]
    assert [check["name"] for check in wrong] == ["torchvision's operators"]
    assert wrong[0]["found"] == "operator torchvision::nms does not exist"
    assert "make setup" in wrong[0]["mend"]
    shown = run()
    assert shown.exit_code == 1
    assert "WRONG" in shown.stdout
    assert "aren't a pair" in shown.stdout


def test_operators_that_compute_nonsense(monkeypatch):
    import torchvision

    monkeypatch.setattr(torchvision.ops, "nms", lambda *_: torch.tensor([0, 1, 2]))
    assert one(doctor.operators)["status"] == "wrong"


def test_missing_and_other_versions(monkeypatch):
    def version(name):
        if name == "tqdm":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"torch": "2.15.0+cpu", "torchvision": "0.1", "numpy": "1.0"}[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(
        doctor, "locked", lambda: {"torch": "2.15.0", "torchvision": "0.29.2", "numpy": "2.4.6"}
    )
    told = {
        name: one(lambda name=name: doctor.library(name))
        for name in ("tqdm", "torch", "torchvision", "numpy")
    }
    assert {name: check["status"] for name, check in told.items()} == {
        "tqdm": "wrong",
        "torch": "ok",
        "torchvision": "wrong",
        "numpy": "note",
    }
    assert told["tqdm"]["found"] == "not installed"
    assert "0.29.2" in told["torchvision"]["mend"]


def test_versions_come_from_the_lock(tmp_path, monkeypatch):
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made by make lock\n"
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:0\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:1\n    # via x\n"
        "torch==2.15.0 \\\n    --hash=sha256:2\n"
    )
    monkeypatch.setattr(doctor, "LOCK", lock)
    numpy = "2.4.6" if sys.version_info < (3, 12) else "2.5.5"
    assert doctor.locked() == {"numpy": numpy, "torch": "2.15.0"}
    monkeypatch.setattr(doctor, "LOCK", tmp_path / "gone")
    assert doctor.locked() == {}


def test_every_library_of_the_package_is_looked_at():
    names = doctor.libraries()
    assert {"torch", "torchvision", "numpy", "pillow", "typer", "faster-coco-eval"} <= set(names)
    assert not {"pytest", "ruff"} & set(names)


def test_weights_that_do_not_load(monkeypatch):
    def load(name):
        raise ValueError("weights: those of 'mask_rcnn' are for another version of the model")

    monkeypatch.setattr(zoo, "load", load)
    check = one(lambda: doctor.weights("mask_rcnn"))
    assert check["status"] == "wrong"
    assert "another version" in check["found"]
    assert "git" in check["mend"]


def test_a_missing_browser_and_held_back_threads_break_nothing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert one(doctor.browser)["status"] == "note"
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/chromium" if name == "chromium" else None)
    assert one(doctor.browser)["found"] == "/bin/chromium"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    check = one(doctor.threads)
    assert (check["status"], check["found"]) == ("note", "1 of 4 cores")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert one(doctor.threads)["status"] == "ok"


def test_a_missing_sandbox_breaks_nothing(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    check = one(doctor.sandbox)
    assert (check["status"], check["found"]) == ("note", "none")
    assert "bubblewrap" in check["mend"]
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert one(doctor.sandbox)["found"] == "/usr/bin/bwrap"


def test_digits_and_photographs_are_looked_at(monkeypatch):
    from lecturekit.data import photos

    assert one(doctor.own_data)["found"] == "1,797 digits, 16 photographs"

    def download(name):
        raise ModuleNotFoundError("No module named 'pooch'")

    monkeypatch.setattr(photos, "photograph", download)
    check = one(doctor.own_data)
    assert (check["status"], check["found"]) == ("note", "ModuleNotFoundError: No module named 'pooch'")
    assert "make setup" in check["mend"]


def test_weights_of_judges_are_looked_at_too():
    assert {"mask_rcnn", "cyclegan", "town_segmenter", "pix2pix_back"} <= set(doctor.systems())


def test_an_old_python(monkeypatch):
    assert one(doctor.python)["status"] == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 9, 1))
    check = one(doctor.python)
    assert check["status"] == "wrong"
    assert "3.11" in check["mend"]


def test_whatever_a_broken_library_raises_is_a_finding():
    def explode():
        raise OSError("libcudart.so: cannot open\nshared object file")

    check = one(explode)
    assert check["status"] == "wrong"
    assert check["found"] == "OSError: libcudart.so: cannot open shared object file"
    assert check["mend"]
