"""The homework's solution as a namespace, and as a student's with one answer exchanged."""

import functools

import nbformat
import torch

from lecturekit.homework.assignment import CONDITIONAL_GAN

torch.set_num_threads(1)
GIVEN = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n\nNOISE, CLASSES = 32, 10\n"


@functools.cache
def answers() -> dict[str, str]:
    """Task -> the source of the answer cell above its check, in the notebook's order."""
    cells = nbformat.read(CONDITIONAL_GAN.source, as_version=4).cells
    sources = {c.metadata.nbgrader.grade_id: c.source for c in cells if c.metadata.nbgrader.solution}
    tasks = [task.name for task in CONDITIONAL_GAN.tasks if task.name != "trained"]
    return {task: sources[f"{task}_answer"] for task in tasks}


def namespace(**changed: str) -> dict:
    """What a student's notebook has defined; `changed` are answers by task."""
    found: dict = {}
    exec(GIVEN, found)
    for task, source in answers().items():
        exec(changed.get(task, source), found)
    return found


def mistaken(mistake) -> str:
    """The source of a wrong answer."""
    source = answers()[mistake.task]
    for old, new in mistake.edits:
        assert old in source, f"{mistake}: {old!r} is not in the solution"
        source = source.replace(old, new)
    return source
