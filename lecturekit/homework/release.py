"""The students' version of a homework, made from its source: `lecturekit homework release --out DIR`."""

import logging
from pathlib import Path

from lecturekit.homework.tasks import ASSIGNMENTS, assignment

STUB = "# YOUR CODE HERE\nraise NotImplementedError"
WRITTEN = "*YOUR ANSWER HERE*"


def release(out: Path, names: list[str] | None = None) -> list[Path]:
    """Write the students' version of each assignment (by default of all) to the folder `out`; their paths.

    Solutions are replaced by stubs, outputs and counts are taken out, given cells and checks are read-only
    and carry nbgrader's checksums. The same source gives the same bytes. Raises ValueError for an unknown
    name, and for a source whose solutions aren't marked as nbgrader wants them.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in names or ASSIGNMENTS:
        path = out / f"{name}.ipynb"
        path.write_text(students_version(assignment(name).source), encoding="utf-8")
        paths.append(path)
    return paths


def students_version(source: Path) -> str:
    """The text of the notebook that students get for a source notebook."""
    import nbformat
    from nbgrader import preprocessors as steps
    from traitlets.config import Config

    stubs = {"code_stub": {"python": STUB}, "text_stub": WRITTEN}
    config = Config(ClearSolutions=stubs)
    notebook = nbformat.read(source, as_version=4)
    for step in (
        steps.LockCells,
        steps.ClearSolutions,
        steps.ClearOutput,
        steps.ClearHiddenTests,
        steps.ClearMarkScheme,
        steps.ComputeChecksums,
        steps.CheckCellMetadata,
    ):
        one = step(config=config)
        one.log.setLevel(logging.CRITICAL)  # what is wrong is raised
        try:
            notebook, _ = one.preprocess(notebook, {})
        except Exception as error:  # nbgrader raises what comes: RuntimeError, ValidationError, ...
            raise ValueError(f"source: {source.name} can't be released ({error})") from error
    nbformat.validate(notebook)
    return nbformat.writes(notebook, indent=1).rstrip("\n") + "\n"
