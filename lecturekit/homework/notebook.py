"""A student's notebook, read as data and laid beside the source: what is run, and what was tampered with."""

import json
import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from lecturekit.homework.submissions import printable, whole
from lecturekit.homework.tasks import Assignment, Task

SIZE = 20_000_000  # bytes of a notebook's file
CELLS, CELL = 1000, 200_000  # cells, and characters of one
HIDDEN_TESTS = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*\n?", re.S | re.M)


class Unreadable(ValueError):
    """The file can't be read as a notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """kind: "given" (read-only), "answer", "check" (carries a task's points), "written" or "own" (no id)."""

    id: str | None
    kind: str
    code: bool
    source: str


@dataclass
class Plan:
    """steps: cells and tasks in the order to run. tampered: what isn't as it was handed out. written: the
    answers to the written questions, by id."""

    steps: list[dict | Task] = field(default_factory=list)
    tampered: list[str] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)


def load(path: Path) -> bytes:
    """The bytes of a submitted file: no link, no device, not too large. Raises Unreadable."""
    try:
        end = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(f"the file can't be opened ({error.strerror})") from error
    with open(end, "rb") as file:
        told = os.fstat(end)
        if not stat.S_ISREG(told.st_mode):
            raise Unreadable("it is no regular file")
        if told.st_size > SIZE:
            raise Unreadable(
                f"the file has {told.st_size / 1e6:,.0f} MB, at most {SIZE / 1e6:,.0f} MB are read"
            )
        return file.read(SIZE + 1)[:SIZE]


def parse(data: bytes) -> list[dict]:
    """The cells of a notebook as {id, cell_type, source}; outputs, widgets' states and so on are left out.

    Raises Unreadable for what is no notebook of format 3 or 4.
    """
    import nbformat

    try:
        raw = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"the file is not UTF-8 (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        what = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise Unreadable(f"the file is no JSON ({what})") from error
    if not isinstance(raw, dict) or raw.get("nbformat") not in (3, 4) or isinstance(raw["nbformat"], bool):
        found = printable(repr(raw.get("nbformat"))[:40]) if isinstance(raw, dict) else "no object at all"
        raise Unreadable(f"it is no notebook of format 4 (nbformat: {found})")
    try:
        if raw["nbformat"] == 3:
            raw = nbformat.convert(nbformat.from_dict(raw), 4)
        cells = [_slim(cell) for cell in raw["cells"]]
        nbformat.validate({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    except Unreadable:
        raise
    except Exception as error:  # whatever a strange structure raises in here
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
        raise Unreadable(f"its structure is not a notebook's ({printable(what)})") from error
    if len(cells) > CELLS:
        raise Unreadable(f"it has {len(cells)} cells, at most {CELLS} are read")
    return [{"id": _grade_id(c), "cell_type": c["cell_type"], "source": c["source"]} for c in cells]


def _slim(cell: dict) -> dict:
    source = cell["source"]
    source = "".join(source) if isinstance(source, list) else source
    if not isinstance(source, str):
        raise Unreadable("a cell's source is no text")
    if len(source) > CELL:
        raise Unreadable(f"a cell has {len(source):,} characters, at most {CELL:,} are read")
    kept = {"cell_type": cell["cell_type"], "source": whole(source), "metadata": {}}
    told = cell.get("metadata")
    if isinstance(told, dict) and isinstance(told.get("nbgrader"), dict):
        kept["metadata"]["nbgrader"] = told["nbgrader"]
    return kept | ({"outputs": [], "execution_count": None} if kept["cell_type"] == "code" else {})


def _grade_id(cell: dict) -> str | None:
    found = cell["metadata"].get("nbgrader", {}).get("grade_id")
    return printable(found)[:100] if isinstance(found, str) else None


def template(assignment: Assignment) -> list[Cell]:
    """The marked cells of the source notebook, as students got them.

    Raises ValueError when its ids aren't those of the assignment.
    """
    import nbformat

    cells = []
    for cell in nbformat.read(assignment.source, as_version=4).cells:
        told = cell.metadata.get("nbgrader")
        if told and told.get("grade_id"):
            kinds = {(True, True): "written", (True, False): "check", (False, True): "answer"}
            kind = kinds.get((told.get("grade", False), told.get("solution", False)), "given")
            source = HIDDEN_TESTS.sub("", cell.source)
            cells.append(Cell(told["grade_id"], kind, cell.cell_type == "code", source))
    checks = [cell.id for cell in cells if cell.kind == "check"]
    written = [cell.id for cell in cells if cell.kind == "written"]
    for what, found, told in (
        ("tasks", checks, [task.name for task in assignment.tasks]),
        ("written", written, [name for name, _ in assignment.written]),
    ):
        if found != told:
            raise ValueError(f"assignment: its {what} are {told}, its source notebook has {found}")
    return cells


def plan(assignment: Assignment, cells: list[Cell], submitted: list[dict]) -> Plan:
    """What to run of a submission.

    A student's answers and own cells stay in his order. Given cells are run from clean copies; a check cell's
    place is taken by its task; what is missing comes after the cell that it follows in the source.
    """
    known, tasks = {cell.id: cell for cell in cells}, {task.name: task for task in assignment.tasks}
    result, order = Plan(), _known(cells, submitted)
    last = {name: i for i, name in enumerate(order) if name is not None}
    _note(result, known, order, submitted)
    placed = [name for name in (cell.id for cell in cells) if name in last]
    missing = {cell.id: _before(cells, cell.id, placed) for cell in cells if cell.id not in last}

    def lay(name: str | None, one: dict | None, number: int) -> None:
        cell = known.get(name)
        if cell is not None and cell.kind == "check":
            result.steps.append(tasks[name])
        elif cell is not None and cell.kind == "given":
            if cell.code:
                result.steps.append({"cell": name, "source": cell.source})
        elif one is not None and one["cell_type"] == "code" and (cell is None or cell.kind == "answer"):
            result.steps.append({"cell": name or f"own cell {number}", "source": one["source"]})

    def follow(name: str | None) -> None:
        for cell in cells:
            if cell.id in missing and missing[cell.id] == name:
                lay(cell.id, None, 0)

    follow(None)
    for i, (name, one) in enumerate(zip(order, submitted, strict=True)):
        cell = known.get(name)
        if cell is not None and cell.kind in ("given", "check") and i != last[name]:
            continue  # a copy; the last one counts
        lay(name, one, i + 1)
        if cell is not None and cell.kind == "written":
            result.written[name] = one["source"]
        if i == last.get(name):
            follow(name)
    while result.steps and not isinstance(result.steps[-1], Task):
        result.steps.pop()  # nothing that comes after the last task can matter
    return result


def _known(cells: list[Cell], submitted: list[dict]) -> list[str | None]:
    """The submitted cells' ids; cells that lost theirs are known again by their text."""
    ids = {cell.id for cell in cells}
    texts = {_plain(cell.source): cell.id for cell in cells if cell.kind in ("given", "check")}
    present = {one["id"] for one in submitted}
    order = []
    for one in submitted:
        name = one["id"] if one["id"] in ids else texts.get(_plain(one["source"]))
        order.append(name if one["id"] in ids or name not in present else None)
    return order


def _before(cells: list[Cell], name: str, placed: list[str]) -> str | None:
    """The cell after which a missing one belongs: the nearest above it in the source that is there."""
    above = [cell.id for cell in cells]
    above = above[: above.index(name)]
    return next((other for other in reversed(above) if other in placed), None)


def _note(result: Plan, known: dict[str, Cell], order: list[str | None], submitted: list[dict]) -> None:
    """Write down what isn't as it was handed out."""
    words = {
        "given": "given cell",
        "check": "check cell",
        "answer": "answer cell",
        "written": "written answer",
    }
    lost = [name for name, one in zip(order, submitted, strict=True) if name and one["id"] != name]
    if lost:
        result.tampered.append(f"cells without their ids, known again by their text: {', '.join(lost)}")
    for cell in known.values():
        what = f"{words[cell.kind]} {cell.id!r}"
        copies = [one for name, one in zip(order, submitted, strict=True) if name == cell.id]
        if not copies:
            result.tampered.append(f"{what} was deleted")
            continue
        if len(copies) > 1:
            result.tampered.append(f"{what} occurs {len(copies)} times")
        if any((one["cell_type"] == "code") != cell.code for one in copies):
            result.tampered.append(f"{what} has another cell type")
        edited = any(_plain(one["source"]) != _plain(cell.source) for one in copies)
        if cell.kind in ("given", "check") and edited:
            result.tampered.append(f"{what} was edited")


def _plain(source: str) -> str:
    """A cell's text without what editors change by themselves."""
    return "\n".join(line.rstrip() for line in whole(source).strip().splitlines())
