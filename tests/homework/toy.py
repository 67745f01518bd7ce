"""A toy assignment: three tasks on small arrays, a written question, and notebooks that answer it."""

import copy
import json
from pathlib import Path

import nbformat
import numpy as np
from nbformat import v4

from lecturekit.homework.tasks import Assignment, Mark, Task

SECONDS = 5.0
STORED = np.arange(48.0).reshape(3, 4, 4) % 7 / 7  # the "training pictures", which students have


def inputs(seed):
    return {"x": np.random.default_rng(seed).normal(size=5)}


def noise(seed):
    return {"noise": np.random.default_rng(seed).normal(size=(4, 4, 4))}


def mark_double(given, answer):
    right = 2 * given["x"]
    got = answer.get("doubled")
    if got is None or got.shape != right.shape or got.dtype.kind != "f":
        return Mark(0, 2, "double(x) must give a float array of x's shape")
    error = float(np.abs(got - right).max())
    if not error < 1e-3:
        return Mark(0, 2, f"double(x) is off by {error:.3g}", doubtful=False)
    return Mark(2, 2, "right", doubtful=error > 1e-6)


def mark_total(given, answer):
    got = answer.get("total")
    if got is None or got.shape != () or got.dtype.kind not in "fi":
        return Mark(0, 3, "total(x) must give one number")
    right = abs(float(got) - float(given["x"].sum())) < 1e-9
    return Mark(3, 3, "right") if right else Mark(1, 3, "a number, but not the sum")


def mark_pictures(given, answer):
    got = answer.get("pictures")
    if got is None or got.shape != given["noise"].shape or not np.isfinite(got).all():
        return Mark(0, 5, "pictures(noise) must give finite pictures of noise's shape")
    near = np.abs(got[:, None] - STORED).max(axis=(2, 3)).min()
    if near < 1e-3:
        return Mark(0, 5, "these are training pictures, not generated ones")
    right = np.allclose(got, np.tanh(given["noise"]), atol=1e-6)
    return Mark(5, 5, "right") if right else Mark(0, 5, "not the tanh of the noise")


TASKS = (
    Task("double", "Doubling", 2, inputs, "toy_runs:double", mark_double, seconds=SECONDS),
    Task("total", "Summing", 3, inputs, "toy_runs:total", mark_total, seconds=SECONDS),
    Task("pictures", "Generating", 5, noise, "toy_runs:pictures", mark_pictures, seconds=SECONDS),
)
SOLUTIONS = {
    "double": "def double(x):\n    return 2 * x",
    "total": "def total(x):\n    return x.sum()",
    "pictures": "def pictures(noise):\n    return np.tanh(noise)",
}


def _cell(grade_id, source, *, grade=False, solution=False, locked=False, points=None, markdown=False):
    new = v4.new_markdown_cell if markdown else v4.new_code_cell
    told = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": locked, "task": False}
    told |= {"schema_version": 3} | ({"points": points} if grade else {})
    return new(source, metadata={"nbgrader": told})


def source():
    """The notebook with solutions, in nbgrader's markup."""
    cells = [
        v4.new_markdown_cell("# Toy homework"),
        _cell("imports", "import numpy as np", locked=True),
    ]
    for task in TASKS:
        answer = f"### BEGIN SOLUTION\n{SOLUTIONS[task.name]}\n### END SOLUTION"
        cells.append(_cell(f"{task.name}_answer", answer, solution=True))
        test = f"assert {task.name} is not None\n### BEGIN HIDDEN TESTS\nassert True\n### END HIDDEN TESTS"
        cells.append(_cell(task.name, test, grade=True, locked=True, points=task.points))
    cells.append(_cell("why", "Because.", grade=True, solution=True, points=4, markdown=True))
    return v4.new_notebook(cells=cells)


def toy(folder: Path) -> Assignment:
    """The assignment, its source notebook written to `folder`."""
    path = folder / "toy.ipynb"
    nbformat.write(source(), path)
    return Assignment("toy", TASKS, path, written=(("why", 4.0),), seconds=SECONDS, memory=300)


def submission(**answers) -> dict:
    """What a student hands in: the solutions, but for the cells named (`double=...`, `imports=...`)."""
    notebook = copy.deepcopy(source())
    for cell in notebook.cells[1:]:
        name = cell.metadata.nbgrader.grade_id
        stem = name.removesuffix("_answer")
        if name.endswith("_answer"):
            cell.source = answers.get(stem, SOLUTIONS[stem])
        elif name in TASKS_BY_NAME:
            cell.source = f"assert {name} is not None"
        elif name in answers:
            cell.source = answers[name]
    return json.loads(nbformat.writes(notebook))


TASKS_BY_NAME = {task.name: task for task in TASKS}
