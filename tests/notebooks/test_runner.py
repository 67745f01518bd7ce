"""python -m lecturekit.notebooks: what it stores, and what it leaves out."""

import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lecturekit import notebooks

LESSON = [
    "import torch\nprint(object())",
    "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass",
    "import ipywidgets\nslider = ipywidgets.IntSlider()\nslider",
    "from lecturekit import show\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"
    "show.figure(fig, alt='An empty pair of axes.')",
    "2 + 2",
]


@pytest.fixture
def lesson(tmp_path):
    cells = [new_markdown_cell("# A lesson", id="title")]
    cells += [new_code_cell(source, id=f"cell-{i}") for i, source in enumerate(LESSON)]
    path = tmp_path / "9_trial.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


@pytest.mark.slow
def test_a_run_stores_outputs_and_no_noise_and_the_same_twice(lesson):
    notebooks.execute(lesson)
    first = lesson.read_text()
    stored = nbformat.reads(first, as_version=4)
    printed, bar, widget, figure, four = (c.outputs for c in stored.cells if c.cell_type == "code")
    assert printed[0].text == "<object object at 0x…>\n"
    assert bar == widget == []
    assert [list(o.data) for o in figure] == [["image/png", "text/plain"], ["text/markdown", "text/plain"]]
    assert figure[0].metadata["image/png"]["alt"] == "An empty pair of axes."
    assert four[0].data["text/plain"] == "4"
    assert [c.id for c in stored.cells] == ["title", *(f"cell-{i}" for i in range(5))]
    assert set(stored.metadata) == {"kernelspec", "language_info"}
    notebooks.execute(lesson)
    assert lesson.read_text() == first
    passed = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--nbval",
            "-p",
            "no:cacheprovider",
            "-c",
            "pyproject.toml",
            str(lesson),
        ],
        cwd=notebooks.FOLDER.parent,
        capture_output=True,
        text=True,
    )
    # the bar and the widget, untagged, are what strict nbval must complain of
    assert "2 failed, 3 passed" in passed.stdout, passed.stdout


@pytest.mark.slow
def test_a_failing_notebook_stays_as_it_was(lesson):
    broken = nbformat.read(lesson, as_version=4)
    broken.cells[1].source = "1 / 0"
    nbformat.write(broken, lesson)
    before = lesson.read_text()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.execute(lesson)
    assert lesson.read_text() == before
    assert list(lesson.parent.iterdir()) == [lesson]


def test_clean_takes_out_what_differs_from_run_to_run():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "abc"}, "text/plain": "IntSlider()"}
    cells = [
        new_code_cell(
            "x",
            execution_count=7,
            metadata={"execution": {"iopub.status.busy": "12:00"}, "tags": ["kept"]},
            outputs=[
                new_output("display_data", data=view),
                new_output("stream", name="stderr", text=" 50%|#####     | 1/2 [00:01<00:01, 1.00it/s]"),
                new_output(
                    "stream", name="stderr", text="/tmp/ipykernel_123/4.py:1: UserWarning: 0x7f0011223344"
                ),
                new_output("execute_result", data={"text/plain": "4"}, execution_count=7),
            ],
        ),
        new_code_cell("y", execution_count=None),
        new_code_cell("z", execution_count=9),
    ]
    notebook = new_notebook(
        cells=cells,
        metadata={"widgets": {"state": {}}, "kernelspec": {"name": "mine", "display_name": "Mine"}},
    )
    notebooks.clean(notebook)
    assert [c.execution_count for c in notebook.cells] == [1, None, 2]
    assert notebook.cells[0].metadata == {"tags": ["kept"]}
    warning, four = notebook.cells[0].outputs
    assert warning.text == "/tmp/ipykernel/4.py:1: UserWarning: 0x…"
    assert four.execution_count == 1
    assert notebook.metadata["kernelspec"]["name"] == "python3"
    assert "widgets" not in notebook.metadata


def test_names_are_found_with_and_without_ending(lesson):
    assert notebooks.find([], lesson.parent) == notebooks.find(["9_trial.ipynb"], lesson.parent) == [lesson]
    with pytest.raises(ValueError, match="no notebook '8_other'; expected some of 9_trial"):
        notebooks.find(["8_other"], lesson.parent)
    with pytest.raises(ValueError, match="no notebook in"):
        notebooks.find([], lesson.parent / "nowhere")
