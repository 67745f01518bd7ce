"""The real assignment through the real sandbox: the solution has every point, the students' version none."""

import pytest

from lecturekit.homework.grading import Grader
from lecturekit.homework.release import release
from lecturekit.homework.tasks import assignment


@pytest.mark.slow
def test_solution_stubs_and_a_thief(sandbox, tmp_path):
    import nbformat

    task = assignment("conditional_gan")
    folders = {name: tmp_path / "in" / name for name in ("solved", "untouched", "thief")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    solved = nbformat.read(task.source, as_version=4)
    nbformat.write(solved, folders["solved"] / "conditional_gan.ipynb")
    release(folders["untouched"])
    stolen = nbformat.read(folders["untouched"] / "conditional_gan.ipynb", as_version=4)
    generator = next(c for c in stolen.cells if c.metadata.nbgrader.grade_id == "generator_answer")
    generator.source = (
        "try:\n    from lecturekit.homework.reference import Generator\nexcept ImportError:\n    pass\n"
        "from lecturekit.cgan.conditional_gan import Generator"
    )
    nbformat.write(stolen, folders["thief"] / "conditional_gan.ipynb")
    grader = Grader(task, tmp_path / "in", tmp_path / "grades.db")
    records = {r["student"]: r for r in grader.run(workers=2, out=tmp_path / "out")}
    assert {name: (r["state"], r["errors"]) for name, r in records.items() if name != "thief"} == {
        "solved": ("graded", []),
        "untouched": ("graded", []),
    }
    assert [row["points"] for row in records["solved"]["tasks"]] == [t.points for t in task.tasks]
    assert {row["points"] for row in records["untouched"]["tasks"]} == {0.0}
    assert {row["points"] for row in records["thief"]["tasks"]} == {0.0}
    ((cell, error),) = records["thief"]["errors"]
    assert (cell, "No module named 'lecturekit.cgan'" in error) == ("generator_answer", True)
    assert "answer" in (tmp_path / "out" / "written.csv").read_text(encoding="utf-8-sig")
