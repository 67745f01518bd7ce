"""Grading a folder of submissions: each is run in the sandbox, judged here, and kept before the next one.

The states of a submission: "graded"; "tampered" (graded too, from clean copies); "timed out", "out of
memory", "crashed" (what was answered before keeps its points); "unreadable"; "needs a person" (a mark near
a threshold, or a failure of the grader's own). The states of a task: "marked", "doubtful", "failed" (the
student's code raised: 0 points), "not reached" (no points at all yet, neither 0 nor more).
"""

import hashlib
import math
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from pathlib import Path

from lecturekit import __version__
from lecturekit.homework import feedback
from lecturekit.homework.gradebook import Book
from lecturekit.homework.limits import Limits
from lecturekit.homework.notebook import Unreadable, load, parse, plan, template
from lecturekit.homework.records import Records
from lecturekit.homework.sandbox import Sandbox
from lecturekit.homework.session import Answer, Outcome, Stopped, converse
from lecturekit.homework.submissions import Submission, find, printable
from lecturekit.homework.tasks import Assignment, Task

STATES = ("graded", "tampered", "needs a person", "timed out", "out of memory", "crashed", "unreadable")
_one_at_a_time = threading.Lock()  # marks: torch's and numpy's global states are the same for all threads


class Grader:
    """Grades the submissions to one assignment into one gradebook.

    Raises ValueError when the submissions, the gradebook or the source notebook lie where students' code
    could read them, and sandbox.Missing when there is no sandbox.
    """

    def __init__(
        self,
        assignment: Assignment,
        submissions: Path,
        gradebook: Path,
        *,
        limits: Limits | None = None,
        unsafe: bool = False,
        cgroups: bool = True,
    ):
        self.assignment, self.gradebook = assignment, gradebook.resolve()
        self.submissions = find(submissions.resolve(), assignment.name)
        self.sandbox = Sandbox(
            assignment, limits or Limits(memory=assignment.memory), unsafe=unsafe, cgroups=cgroups
        )
        _check_hidden(self.sandbox, submissions.resolve(), self.gradebook.parent, assignment.source.resolve())
        self.cells = template(assignment)
        self.stop = threading.Event()

    def run(self, *, workers: int = 1, again: bool = False, out: Path | None = None) -> Iterator[dict]:
        """The records, one by one, as they come to be; those of unchanged notebooks are not made anew.

        A record is kept in its file and in the gradebook before it is yielded. again: grade all anew. out:
        folder for grades.csv and the feedback pages, written at the end.
        """
        self.gradebook.parent.mkdir(parents=True, exist_ok=True)
        self.records = Records(self.gradebook, self.assignment.name)
        try:
            book = Book(self.gradebook, self.assignment, self.cells)
            try:
                kept = []
                for record in self._all(workers, again):
                    if not record["entered"] or not book.has(record["student"]):
                        book.enter(record)
                        record["entered"] = True
                        self.records.keep(record)
                    kept.append(record)
                    yield record
                if out is not None:
                    feedback.write(out, self.assignment, kept, book)
            finally:
                book.close()
        finally:
            self.records.close()

    def _all(self, workers: int, again: bool) -> Iterator[dict]:
        """The records as they are ready; a submission is begun when another one has been entered."""
        todo = iter(self.submissions)
        with ThreadPoolExecutor(workers) as pool:
            running = {pool.submit(self._one, s, again) for _, s in zip(range(workers), todo, strict=False)}
            try:
                while running:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for one in done:
                        yield one.result()
                        if (following := next(todo, None)) is not None:
                            running.add(pool.submit(self._one, following, again))
            finally:
                self.stop.set()  # after Ctrl-C: what runs is ended, not waited for

    def _one(self, submission: Submission, again: bool) -> dict:
        """A submission's record, kept; whatever happens in here concerns this submission alone."""
        try:
            data = load(submission.file) if submission.file else b""
            problem = submission.why
        except Unreadable as error:
            data, problem = b"", str(error)
        version = self._version(data, problem)
        known = self.records.read(submission.student)
        if known and known["version"] == version and not known["again"] and not again:
            return known | {"new": False}
        record = self._blank(submission, version)
        try:
            if problem:
                raise Unreadable(problem)
            self._grade(record, data)
        except Unreadable as error:
            record |= {"state": "unreadable", "why": printable(str(error))}
        except Stopped:
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            why = f"the grader itself failed ({type(error).__name__}: {error})"
            record |= {"state": "needs a person", "why": printable(why), "again": True}
        self._sum_up(record)
        self.records.keep(record)
        return record

    def _version(self, data: bytes, problem: str) -> str:
        """Of everything that a record depends on: the notebook, the assignment, the salt."""
        told = hashlib.sha256(self.records.salt)
        told.update(repr(self.cells).encode())
        told.update(repr([(t.name, t.points, t.run) for t in self.assignment.tasks]).encode())
        told.update(hashlib.sha256(data).digest() + problem.encode(errors="replace"))
        return told.hexdigest()

    def _blank(self, submission: Submission, version: str) -> dict:
        reached = {"points": None, "comment": "not reached", "state": "not reached"}
        tasks = [
            {"name": t.name, "title": t.title, "out_of": float(t.points), **reached}
            for t in self.assignment.tasks
        ]
        return {
            "student": submission.student,
            "name": submission.name,
            "entry": printable(submission.entry),
            "state": "graded",
            "why": "",
            "tampered": [],
            "tasks": tasks,
            "written": [{"name": n, "out_of": float(p), "answer": ""} for n, p in self.assignment.written],
            "errors": [],
            "output": "",
            "printed": 0,
            "seconds": 0.0,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "lecturekit": __version__,
            "version": version,
            "again": False,
            "entered": False,
            "new": True,
        }

    def _grade(self, record: dict, data: bytes) -> None:
        """Run a notebook and judge its answers."""
        todo = plan(self.assignment, self.cells, parse(data))
        record["tampered"] = [printable(text) for text in todo.tampered]
        for question in record["written"]:
            question["answer"] = printable(todo.written.get(question["name"], ""))
        seeds = {t.name: self.records.seed(record["student"], t.name) for t in self.assignment.tasks}
        outcome = converse(self.sandbox, todo.steps, seeds, self.assignment.seconds, self.stop)
        for task, row in zip(self.assignment.tasks, record["tasks"], strict=True):
            if task.name in outcome.answers:
                row |= judge(task, outcome.answers[task.name])
        record |= _told(outcome)
        if record["tampered"] and record["state"] == "graded":
            record |= {"state": "tampered", "why": "; ".join(record["tampered"])}

    def _sum_up(self, record: dict) -> None:
        """Points so far, and what a person has to look at."""
        person = [f"{r['title']}: {r['comment']}" for r in record["tasks"] if r["state"] == "doubtful"]
        person += [f"{r['title']}: not reached" for r in record["tasks"] if r["state"] == "not reached"]
        if any(row["state"] == "doubtful" for row in record["tasks"]) and record["state"] == "graded":
            record |= {"state": "needs a person", "why": "; ".join(person)}
        person += [f"written question {question['name']}" for question in record["written"]]
        points = [row["points"] for row in record["tasks"] if row["points"] is not None]
        record["points"] = sum(points) if points else None
        record["out_of"] = sum(row["out_of"] for row in record["tasks"] + record["written"])
        record["person"] = person


def judge(task: Task, answer: Answer) -> dict:
    """The points, comment and state of a task. A judgement that fails is a person's."""
    if answer.error is not None:
        comment = f"your code raised an error: {printable(answer.error)}"
        return {"points": 0.0, "comment": comment, "state": "failed"}
    try:
        with _one_at_a_time, warnings.catch_warnings(action="ignore"):
            mark = task.mark(answer.inputs, answer.arrays)
        points = float(mark.points)
        if not (math.isfinite(points) and 0 <= points <= task.points):
            raise ValueError(f"{points} points of {task.points}")
    except Exception as error:
        what = printable(f"{type(error).__name__}: {error}"[:300])
        comment = f"this answer could not be judged, a person looks at it ({what})"
        return {"points": None, "comment": comment, "state": "doubtful"}
    state = "doubtful" if mark.doubtful else "marked"
    return {"points": points, "comment": printable(mark.comment), "state": state}


def _told(outcome: Outcome) -> dict:
    """What a record says of how the process fared."""
    return {
        "state": "graded" if outcome.ended == "done" else outcome.ended,
        "why": outcome.why,
        "errors": [[printable(cell)[:100], printable(text)] for cell, text in outcome.errors],
        "output": printable(outcome.output)[:4000],
        "printed": outcome.printed,
        "seconds": round(outcome.seconds, 3),
    }


def _check_hidden(sandbox: Sandbox, *paths: Path) -> None:
    for path in paths:
        for folder in sandbox.visible():
            if path.is_relative_to(folder.resolve()):
                raise ValueError(f"{path} lies in {folder}, which students' code can read: move it elsewhere")
