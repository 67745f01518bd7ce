"""`lecturekit homework release | grade`: the students' version of the homework, and its grades."""

from pathlib import Path
from typing import Annotated

import typer

from lecturekit.cli.options import AsJson
from lecturekit.cli.report import result

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

    result({"notebook": str(release(out))}, as_json, lambda told: print(told["notebook"]))


@app.command()
def grade(
    submissions: Annotated[Path, typer.Argument(help="Folder of what was handed in.", show_default=False)],
    gradebook: Annotated[Path, typer.Option(help="nbgrader's SQLite gradebook; made if it isn't there.")],
    as_json: AsJson = False,
) -> None:
    """Grade a folder of submissions.

    \b
    Examples:
      lecturekit homework grade submissions/ --gradebook grades.db
      lecturekit homework grade submissions/ --gradebook grades.db --json
    """
    raise ValueError("grading is not there yet")
