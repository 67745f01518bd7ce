"""What was handed in: notebooks as students, Moodle or Canvas name them, found without following links.

jane/conditional_gan.ipynb                                     a folder per student
Jane Doe_12345_assignsubmission_file_/x.ipynb                  Moodle, in folders (or without, as one name)
doejane_LATE_123_456_conditional_gan-1.ipynb                   Canvas
jane.ipynb                                                     a file per student
"""

import hashlib
import os
import re
import stat
import unicodedata
from dataclasses import dataclass
from pathlib import Path

MOODLE = re.compile(
    r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_(?P<what>file|onlinetext)(?:_.*)?", re.DOTALL
)
CANVAS = re.compile(r"(?P<name>[^_]+)(?:_LATE)?_(?P<id>\d+)_\d+_.+", re.DOTALL)
JUNK = re.compile(r"\._.*|\.DS_Store|\.git|\.ipynb_checkpoints|__MACOSX", re.DOTALL)
DEPTH = 3  # folders below a student's own in which a notebook is looked for
MANY = 1000  # files in one student's folder


@dataclass(frozen=True)
class Submission:
    """One student's: `student` is a safe, unique id; `name` is what the folder or the file says, for people.

    entry: the folder's or file's own name. file: the notebook, or None with the reason in `why`.
    """

    student: str
    name: str
    entry: str
    file: Path | None
    why: str = ""


def find(folder: Path, notebook: str) -> list[Submission]:
    """The submissions in a folder, by student; `notebook` is the assignment's name, and its file's.

    Files at the top that are no notebooks and bear no student's name are left out. Two entries of one student
    make one submission without a file: which of them counts is for a person to say.
    Raises ValueError when there is no folder or nothing in it.
    """
    if not folder.is_dir():
        raise ValueError(f"submissions: {folder} is no folder")
    found: dict[str, list[Submission]] = {}
    for entry in sorted(os.scandir(folder), key=lambda e: os.fsencode(e.name)):
        if not JUNK.fullmatch(entry.name) and (one := _submission(entry, notebook)):
            found.setdefault(one.student, []).append(one)
    if not found:
        raise ValueError(f"submissions: there are no submissions in {folder}")
    return [many[0] if len(many) == 1 else _several(many) for many in found.values()]


def _submission(entry: os.DirEntry, notebook: str) -> Submission | None:
    mode = entry.stat(follow_symlinks=False).st_mode
    told = MOODLE.fullmatch(entry.name)
    if told and told["what"] == "onlinetext":
        return None  # Moodle's text field, beside the files
    if told is None and not stat.S_ISDIR(mode):
        told = CANVAS.fullmatch(entry.name)
    if stat.S_ISDIR(mode):
        file, why = _inside(Path(entry.path), notebook)
    elif not (told or entry.name.endswith(".ipynb")):
        return None
    elif not stat.S_ISREG(mode):
        file, why = None, "it is a link or a special file, which is not followed"
    elif not entry.name.endswith(".ipynb"):
        file, why = None, "it is no notebook (.ipynb)"
    else:
        file, why = Path(entry.path), ""
    name = told["name"] if told else entry.name.removesuffix(".ipynb")
    student = f"{_slug(told['name'])}_{told['id']}" if told else safe(name)
    return Submission(student, printable(name), entry.name, file, why)


def _inside(folder: Path, notebook: str) -> tuple[Path | None, str]:
    """The one notebook in a student's folder: by its name if there are several."""
    notebooks, links, todo, seen = [], [], [(folder, 0)], 0
    while todo:
        where, depth = todo.pop()
        for entry in os.scandir(where):
            seen += 1
            if seen > MANY:
                return None, f"its folder holds more than {MANY} files"
            if entry.is_symlink():
                links.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                if depth < DEPTH and not JUNK.fullmatch(entry.name):
                    todo.append((Path(entry.path), depth + 1))
            elif _is_notebook(entry):
                notebooks.append(Path(entry.path))
    named = [path for path in notebooks if path.stem == notebook] or notebooks
    if len(named) == 1:
        return named[0], ""
    if named:
        return None, f"there are {len(named)} notebooks in its folder: {_some(p.name for p in named)}"
    if links:
        return None, f"there are only links in its folder, which are not followed: {_some(links)}"
    return None, "there is no notebook in its folder"


def _is_notebook(entry: os.DirEntry) -> bool:
    named = entry.name.endswith(".ipynb") and not JUNK.fullmatch(entry.name)
    return named and entry.is_file(follow_symlinks=False)


def _several(many: list[Submission]) -> Submission:
    entries = _some(one.entry for one in many)
    why = f"there are {len(many)} submissions of this student: {entries}"
    return Submission(many[0].student, many[0].name, many[0].entry, None, why)


def _some(names) -> str:
    return ", ".join(sorted(map(printable, names))[:4])


def safe(name: str) -> str:
    """A name for files, database and tables alike: letters, digits, "-", "_"; a changed one gets a hash."""
    slug = _slug(name)
    return slug if slug == name else f"{slug}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}"


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFC", whole(name))
    return re.sub(r"[^\w-]+", "_", plain).strip("-_")[:60] or "student"


def whole(text: str) -> str:
    """The text without lone surrogates, so that it can be encoded."""
    return text.encode(errors="replace").decode()


def printable(text: str) -> str:
    """Text that any file, database or terminal takes: no control characters, no changes of direction."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", "�", whole(text))
