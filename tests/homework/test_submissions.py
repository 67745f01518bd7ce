"""What is found in a folder of submissions, and how a notebook is laid beside its source."""

import copy
import json

import pytest
import toy

from lecturekit.homework.notebook import Unreadable, load, parse, plan, template
from lecturekit.homework.submissions import find, printable, safe
from lecturekit.homework.tasks import Assignment, Task


def files(root, *names):
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
    return root


def found(root):
    return {s.student: (s.name, s.file and str(s.file.relative_to(root)), s.why) for s in find(root, "toy")}


def test_a_folder_per_student(tmp_path):
    files(tmp_path, "jane/toy.ipynb", "jane/other.ipynb", "kim/homework.ipynb", "lee/toy/toy.ipynb")
    files(tmp_path, "jane/.ipynb_checkpoints/toy.ipynb", "lee/toy/._toy.ipynb", "__MACOSX/jane/toy.ipynb")
    assert found(tmp_path) == {
        "jane": ("jane", "jane/toy.ipynb", ""),
        "kim": ("kim", "kim/homework.ipynb", ""),
        "lee": ("lee", "lee/toy/toy.ipynb", ""),
    }


def test_as_moodle_exports(tmp_path):
    files(
        tmp_path,
        "Jane Doe_12345_assignsubmission_file_/my work.ipynb",
        "Jane Doe_12345_assignsubmission_onlinetext_/onlinetext.html",
        "김 민수_777_assignsubmission_file_toy.ipynb",
        "Ann_Lee_8_assignsubmission_file_/",
    )
    assert found(tmp_path) == {
        "Jane_Doe_12345": ("Jane Doe", "Jane Doe_12345_assignsubmission_file_/my work.ipynb", ""),
        "김_민수_777": ("김 민수", "김 민수_777_assignsubmission_file_toy.ipynb", ""),
        "Ann_Lee_8": ("Ann_Lee", None, "there is no notebook in its folder"),
    }


def test_as_canvas_exports(tmp_path):
    files(
        tmp_path, "doejane_123_456_toy.ipynb", "kim_LATE_9_10_toy-1.ipynb", "lee_5_6_report.pdf", "notes.txt"
    )
    assert found(tmp_path) == {
        "doejane_123": ("doejane", "doejane_123_456_toy.ipynb", ""),
        "kim_9": ("kim", "kim_LATE_9_10_toy-1.ipynb", ""),
        "lee_5": ("lee", None, "it is no notebook (.ipynb)"),
    }


def test_two_entries_of_one_student_are_for_a_person(tmp_path):
    files(tmp_path, "doejane_123_456_toy.ipynb", "doejane_123_457_toy.ipynb", "kim_1_2_toy.ipynb")
    several = found(tmp_path)["doejane_123"]
    assert several[1] is None
    assert "2 submissions of this student: doejane_123_456_toy.ipynb, doejane_123_457_toy.ipynb" in several[2]
    assert len(found(tmp_path)) == 2


def test_a_student_cannot_hand_in_for_another_by_his_files_name(tmp_path):
    files(tmp_path, "mallory_1_2_doejane_123_456_toy.ipynb")
    files(tmp_path, "Mallory_3_assignsubmission_file_Jane_4_assignsubmission_file_.ipynb")
    assert list(found(tmp_path)) == ["Mallory_3", "mallory_1"]


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(ValueError, match="is no folder"):
        find(tmp_path / "gone", "toy")
    with pytest.raises(ValueError, match="there are no submissions in"):
        find(files(tmp_path, "notes.txt"), "toy")


def test_names_are_safe_and_stay_different():
    names = [
        "jane",
        "a b",
        "a_b",
        "a.b",
        "../x",
        "x",
        "\n",
        "",
        "n" * 300,
        "n" * 301,
        "김민수",
        "<b>",
        "\udcff",
    ]
    safe_ones = [safe(name) for name in names]
    assert len(set(safe_ones)) == len(names)
    assert safe("jane") == "jane"
    assert safe("김민수") == "김민수"
    for name in safe_ones:
        assert all(c.isalnum() or c in "-_" for c in name)
        assert 0 < len(name) < 80
        name.encode()


def test_printable_keeps_writing_and_drops_control():
    assert printable("김 é 👩‍🔬\n\tx") == "김 é 👩‍🔬\n\tx"
    assert printable("a\x00\x1b[2J\u202eb\ud800") == "a��[2J�b?"


def planned(tmp_path, notebook):
    assignment = toy.toy(tmp_path)
    result = plan(assignment, template(assignment), parse(json.dumps(notebook).encode()))
    names = [step.name.upper() if isinstance(step, Task) else step["cell"] for step in result.steps]
    return names, result


USUAL = ["imports", "double_answer", "DOUBLE", "total_answer", "TOTAL", "pictures_answer", "PICTURES"]


def test_an_honest_notebook_is_run_in_its_order(tmp_path):
    names, result = planned(tmp_path, toy.submission())
    assert names == USUAL
    assert result.tampered == []
    assert result.written == {"why": "Because."}


def test_own_cells_are_run_where_they_stand(tmp_path):
    notebook = toy.submission()
    own = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None}
    notebook["cells"].insert(3, own | {"source": ["x = 1\n", "y = 2"]})
    notebook["cells"].append(own | {"source": "after = 'the last task'", "id": "last"})
    names, result = planned(tmp_path, notebook)
    assert names == [*USUAL[:2], "own cell 4", *USUAL[2:]]
    assert result.steps[2]["source"] == "x = 1\ny = 2"
    assert result.tampered == []


def test_given_cells_are_run_from_clean_copies(tmp_path):
    _, result = planned(tmp_path, toy.submission(imports="import os"))
    assert result.steps[0] == {"cell": "imports", "source": "import numpy as np"}
    assert result.tampered == ["given cell 'imports' was edited"]


def test_what_editors_change_by_themselves_is_no_tampering(tmp_path):
    notebook = toy.submission(imports="import numpy as np  \r\n\n")
    assert planned(tmp_path, notebook)[1].tampered == []


@pytest.mark.parametrize("gone", ["imports", "double", "total", "pictures"])
def test_missing_cells_are_put_back_in_their_places(tmp_path, gone):
    notebook = toy.submission()
    notebook["cells"] = [
        c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") != gone
    ]
    names, result = planned(tmp_path, notebook)
    assert names == USUAL
    assert len(result.tampered) == 1
    assert "was deleted" in result.tampered[0]


def test_a_notebook_without_any_of_its_cells_still_meets_every_task(tmp_path):
    names, result = planned(tmp_path, toy.submission() | {"cells": []})
    assert names == ["imports", "DOUBLE", "TOTAL", "PICTURES"]
    assert len(result.tampered) == 8


def test_the_source_must_fit_the_assignment(tmp_path):
    assignment = toy.toy(tmp_path)
    fewer = Assignment(assignment.name, assignment.tasks[:2], assignment.source, assignment.written)
    with pytest.raises(ValueError, match=r"its tasks are \['double', 'total'\], its source notebook has"):
        template(fewer)


def test_a_file_that_grows_is_read_no_further(tmp_path, monkeypatch):
    path = tmp_path / "x.ipynb"
    path.write_bytes(b"x" * 100)
    monkeypatch.setattr("lecturekit.homework.notebook.SIZE", 50)
    with pytest.raises(Unreadable, match="at most 0 MB"):
        load(path)


def test_parse_leaves_its_input_alone_and_joins_lines():
    notebook = toy.submission()
    before = copy.deepcopy(notebook)
    cells = parse(json.dumps(notebook).encode())
    assert notebook == before
    assert cells[1] == {"id": "imports", "cell_type": "code", "source": "import numpy as np"}
