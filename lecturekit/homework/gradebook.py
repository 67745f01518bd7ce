"""nbgrader's SQLite gradebook: an assignment's cells, and a record's points and comments in it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Comment, Grade, Gradebook, MissingEntry

from lecturekit.homework.notebook import Cell
from lecturekit.homework.submissions import whole
from lecturekit.homework.tasks import Assignment


class Book:
    """The gradebook in `path`, made if it isn't there; each record goes into it in one transaction.

    Points that a person has given (nbgrader's manual_score, its formgrader) are never changed.
    Raises ValueError when the file is no gradebook.
    """

    def __init__(self, path: Path, assignment: Assignment, cells: list[Cell]):
        self.assignment, self.notebook = assignment, assignment.name
        self.cells = cells
        if not path.exists():
            part = path.with_name(path.name + ".part")
            part.unlink(missing_ok=True)
            self._open(part)
            self.book.close()
            os.replace(part, path)  # a gradebook is there with all its tables, or not at all
        self._open(path)

    def _open(self, path: Path) -> None:
        from sqlalchemy.exc import DatabaseError

        try:
            with _alembic():
                self.book = Gradebook(f"sqlite:///{path}")
            self._prepare()
        except DatabaseError as error:
            raise ValueError(f"gradebook: {path} can't be used: {error.orig}") from error

    def _prepare(self) -> None:
        """The assignment with its cells, as `nbgrader generate_assignment` would enter them."""
        name = self.notebook
        self.book.update_or_create_assignment(name)
        self.book.update_or_create_notebook(name, name)
        points = {t.name: t.points for t in self.assignment.tasks} | dict(self.assignment.written)
        for cell in self.cells:
            if cell.id in points:
                kind = "code" if cell.code else "markdown"
                self.book.update_or_create_grade_cell(
                    cell.id, name, name, max_score=float(points[cell.id]), cell_type=kind
                )
            if cell.kind in ("answer", "written"):
                self.book.update_or_create_solution_cell(cell.id, name, name)

    def close(self) -> None:
        self.book.close()

    def has(self, student: str) -> bool:
        try:
            self.book.find_submission(self.notebook, student)
        except MissingEntry:
            return False
        return True

    def enter(self, record: dict) -> None:
        """Enter a record, all of it or nothing."""
        student, db = record["student"], self.book.db
        try:
            self.book.find_student(student)
        except MissingEntry:
            self.book.add_student(student, last_name=whole(record["name"])[:128])
        known = self.has(student)
        with db.no_autoflush:  # nbgrader's own objects lean on each other before they are added
            self.book.update_or_create_submission(self.notebook, student)
        notebook = self.book.find_submission_notebook(self.notebook, self.notebook, student)
        grades = {grade.name: grade for grade in notebook.grades}
        comments = {comment.name: comment for comment in notebook.comments}
        for cell in self.book.find_notebook(self.notebook, self.notebook).grade_cells:
            if cell.name not in grades:  # the assignment has got another task since
                grades[cell.name] = Grade(cell_id=cell.id, notebook=notebook)
        for cell in self.book.find_notebook(self.notebook, self.notebook).solution_cells:
            if cell.name not in comments:
                comments[cell.name] = Comment(cell_id=cell.id, notebook=notebook)
        for task in record["tasks"]:
            grade = grades[task["name"]]
            grade.auto_score = task["points"]
            grade.needs_manual_grade = task["points"] is None or task["state"] == "doubtful"
            if known and grade.manual_score is not None:
                grade.needs_manual_grade = True  # what a person judged has changed since
        for name, _ in self.assignment.written:
            grades[name].needs_manual_grade = True
        for name, text in self._comments(record).items():
            comments[name].auto_comment = text
        db.commit()

    def _comments(self, record: dict) -> dict[str, str]:
        """The tasks' comments, by the answer cell above each check cell."""
        told = {task["name"]: f"{task['title']}: {task['comment']}" for task in record["tasks"]}
        found: dict[str, list[str]] = {}
        above = None
        for cell in self.cells:
            if cell.kind == "answer":
                above = cell.id
            elif cell.kind == "check" and above:
                found.setdefault(above, []).append(told[cell.id])
        return {name: whole("\n".join(texts)) for name, texts in found.items()}

    def scores(self) -> dict[str, dict[str, dict]]:
        """What the gradebook says now, by student and cell: {points or None, by_hand, open}.

        open: a person still has to look at it.
        """
        found = {}
        for submission in self.book.find_assignment(self.notebook).submissions:
            for notebook in submission.notebooks:
                rows = {}
                for grade in notebook.grades:
                    by_hand = grade.manual_score is not None
                    points = grade.manual_score if by_hand else grade.auto_score
                    extra = grade.extra_credit or 0.0
                    rows[grade.name] = {
                        "points": None if points is None else points + extra,
                        "by_hand": by_hand,
                        "open": bool(grade.needs_manual_grade),
                    }
                found[submission.student.id] = rows
        return found

    def remarks(self, student: str) -> list[str]:
        """What a person has written beside the answers."""
        notebook = self.book.find_submission_notebook(self.notebook, self.notebook, student)
        return [comment.manual_comment for comment in notebook.comments if comment.manual_comment]


@contextlib.contextmanager
def _alembic() -> Iterator[None]:
    """nbgrader asks the program `alembic`, which stands beside this Python, perhaps not in the PATH."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
