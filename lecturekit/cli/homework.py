"""`lecturekit homework release | grade`: the students' version of the homework, and its grades."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from lecturekit.cli.options import AsJson
from lecturekit.cli.report import result, say, table

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def about() -> None:
    """Hand the homework out, and grade what comes back.

    \b
    Examples:
      lecturekit homework release --out handout/
      lecturekit homework grade submissions/ --gradebook grades.db --out feedback/
    """


@app.command()
def release(
    out: Annotated[Path, typer.Option(help="Folder to write to.")],
    as_json: AsJson = False,
) -> None:
    """Write the students' version: stubs, no solutions.

    --json: {notebook}, the path of what was written.

    \b
    Examples:
      lecturekit homework release --out handout/
      lecturekit homework release --out handout/ --json
    """
    from lecturekit.homework.release import release

    (notebook,) = release(out)
    result({"notebook": str(notebook)}, as_json, lambda told: print(told["notebook"]))


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="Folder of what was handed in.", show_default=False)],
    gradebook: Annotated[Path, typer.Option(help="nbgrader's SQLite gradebook; made if it isn't there.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the tables and a feedback page per student.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Submissions at the same time.")] = 1,
    again: Annotated[
        bool, typer.Option("--again", help="Grade all anew, not only what is new or changed.")
    ] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Run students' code without a sandbox. Read the help first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Grade what was handed in, in a sandbox.

    SUBMISSIONS holds a folder per student, or files named as Moodle or Canvas export them. Each notebook
    runs in bubblewrap: without a network, without your files, with limits on time, memory, processes and
    output. Its functions get inputs that nobody knew before, and the answers are judged outside. Every
    submission ends in one of the states graded, tampered, needs a person, timed out, out of memory,
    crashed, unreadable; points that could not be given stay open and are no 0.

    Stop it whenever you like, even by kill -9: run it again and it goes on where it was. Points given by hand
    in the gradebook are kept, and a further run puts them on the feedback pages.

    --unsafe: without bubblewrap a submission can read and change whatever you can, this gradebook included.
    Use it on a machine that holds nothing else.

    --json: {assignment, states: {state: count}, submissions: [{student, name, entry, state, why, tampered,
    tasks: [{name, title, out_of, points, comment, state}], written, points, out_of, person, errors, …}]}.

    \b
    Examples:
      lecturekit homework grade submissions/ --gradebook grades.db --out feedback/
      lecturekit homework grade submissions/ --gradebook grades.db --workers 4 --json
    """
    from tqdm import tqdm

    from lecturekit.homework.grading import STATES, Grader
    from lecturekit.homework.tasks import assignment

    task = assignment("conditional_gan")
    grader = Grader(task, submissions, gradebook, unsafe=unsafe)
    if unsafe:
        say("note: students' code runs without a sandbox and can read and change your files")
    records = []
    with tqdm(total=len(grader.submissions), unit="notebook", file=sys.stderr) as bar:
        for record in grader.run(workers=workers, again=again, out=out):
            records.append(record)
            bar.update()
    found = [record["state"] for record in records]
    told = {"assignment": task.name, "states": {s: found.count(s) for s in STATES if s in found}}
    result(told | {"submissions": records}, as_json, lambda told: _show(told, out))


def _show(told: dict, out: Path | None) -> None:
    rows = []
    for record in sorted(told["submissions"], key=lambda r: r["student"]):
        points = "-" if record["points"] is None else f"{record['points']:g}"
        rows.append([record["student"], record["state"], points, record["why"]])
    table(["student", "state", "points", "why"], rows, right={"points"})
    print("\n" + ", ".join(f"{count} {state}" for state, count in told["states"].items()))
    if any(record["person"] for record in told["submissions"]):
        print("Points are without what a person still has to grade (`open` in grades.csv).")
    if out:
        print(f"{out / 'grades.csv'} and the feedback pages are written.")
