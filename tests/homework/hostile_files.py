"""Notebooks that are not as they were handed out, files that are none, and names that play tricks."""

import json
import os
from pathlib import Path

import toy
from hostile import ALL, NONE, case

SUM = "\ndef total(x):\n    return x.sum()\n"
WRONG = "def total(x): return 0.123\n"  # a number, but not the sum: 1 point


# --- notebooks that are not as they were handed out


def _named(notebook: dict, name: str) -> dict:
    return next(c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def _removed(name: str):
    return lambda notebook: notebook["cells"].remove(_named(notebook, name))


def _changed(name: str, **more):
    return lambda notebook: _named(notebook, name).update(more)


def _bare(notebook: dict) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def _twice(name: str, again: str):
    def edit(notebook: dict) -> None:
        notebook["cells"].append(
            json.loads(json.dumps(_named(notebook, name))) | {"source": again, "id": "again"}
        )

    return edit


def _first_last(notebook: dict) -> None:
    notebook["cells"].reverse()


def _widgets(notebook: dict) -> None:
    junk = {
        "application/vnd.jupyter.widget-state+json": {"version_major": "?", "state": [None, {"a": 1e400}]}
    }
    notebook["metadata"]["widgets"] = junk
    notebook["cells"][1]["outputs"] = [
        {"output_type": "display_data", "data": {"x": {}}, "nonsense": [[]]},
        7,
    ]
    notebook["cells"][1]["metadata"]["collapsed"] = "maybe"
    notebook["cells"][0]["attachments"] = {"a.png": 3}


case("check cell deleted", "tampered", ALL, edit=_removed("total"), says="check cell 'total' was deleted")
case(
    "check cell edited",
    "tampered",
    (2, 1, 5),
    WRONG,
    edit=_changed("total", source="assert True"),
    says="check cell 'total' was edited",
)
case(
    "check cell made text",
    "tampered",
    ALL,
    edit=_changed("total", cell_type="markdown"),
    says="another cell type",
)
case(
    "given cell edited",
    "tampered",
    ALL,
    imports="import numpy as np\nnp.sum = None",
    says="'imports' was edited",
)
case("given cell deleted", "tampered", ALL, edit=_removed("imports"), says="'imports' was deleted")
case("answer cell deleted", "tampered", (2, 0, 5), edit=_removed("total_answer"), says="KeyError")
case(
    "answer cell twice", "tampered", (2, 1, 5), WRONG, edit=_twice("total_answer", SUM), says="occurs 2 times"
)
case("check cell twice", "tampered", (2, 3, 5), edit=_twice("total", "assert True"), says="occurs 2 times")
case("cells without ids", "tampered", ALL, edit=_bare, says="without their ids")
case("cells in another order", "graded", (0, 0, 0), edit=_first_last, says="KeyError")
case(
    "more points in the metadata",
    "graded",
    ALL,
    edit=lambda n: _named(n, "total")["metadata"]["nbgrader"].update(points=1000, grade=False, locked=False),
)
case(
    "an id that is no text",
    "tampered",
    ALL,
    edit=lambda n: _named(n, "total_answer")["metadata"]["nbgrader"].update(grade_id={"$": 1}),
    says="'total_answer' was deleted",
)
case("widgets' junk", "graded", ALL, edit=_widgets)
case("lone surrogates", "graded", ALL, SUM + "s = '\\ud800 \udcff'")
case("zero bytes", "graded", (2, 0, 5), "def total(x): return '\x00'", says="null")
case("another language", "graded", (2, 0, 5), "%%bash\nrm -rf /", says="%%bash")
case("magics", "graded", ALL, "%matplotlib inline\n!rm -rf /\n" + SUM)
case("a cell of a megabyte", "unreadable", NONE, "x = '" + "y" * 10**6 + "'", says="a cell has")
case("5,000 cells", "unreadable", NONE, edit=lambda n: n["cells"].extend(n["cells"][:1] * 5000), says="cells")


# --- files that are no notebooks


def raw(data: bytes):
    return lambda folder: (folder / "toy.ipynb").write_bytes(data)


def _huge(folder: Path) -> None:
    with open(folder / "toy.ipynb", "wb") as file:
        file.truncate(200_000_000)


def _link(folder: Path) -> None:
    (folder / "toy.ipynb").symlink_to(folder.parent / "good-1" / "toy.ipynb")


def _folder_link(folder: Path) -> None:
    (folder / "toy").symlink_to(folder.parent / "good-1")


def _two(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / f"{name}.ipynb").write_text(json.dumps(toy.submission()))


def _old_format(notebook: dict) -> dict:
    cells = [
        {
            "cell_type": "code",
            "language": "python",
            "input": c["source"],
            "outputs": [],
            "metadata": c["metadata"],
        }
        for c in notebook["cells"]
        if c["cell_type"] == "code"
    ]
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {},
        "worksheets": [{"cells": cells, "metadata": {}}],
    }


case("not JSON", "unreadable", NONE, write=raw(b'{"cells": ['), says="no JSON")
case("an empty file", "unreadable", NONE, write=raw(b""), says="no JSON")
case("a list", "unreadable", NONE, write=raw(b"[1, 2]"), says="no notebook")
case("nested too deeply", "unreadable", NONE, write=raw(b"[" * 10**6), says="nested too deeply")
case(
    "a number of a million digits",
    "unreadable",
    NONE,
    write=raw(b'{"nbformat": ' + b"4" * 10**6 + b"}"),
    says="JSON",
)
case(
    "not UTF-8",
    "unreadable",
    NONE,
    write=raw(json.dumps(toy.submission()).encode("utf-16")),
    says="not UTF-8",
)
case("with a byte-order mark", "graded", ALL, write=raw(json.dumps(toy.submission()).encode("utf-8-sig")))
case("format 2", "unreadable", NONE, edit=lambda n: n | {"nbformat": 2}, says="nbformat: 2")
case(
    "a format that is no number",
    "unreadable",
    NONE,
    edit=lambda n: n | {"nbformat": "4"},
    says="nbformat: '4'",
)
case("format 3", "tampered", ALL, edit=_old_format, says="written answer 'why' was deleted")
case("no cells", "unreadable", NONE, edit=lambda n: n | {"cells": None}, says="not a notebook's")
case("a cell that is none", "unreadable", NONE, edit=lambda n: n["cells"].append(7), says="not a notebook's")
case(
    "a cell of an unknown kind",
    "unreadable",
    NONE,
    edit=_changed("total", cell_type="exe"),
    says="not a notebook's",
)
case("a source that is no text", "unreadable", NONE, edit=_changed("total", source={"a": 1}), says="no text")
case("200 MB", "unreadable", NONE, write=_huge, says="200 MB")
case("a link to another's notebook", "unreadable", NONE, write=_link, says="links")
case("a link to another's folder", "unreadable", NONE, write=_folder_link, says="links")
case("a named pipe", "unreadable", NONE, write=lambda f: os.mkfifo(f / "toy.ipynb"), says="no notebook")
case("an empty folder", "unreadable", NONE, write=lambda f: None, says="no notebook")
case("two notebooks", "unreadable", NONE, write=_two, says="2 notebooks")
case(
    "a folder for a notebook",
    "unreadable",
    NONE,
    write=lambda f: (f / "toy.ipynb").mkdir(),
    says="no notebook",
)
for number, entry in enumerate(
    (
        "..%2f..%2fetc",
        "..\\..\\x",
        "-rf",
        "a\nb",
        "<img src=x onerror=alert(1)>",
        "=cmd|'C'!A0",
        "salt",
        "%s{0}{x}",
        "'; DROP TABLE grade; --",
        "n" * 250,
        "\udcff\udcfe",
        "김민수",
        "\u202egnp.exe",
        "con",
        "...",
    )
):
    case(f"path trick {number}", "graded", ALL, entry=entry)
