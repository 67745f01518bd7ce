"""The set-up can't rot unnoticed: lock, environment.yml, pyproject.toml agree, and `make setup` repairs."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DIRECT = [
    Requirement(r)
    for r in PROJECT["dependencies"] + [r for e in PROJECT["optional-dependencies"].values() for r in e]
]


def pins(text):
    """The requirements `name==version ; marker` that a file's lines hold, by (name, version)."""
    lines = [re.sub(r"\\$|^\s*-\s", "", line).strip() for line in text.splitlines()]
    found = [Requirement(line) for line in lines if re.match(r"[A-Za-z0-9._-]+==", line)]
    return {(r.name, str(r.specifier).removeprefix("==")): str(r.marker) for r in found}


LOCK = pins((ROOT / "requirements.lock").read_text())


def test_environment_yml_holds_the_lock_and_nothing_else():
    assert pins((ROOT / "environment.yml").read_text()) == LOCK
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts" / "environment.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert (ROOT / "environment.yml").read_text() == script.environment()


def test_environment_yml_python_is_one_that_the_project_allows():
    python = re.search(r"- python=(\S+)", (ROOT / "environment.yml").read_text()).group(1)
    assert Requirement("python" + PROJECT["requires-python"]).specifier.contains(python + ".0")


@pytest.mark.parametrize("requirement", DIRECT, ids=str)
def test_lock_satisfies_pyproject(requirement):
    locked = [v for name, v in LOCK if name == requirement.name]
    assert locked, f"{requirement.name} is not in requirements.lock: make lock"
    assert all(requirement.specifier.contains(v) for v in locked)


@pytest.mark.parametrize("requirement", DIRECT, ids=lambda r: r.name)
def test_what_is_installed_is_what_is_locked(requirement):
    assert (requirement.name, version(requirement.name)) in LOCK


def test_every_locked_library_has_a_hash():
    text = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[a-z0-9])", text.split("\n", 2)[2])
    assert len(blocks) == len(LOCK)
    assert [b.split("==")[0] for b in blocks if "--hash=sha256:" not in b] == []


def tracked_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_file_names_a_registry_or_a_place_on_one_machine():
    registry = "|".join(
        ["pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npmjs", "deb" + r"\.debian"]
    )
    place = "|".join(["/" + "root/", "/" + "work/", "/" + "opt/wheels", r"\.\./" + "shared"])
    bad = re.compile(f"{registry}|{place}")
    text = {
        p: p.read_bytes().decode("utf-8", "ignore") for p in tracked_files() if p.suffix != ".safetensors"
    }
    assert {str(p.relative_to(ROOT)): bad.findall(t)[:3] for p, t in text.items() if bad.search(t)} == {}


def make(folder, *arguments, **environment):
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.fixture
def course(tmp_path):
    """A copy of the set-up's files, with a stand-in for uv that leaves traces instead of 6 GB."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    pinned = re.search(r"uv_version=(\S+)", (ROOT / "scripts" / "setup.sh").read_text()).group(1)
    uv = tmp_path / ".tools" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(f"""#!/usr/bin/env bash
case "$1" in
  --version) echo "uv {pinned} (stand-in)";;
  venv) mkdir -p .venv/bin && ln -sf {sys.executable} .venv/bin/python; echo venv >> log;;
  pip) echo "$2" >> log; if [ "$2" = sync ] && [ -n "$BREAK" ]; then exit 1; fi;;
esac
""")
    uv.chmod(0o755)
    return tmp_path


def test_setup_that_broke_off_is_repaired_by_running_it_again(course):
    broken = make(course, "setup", BREAK="1")
    assert broken.returncode != 0
    assert not (course / ".venv" / ".ready").exists()
    mended = make(course, "setup", BREAK="")
    assert mended.returncode == 0, mended.stderr
    assert (course / ".venv" / ".ready").exists()
    assert (course / "log").read_text().split() == ["venv", "sync", "sync", "install"]
    make(course, "setup", BREAK="")
    assert (course / "log").read_text().split() == ["venv", "sync", "sync", "install"], (
        "nothing was left to do"
    )
    os.utime(course / "requirements.lock")
    make(course, "setup", BREAK="")
    assert (course / "log").read_text().split()[4:] == ["sync", "install"], "a new lock is installed"


def test_setup_replaces_a_venv_without_a_working_python(course):
    (course / ".venv" / "bin").mkdir(parents=True)
    (course / ".venv" / "bin" / "python").write_text("half a file")
    (course / ".venv" / "bin" / "python").chmod(0o755)
    done = make(course, "setup", BREAK="")
    assert done.returncode == 0, done.stderr
    assert (course / "log").read_text().split() == ["venv", "sync", "install"]


@pytest.mark.parametrize(
    ("python", "words"),
    [("no-such-python", "install Python 3.11"), ("old-python", "Python 3.11 to 3.13 is needed")],
)
def test_setup_without_a_fitting_python_says_so(course, tmp_path, python, words):
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\n[ \"$1\" = -V ] && echo 'Python 3.8.1' && exit 0\nexit 1\n")
    old.chmod(0o755)
    done = make(course, "setup", PYTHON=str(old) if python == "old-python" else python)
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
