"""Who may import whom, from the ground up (see README, "How the package is built")."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "lecturekit"
GROUND = ("layers", "town", "metrics", "training")
WINGS = ["instance", "panoptic", "landmark", "keypoint", "cgan"]  # in the order of the lectures
MAY_IMPORT = {
    **{part: {part} for part in GROUND},
    "data": {"data", "town"},
    **{wing: {"layers", *WINGS[: i + 1]} for i, wing in enumerate(WINGS)},
    "recipes": {"recipes", "data", "metrics", "training", *WINGS},
    "zoo": {"recipes", "training"},
}


def imported(file):
    """The parts of lecturekit that a file imports anywhere in it, as (part, line)."""
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(parts[: len(parts) - node.level]) if node.level else []
            base += (node.module or "").split(".") if node.module else []
            names = [".".join([*base, alias.name]) for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "lecturekit" and name.count("."):
                yield name.split(".")[1], node.lineno


def files(part):
    return sorted((PACKAGE / part).rglob("*.py")) or [PACKAGE / f"{part}.py"]


@pytest.mark.parametrize(
    "part", [p for p in MAY_IMPORT if (PACKAGE / p).exists() or (PACKAGE / f"{p}.py").exists()]
)
def test_part_imports_only_what_lies_below_it(part):
    wrong = [
        f"{file.relative_to(PACKAGE)}:{line} imports {other}"
        for file in files(part)
        for other, line in imported(file)
        if other not in MAY_IMPORT[part] and other != "__version__"
    ]
    assert wrong == []


def test_nothing_below_imports_the_top():
    top = {"claims", "show", "homework", "cli", "zoo"}
    below = [f for part in MAY_IMPORT if part != "zoo" for f in files(part) if f.exists()]
    assert len(below) > 10
    assert [f"{f.name}: {other}" for f in below for other, _ in imported(f) if other in top] == []


def loaded_with(module):
    """The modules that a fresh interpreter holds after importing one."""
    code = f"import sys, {module}; print(*sys.modules)"
    return set(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split()
    )


@pytest.mark.parametrize("module", ["lecturekit", "lecturekit.cli", "lecturekit.recipes", "lecturekit.town"])
def test_light_imports_do_not_wait_for_heavy_libraries(module):
    assert loaded_with(module) & {"torch", "torchvision", "faster_coco_eval"} == set()


@pytest.mark.parametrize(
    "module", ["lecturekit.instance", "lecturekit.show", "lecturekit.zoo", "lecturekit.training"]
)
def test_first_imports_of_a_notebook_do_not_wait_for_torchvision(module):
    assert loaded_with(module) & {"torchvision", "faster_coco_eval"} == set()
