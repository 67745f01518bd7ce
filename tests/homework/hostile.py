"""The bank of hostile and broken submissions to the toy assignment: what is handed in, what must come of it.

In the notebooks, @GRADEBOOK@, @SOURCE@, @OTHER@ and @ESCAPE@ stand for paths of the grader's machine,
@PORT@ for a port on which the test listens, @SOCKET@ for its socket's name. hostile_time, hostile_points,
hostile_escape and hostile_files hold the cases.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ALL, NONE = (2, 3, 5), (None, None, None)
FIRST = (2, None, None)  # most attacks are in the second answer cell: the first task is answered by then


@dataclass(frozen=True)
class Case:
    """The state and the points by task that are wanted.

    says, hides: what must, and what must not, stand in the record. answers: the code of answer cells. edit:
    changes the notebook, or gives another one in its place. write: writes something else to the folder.
    entry: the student's folder, if its name matters.
    """

    state: str
    points: tuple
    answers: dict[str, str] = field(default_factory=dict)
    write: Callable[[Path], None] | None = None
    edit: Callable[[dict], object] | None = None
    entry: str = ""
    says: str = ""
    hides: str = ""


CASES: dict[str, Case] = {}


def case(name: str, state: str, points: tuple, total: str | None = None, **more) -> None:
    """Enter a case, by the code of its second answer cell or of others."""
    cells = {key: more.pop(key) for key in ("imports", "double", "pictures") if key in more}
    answers = cells | ({} if total is None else {"total": total})
    assert name not in CASES
    CASES[name] = Case(state, points, {key: textwrap.dedent(code) for key, code in answers.items()}, **more)
