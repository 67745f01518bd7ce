"""Grading from folder to gradebook: nothing lost by kill -9 or done twice, points by hand kept."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

from lecturekit import cli
from lecturekit.homework import grading, tasks
from lecturekit.homework.grading import Grader, judge
from lecturekit.homework.limits import Limits
from lecturekit.homework.records import Records
from lecturekit.homework.session import Answer
from lecturekit.homework.tasks import Mark

SMALL = Limits(memory=300, processes=40, scratch=20, answer=8)
SUM = "def total(x):\n    return x.sum()"


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """An empty gradebook: nbgrader takes seconds to make one."""
    from lecturekit.homework.gradebook import Book
    from lecturekit.homework.notebook import template

    root = tmp_path_factory.mktemp("empty")
    assignment = toy.toy(root)
    Book(root / "grades.db", assignment, template(assignment)).close()
    return root / "grades.db"


class Course:
    def __init__(self, root: Path, empty: Path):
        self.root, self.folder, self.gradebook = root, root / "in", root / "grades.db"
        self.assignment = toy.toy(root)
        shutil.copy(empty, self.gradebook)

    def hand_in(self, student, text=None, **answers):
        (self.folder / student).mkdir(parents=True, exist_ok=True)
        path = self.folder / student / "toy.ipynb"
        path.write_text(json.dumps(toy.submission(**answers)) if text is None else text)

    def grade(self, **more):
        grader = Grader(self.assignment, self.folder, self.gradebook, limits=SMALL)
        return {record["student"]: record for record in grader.run(**more)}

    def book(self):
        from nbgrader.api import Gradebook

        return Gradebook(f"sqlite:///{self.gradebook}")

    def entered(self):
        with self.book() as book:
            return {
                s.student.id: {g.name: g.auto_score for nb in s.notebooks for g in nb.grades}
                for s in book.find_assignment("toy").submissions
            }


@pytest.fixture
def course(sandbox, empty, tmp_path):
    return Course(tmp_path, empty)


def points(record):
    return [row["points"] for row in record["tasks"]]


def test_from_the_folder_to_the_gradebook_and_back(course):
    course.hand_in("jane")
    course.hand_in("kim", total="def total(x): return 0.5")
    course.hand_in("lee", text="{")
    records = course.grade(out=course.root / "out")
    assert {name: (r["state"], points(r)) for name, r in records.items()} == {
        "jane": ("graded", [2, 3, 5]),
        "kim": ("graded", [2, 1, 5]),
        "lee": ("unreadable", [None, None, None]),
    }
    assert course.entered()["kim"] == {"double": 2, "total": 1, "pictures": 5, "why": None}
    with course.book() as book:
        open_ones = {
            s.student.id: {g.name for nb in s.notebooks for g in nb.grades if g.needs_manual_grade}
            for s in book.find_assignment("toy").submissions
        }
        comment = book.find_comment("total_answer", "toy", "toy", "kim").auto_comment
    assert open_ones == {"jane": {"why"}, "kim": {"why"}, "lee": {"double", "total", "pictures", "why"}}
    assert comment == "Summing: a number, but not the sum"
    lines = list(csv.DictReader(io.StringIO((course.root / "out/grades.csv").read_text("utf-8-sig"))))
    assert [(x["student"], x["points"], x["total"], x["final"]) for x in lines] == [
        ("jane", "10", "3", "no"),
        ("kim", "8", "1", "no"),
        ("lee", "", "", "no"),
    ]
    answers = list(csv.DictReader(io.StringIO((course.root / "out/written.csv").read_text("utf-8-sig"))))
    assert [(x["question"], x["student"], x["points"], x["out_of"], x["answer"]) for x in answers] == [
        ("why", "jane", "", "4", "Because."),
        ("why", "kim", "", "4", "Because."),
        ("why", "lee", "", "4", ""),
    ]
    page = (course.root / "out/lee/feedback.html").read_text()
    assert "This is not a 0" in page
    assert "– of 14 points so far" in page


def test_a_second_run_does_only_what_is_new(course):
    course.hand_in("jane")
    course.hand_in("kim", total="import os; os._exit(1)")
    first = course.grade()
    course.hand_in("kim")
    course.hand_in("lee")
    second = course.grade()
    assert {name: r["new"] for name, r in second.items()} == {"jane": False, "kim": True, "lee": True}
    assert first["kim"]["state"] == "crashed"
    assert points(second["kim"]) == [2, 3, 5]
    assert course.entered()["kim"]["total"] == 3
    assert {name: r["new"] for name, r in course.grade(again=True).items()} == dict.fromkeys(second, True)


def test_inputs_are_each_students_own(course, monkeypatch):
    seen = {}

    def spy(given, answer):
        seen.setdefault(answer["doubled"].tobytes(), given["x"].tolist())
        return toy.mark_double(given, answer)

    task = toy.Task(**{**vars(toy.TASKS[0]), "mark": spy})
    course.assignment = toy.Assignment(**{**vars(course.assignment), "tasks": (task, *toy.TASKS[1:])})
    course.hand_in("jane")
    course.hand_in("kim")
    course.grade()
    assert len(seen) == 2
    salt = (course.root / "grades.db.records" / "salt").stat()
    assert salt.st_mode & 0o077 == 0
    records = Records(course.gradebook, "toy")
    other = Records(course.root / "other.db", "toy")
    seeds = {r.seed(s, t) for r in (records, other) for s in ("jane", "kim") for t in ("double", "total")}
    assert len(seeds) == 8
    records.close()
    other.close()


def test_points_given_by_hand_are_kept_and_shown(course):
    course.hand_in("jane", total="def total(x): return 0.5")
    course.grade()
    with course.book() as book:
        grade = book.find_grade("why", "toy", "toy", "jane")
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        book.find_grade("total", "toy", "toy", "jane").manual_score = 2.0
        book.find_comment("why", "toy", "toy", "jane").manual_comment = "Well <put>."
        book.db.commit()
    course.grade(out=course.root / "out")
    (line,) = csv.DictReader(io.StringIO((course.root / "out/grades.csv").read_text("utf-8-sig")))
    assert (line["total"], line["why"], line["points"], line["final"]) == ("2", "3.5", "12.5", "yes")
    page = (course.root / "out/jane/feedback.html").read_text()
    assert "12.5 of 14 points." in page
    assert "Well &lt;put&gt;." in page
    course.hand_in("jane")  # a new version: the points by hand stay, a person looks again
    course.grade()
    with course.book() as book:
        grade = book.find_grade("total", "toy", "toy", "jane")
        assert (grade.auto_score, grade.manual_score, grade.needs_manual_grade) == (3.0, 2.0, True)
        assert book.find_grade("why", "toy", "toy", "jane").manual_score == 3.5


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import toy
from lecturekit.homework.grading import Grader
from lecturekit.homework.limits import Limits
root = Path({root!r})
grader = Grader(toy.toy(root), root / "in", root / "grades.db", limits=Limits(memory=300, processes=40))
for record in grader.run(workers=2):
    print(record["student"], record["new"], flush=True)
"""


@pytest.mark.slow
def test_kill_9_loses_no_grade_and_leaves_no_process(course):
    for i in range(12):
        course.hand_in(
            f"s{i:02d}", total=f"import time\ntime.sleep(0.3)\nmarker = 'kill-{os.getpid()}'\n{SUM}"
        )
    script = SCRIPT.format(tests=str(Path(__file__).parent), root=str(course.root))
    told = set()
    for wanted in (2, 3):
        run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        new = 0
        while new < wanted:
            student, is_new = run.stdout.readline().split()
            assert (is_new == "True") == (student not in told)
            new += student not in told
            told.add(student)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert course.entered().keys() >= told
        time.sleep(1)
        for process in filter(str.isdigit, os.listdir("/proc")):
            try:
                assert Path("/proc", process, "stat").read_text().split()[3] != str(run.pid)
            except OSError:
                continue
    records = course.grade(workers=2)
    assert {name for name, r in records.items() if not r["new"]} >= told
    assert all(points(r) == [2, 3, 5] for r in records.values())
    assert len(course.entered()) == 12


def test_killed_between_record_and_gradebook_is_made_up_for(course, monkeypatch):
    course.hand_in("jane")
    course.hand_in("kim")

    def killed(self, record):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(grading.Book, "enter", killed)
        with pytest.raises(KeyboardInterrupt):
            course.grade()
    assert course.entered() == {}
    records = course.grade()
    assert not records["jane"]["new"]
    assert course.entered().keys() == {"jane", "kim"}


def test_a_lost_gradebook_is_filled_from_the_records(course, empty):
    course.hand_in("jane")
    course.grade()
    shutil.copy(empty, course.gradebook)
    assert not course.grade()["jane"]["new"]
    assert course.entered()["jane"]["total"] == 3


def test_two_graders_at_once_are_refused(course):
    course.hand_in("jane")
    records = Records(course.gradebook, "toy")
    with pytest.raises(ValueError, match="another grader is at work"):
        course.grade()
    records.close()
    assert course.grade()["jane"]["state"] == "graded"


def test_a_grader_that_fails_says_so_and_tries_again_next_time(course, monkeypatch, capsys):
    course.hand_in("jane")
    course.hand_in("kim")
    real = grading.plan

    def broken(assignment, cells, submitted):
        if any("mine" in cell["source"] for cell in submitted):
            raise ZeroDivisionError("oops")
        return real(assignment, cells, submitted)

    course.hand_in("kim", total="mine = 1\n" + SUM)
    with monkeypatch.context() as patch:
        patch.setattr(grading, "plan", broken)
        records = course.grade()
    assert points(records["jane"]) == [2, 3, 5]
    assert records["kim"]["state"] == "needs a person"
    assert "the grader itself failed (ZeroDivisionError: oops)" in records["kim"]["why"]
    assert points(records["kim"]) == [None, None, None]
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert points(course.grade()["kim"]) == [2, 3, 5]


def _raises(given, answer):
    raise KeyError("no such thing")


@pytest.mark.parametrize(
    "mark", [_raises, lambda *_: Mark(7, 2, ""), lambda *_: Mark(float("nan"), 2, ""), lambda *_: 1]
)
def test_a_mark_that_fails_is_a_persons(mark):
    task = toy.Task(**{**vars(toy.TASKS[0]), "mark": mark})
    told = judge(task, Answer({}, arrays={}))
    assert (told["points"], told["state"]) == (None, "doubtful")


def test_what_students_could_read_is_refused(course, tmp_path):
    course.hand_in("jane")
    for where in (Path(tasks.__file__).parents[1] / "grades.db", Path(sys.prefix) / "grades.db"):
        with pytest.raises(ValueError, match="which students' code can read: move it elsewhere"):
            Grader(course.assignment, course.folder, where)


def test_a_gradebook_that_is_none_is_refused(course):
    course.hand_in("jane")
    course.gradebook.write_text("no database, but long enough to be looked at " * 50)
    with pytest.raises(ValueError, match=r"gradebook: .*grades.db can't be used"):
        course.grade()


def command(course, monkeypatch, *arguments):
    monkeypatch.setattr(tasks, "assignment", lambda name: course.assignment)
    words = ["homework", "grade", course.folder, "--gradebook", course.gradebook, *arguments]
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def test_at_the_command_line(course, monkeypatch):
    course.hand_in("jane")
    course.hand_in("lee", text="[]")
    done = command(course, monkeypatch, "--json", "--out", course.root / "out", "--workers", "2")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["assignment"], told["states"]) == ("toy", {"graded": 1, "unreadable": 1})
    assert {r["student"]: r["points"] for r in told["submissions"]} == {"jane": 10, "lee": None}
    assert "2/2" in done.stderr
    assert (course.root / "out" / "jane" / "feedback.html").is_file()
    shown = command(course, monkeypatch).stdout
    assert "jane     graded" in shown
    assert "1 graded, 1 unreadable" in shown


def test_the_command_refuses_without_bubblewrap(course, monkeypatch):
    course.hand_in("jane")
    monkeypatch.setenv("PATH", str(course.root))
    done = command(course, monkeypatch, "--json")
    assert done.exit_code == 2
    assert "bubblewrap is not installed" in json.loads(done.stdout)["error"]
    done = command(course, monkeypatch, "--unsafe", "--json")
    assert "without a sandbox" in done.stderr
    assert json.loads(done.stdout)["states"] == {"graded": 1}
