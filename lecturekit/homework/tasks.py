"""What an assignment is to the grader: tasks with hidden inputs, run in the sandbox and marked outside it."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Arrays = dict[str, np.ndarray]
ASSIGNMENTS = {"conditional_gan": ("lecturekit.homework.assignment", "CONDITIONAL_GAN")}


@dataclass(frozen=True)
class Mark:
    """Points for a task, and a comment that the student reads.

    doubtful: what was measured lies within a margin of a threshold, so a person looks at it.
    """

    points: float
    out_of: float
    comment: str
    doubtful: bool = False


@dataclass(frozen=True)
class Task:
    """A task that is graded by behaviour. Its hidden inputs reach the student's process when the notebook
    reaches the task's cell, its answer is judged in the grader's own process.

    name: the grade_id of the check cell that carries the points; the task is run in that cell's place.
    inputs: seed -> hidden inputs, another seed for every student.
    run: "module:function" of a function (namespace, inputs) -> answers, called in the student's process after
        the cells above the check cell were run. Students can read its module there: it holds no
        solutions, no marks, and imports no module of lecturekit.homework that no task runs.
    mark: (inputs, answers) -> Mark. Nothing about the answers is to be trusted: names, shapes, types, values.
    seconds: for `run` alone.
    """

    name: str
    title: str
    points: float
    inputs: Callable[[int], Arrays]
    run: str
    mark: Callable[[Arrays, Arrays], Mark]
    seconds: float = 20


@dataclass(frozen=True)
class Assignment:
    """A homework: its tasks in the notebook's order, and the written questions that a person grades.

    source: the notebook with solutions, in nbgrader's markup.
    written: (grade_id, points) of each written question.
    hidden: files and folders of the package that students could copy from, as in "cgan/conditional_gan.py";
        the sandbox lacks them, and of lecturekit.homework it has nothing but the modules that `run` names.
    seconds: for all cells of a notebook together; memory: of the student's process, in MB.
    """

    name: str
    tasks: tuple[Task, ...]
    source: Path
    written: tuple[tuple[str, float], ...] = ()
    hidden: tuple[str, ...] = ()
    seconds: float = 600
    memory: int = 3000


def assignment(name: str) -> Assignment:
    """The assignment of that name. Raises ValueError naming the known ones."""
    if name not in ASSIGNMENTS:
        raise ValueError(f"assignment: {name!r} is unknown; there is {', '.join(ASSIGNMENTS)}")
    module, attribute = ASSIGNMENTS[name]
    return getattr(importlib.import_module(module), attribute)
