"""The whole bank in one run, beside innocent students: no escape, no forged point, no other grade changed.

Without bubblewrap these tests are skipped, unless LECTUREKIT_SANDBOX=required (as in CI).
"""

import csv
import io
import json
import os
import socket
import threading
from pathlib import Path

import hostile_escape
import hostile_files
import hostile_points
import hostile_time
import pytest
import toy
from hostile import CASES

from lecturekit.homework.grading import Grader
from lecturekit.homework.limits import Limits
from lecturekit.homework.submissions import printable

INNOCENT = 8
LIMITS = Limits(memory=300, processes=40, scratch=20, answer=8)
pytestmark = pytest.mark.slow
assert all((hostile_time, hostile_points, hostile_escape, hostile_files))  # each enters its cases


class Server(threading.Thread):
    """Listens on loopback and on an abstract socket, and counts who comes."""

    def __init__(self, name: str):
        super().__init__(daemon=True)
        self.ends = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        self.ends[1].bind(f"\0{name}")
        self.ends[1].listen()
        self.port, self.guests = self.ends[0].getsockname()[1], 0

    def run(self):
        import select

        while True:
            for end in select.select(self.ends, [], [])[0]:
                end.accept()[0].close()
                self.guests += 1


class World:
    """A folder with every case and some innocent students, graded once."""

    def __init__(self, root: Path):
        self.root, self.folder, self.gradebook = root, root / "handed in", root / "grades.db"
        self.assignment = toy.toy(root)
        self.server = Server(f"lecturekit-{os.getpid()}")
        self.server.start()
        self.words = {
            "@GRADEBOOK@": self.gradebook,
            "@SOURCE@": self.assignment.source,
            "@OTHER@": self.folder / "good-1" / "toy.ipynb",
            "@ESCAPE@": root / "escaped",
            "@PORT@": self.server.port,
            "@SOCKET@": f"lecturekit-{os.getpid()}",
        }
        self.entries = {name: case.entry or f"case {i:03d}" for i, (name, case) in enumerate(CASES.items())}
        for i in range(INNOCENT):
            self._write(f"good-{i}", toy.submission())
        for name, case in CASES.items():
            if case.write:
                (self.folder / self.entries[name]).mkdir()
                case.write(self.folder / self.entries[name])
            else:
                notebook = toy.submission(**case.answers)
                changed = case.edit(notebook) if case.edit else None
                self._write(self.entries[name], changed if isinstance(changed, dict) else notebook)
        self.before = self._bytes()
        grader = Grader(self.assignment, self.folder, self.gradebook, limits=LIMITS)
        records = list(grader.run(workers=4, out=root / "out"))
        self.records = {record["entry"]: record for record in records}
        assert len(self.records) == len(records) == len(CASES) + INNOCENT

    def _write(self, entry: str, notebook: dict) -> None:
        text = json.dumps(notebook)
        for word, value in self.words.items():
            text = text.replace(word, str(value))
        (self.folder / entry).mkdir(parents=True)
        (self.folder / entry / "toy.ipynb").write_text(text)

    def _bytes(self) -> dict:
        small = (p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink())
        return {path: path.read_bytes() for path in small if path.stat().st_size < 10**7}

    def of(self, name: str) -> dict:
        return self.records[printable(self.entries[name])]


@pytest.fixture(scope="module")
def world(sandbox, tmp_path_factory):
    os.environ["LECTURER"] = "lecturers-secret"
    try:
        yield World(tmp_path_factory.mktemp("world"))
    finally:
        del os.environ["LECTURER"]


@pytest.mark.parametrize("name", CASES)
def test_case(world, name):
    case, record = CASES[name], world.of(name)
    told = json.dumps(record, ensure_ascii=False)
    assert (record["state"], tuple(row["points"] for row in record["tasks"])) == (case.state, case.points), (
        told
    )
    assert case.says in told
    assert not case.hides or case.hides not in told


@pytest.mark.parametrize("number", range(INNOCENT))
def test_innocent_students_have_their_grades(world, number):
    record = world.records[f"good-{number}"]
    assert record["state"] == "graded"
    assert [row["points"] for row in record["tasks"]] == [2, 3, 5]


def test_the_gradebook_and_the_table_say_what_the_records_say(world):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{world.gradebook}") as book:
        entered = {
            submission.student.id: {g.name: g.auto_score for nb in submission.notebooks for g in nb.grades}
            for submission in book.find_assignment("toy").submissions
        }
    text = (world.root / "out" / "grades.csv").read_text(encoding="utf-8-sig")
    lines = {line["student"].lstrip("'"): line for line in csv.DictReader(io.StringIO(text))}
    assert entered.keys() == lines.keys() == {record["student"] for record in world.records.values()}
    for record in world.records.values():
        told = {row["name"]: row["points"] for row in record["tasks"]}
        assert entered[record["student"]] == told | {"why": None}
        line = lines[record["student"]]
        assert line["state"] == record["state"]
        assert {name: float(line[name]) if line[name] else None for name in told} == told


def test_nothing_escaped(world):
    assert world.server.guests == 0
    assert not list(world.root.rglob("escaped*"))
    assert world._bytes() == world.before
    assert sorted(p.name for p in world.root.iterdir()) == [
        "grades.db",
        "grades.db.records",
        "handed in",
        "out",
        "toy.ipynb",
    ]
    own = str(os.getpid())
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", process, "cmdline").read_bytes()
        except OSError:
            continue
        assert process == own or world.words["@SOCKET@"].encode() not in words, "a student's process lives on"


def test_pages_lie_in_their_folder_and_run_nothing(world):
    pages = [path for path in (world.root / "out").rglob("*") if path.is_file() and path.suffix == ".html"]
    assert len(pages) == len(world.records)
    for path in pages:
        text = path.read_text()
        assert "<script" not in text.lower()
        assert "<img" not in text.lower()
        assert "default-src 'none'" in text


def test_a_spreadsheet_finds_no_formula(world):
    text = (world.root / "out" / "grades.csv").read_text(encoding="utf-8-sig")
    for line in csv.reader(io.StringIO(text)):
        assert not [field for field in line if field[:1] in "=+-@\t\r" and field]
