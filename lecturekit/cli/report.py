"""What the commands have in common: results on standard output, talk on standard error, one-line errors."""

import json
import shutil
import sys
import textwrap
import warnings

import typer
from typer.core import TyperGroup

MISTAKES = (ValueError, OSError, ImportError)  # what a person, a file or the installation can get wrong


def say(text: str) -> None:
    """A remark, on standard error."""
    print(text, file=sys.stderr, flush=True)


def result(value, as_json: bool, human) -> None:
    """Standard output: `value` as JSON and nothing else, or what `human(value)` prints."""
    if as_json:
        print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        human(value)


def table(columns: list[str], rows: list[list], right: set[str] = frozenset()) -> None:
    """Print an aligned table; `right` names the columns of numbers, a long last column gets several lines."""
    rows = [columns, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(columns))]
    room = max(30, shutil.get_terminal_size().columns - sum(widths[:-1]) - 2 * len(widths))
    for row in rows:
        cells = [
            c.rjust(w) if n in right else c.ljust(w) for c, w, n in zip(row, widths, columns, strict=True)
        ]
        lines = textwrap.wrap(row[-1], room) if widths[-1] > room else [cells[-1]]
        print("  ".join([*cells[:-1], *lines[:1]]).rstrip())
        for line in lines[1:]:
            print(" " * (sum(widths[:-1]) + 2 * (len(widths) - 1)) + line)


def short(value: float | None) -> str:
    """A metric for human eyes."""
    return "-" if value is None else f"{value:.3f}"


class Failed(Exception):
    """Nobody's mistake, but it didn't work: exit code 1."""


class Course(TyperGroup):
    """The commands of the course; a mistake ends them with one line and exit code 2, not with a traceback."""

    def parse_args(self, ctx, args):
        ctx.meta["json"] = "--json" in args
        return super().parse_args(ctx, args)

    def invoke(self, ctx):
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: say(f"note: {message}")
            try:
                return super().invoke(ctx)
            except typer.Exit:
                raise
            except KeyboardInterrupt as error:
                stop(ctx, str(error) or "interrupted", 130)
            except Failed as error:
                stop(ctx, str(error), 1)
            except MISTAKES as error:
                stop(ctx, plain(error), 2)
            except Exception as error:
                if ctx.meta["json"] and hasattr(error, "format_message"):  # a wrong option or command
                    print(json.dumps({"error": error.format_message()}, ensure_ascii=False))
                raise


def stop(ctx, message: str, code: int) -> None:
    """End the command: the message on standard error, with --json as {"error": …} on standard output too."""
    if ctx.meta.get("json"):
        print(json.dumps({"error": message}, ensure_ascii=False))
    say(f"error: {message}")
    raise typer.Exit(code)


def plain(error: Exception) -> str:
    """An exception in one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = " ".join(str(error).split())
    if isinstance(error, ImportError):
        return f"{text}; `lecturekit doctor` says what is wrong with the installation"
    return text or type(error).__name__
