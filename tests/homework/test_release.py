"""The students' version: no solutions, nbgrader's own result, polite while nothing is written."""

import contextlib
import io
import logging
import os
import sys
from pathlib import Path

import nbformat
import pytest

from lecturekit.homework import release as module
from lecturekit.homework.assignment import CONDITIONAL_GAN
from lecturekit.homework.checks import NAMES
from lecturekit.homework.release import release


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    (path,) = release(tmp_path_factory.mktemp("handout"))
    return path


def cells(path):
    return nbformat.read(path, as_version=4).cells


def test_the_same_source_gives_the_same_bytes(path, tmp_path):
    assert path.name == "conditional_gan.ipynb"
    (again,) = release(tmp_path / "new" / "folder")
    assert again.read_bytes() == path.read_bytes()


def test_no_solution_and_no_output_is_left(path):
    source = {c.id: c for c in nbformat.read(CONDITIONAL_GAN.source, as_version=4).cells}
    for cell in cells(path):
        told = cell.metadata.nbgrader
        assert "SOLUTION" not in cell.source
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
        if told.solution:
            stub = "YOUR CODE HERE" if cell.cell_type == "code" else "YOUR ANSWER HERE"
            assert stub in cell.source
            solved = source[cell.id].source
            inside = solved.split("### BEGIN SOLUTION\n")[1:] or [solved]
            for part in inside:
                lines = [line.strip() for line in part.split("### END SOLUTION")[0].splitlines()]
                telling = [line for line in lines if len(line) > 12]
                assert telling
                assert [line for line in telling if line in cell.source] == []
        else:
            assert cell.source == source[cell.id].source
            assert cell.metadata.editable is False
        assert cell.metadata.deletable is False
    text = path.read_text()
    for word in ("cross_entropy", "no_grad():", ".detach(),", "argmax", "pdist", "median"):
        assert word not in text


def test_stubs_say_what_is_expected(path):
    for cell in cells(path):
        if cell.metadata.nbgrader.solution and cell.cell_type == "code":
            assert '"""' in cell.source
            assert "[" in cell.source.split('"""')[1], "no shape is named"


@pytest.mark.slow
def test_it_is_what_nbgrader_makes_of_the_source(path, tmp_path, monkeypatch):
    """`nbgrader generate_assignment` over the same source, with our two stubs."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    folder = tmp_path / "source" / "homework"
    folder.mkdir(parents=True)
    (folder / path.name).write_bytes(CONDITIONAL_GAN.source.read_bytes())
    config = Config()
    config.CourseDirectory.root = str(tmp_path)
    config.ClearSolutions.code_stub = {"python": module.STUB}
    config.ClearSolutions.text_stub = module.WRITTEN
    bin = Path(sys.executable).parent  # nbgrader calls its alembic
    monkeypatch.setenv("PATH", f"{bin}{os.pathsep}{os.environ['PATH']}")
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    result = NbGraderAPI(config=config).generate_assignment("homework")
    assert result["success"], result.get("error")
    theirs = cells(tmp_path / "release" / "homework" / path.name)
    for ours, other in zip(cells(path), theirs, strict=True):
        assert ours.source == other.source
        assert ours.metadata == other.metadata


def test_the_untouched_version_runs_from_top_to_bottom_and_passes_nothing(path):
    found, said = {}, {}
    for cell in cells(path):
        if cell.cell_type == "code":
            told = io.StringIO()
            with contextlib.redirect_stdout(told):
                exec(cell.source, found)
            said[cell.metadata.nbgrader.grade_id] = told.getvalue()
    for task in NAMES:
        assert said[task] == f"{task}: not written yet.\n"
    assert said["train"].startswith("No training yet")
    assert said["look"] == said["measure"] == ""


def test_a_source_without_marks_is_refused(tmp_path):
    notebook = nbformat.read(CONDITIONAL_GAN.source, as_version=4)
    answer = next(c for c in notebook.cells if c.id == "generator_answer")
    answer.source = answer.source.replace("### END SOLUTION", "")
    broken = tmp_path / "broken.ipynb"
    nbformat.write(notebook, broken)
    with pytest.raises(ValueError, match=r"source: broken.ipynb can't be released \(.*begin solution"):
        module.students_version(broken)
    with pytest.raises(ValueError, match="'painting' is unknown"):
        release(tmp_path, ["painting"])


def test_the_command_writes_the_notebook_and_nothing_else(path, tmp_path):
    import json

    from typer.testing import CliRunner

    from lecturekit.cli import app

    told = CliRunner().invoke(app, ["homework", "release", "--out", str(tmp_path / "out"), "--json"])
    assert told.exit_code == 0, told.output
    written = json.loads(told.stdout)["notebook"]
    assert [str(file) for file in (tmp_path / "out").iterdir()] == [written]
    assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
