"""What goes back: a page for each student, a table for the lecturer, with the points of the gradebook."""

import csv
import io
import re
from html import escape
from pathlib import Path

from lecturekit.homework.gradebook import Book
from lecturekit.homework.records import write as write_file
from lecturekit.homework.submissions import safe
from lecturekit.homework.tasks import Assignment

SAID = {
    "graded": "Your notebook ran from top to bottom.",
    "tampered": "Your notebook ran. Some of its cells are not as they were handed out; clean copies were run "
    "in their place.",
    "needs a person": "Your notebook was run; a person will look at one of the results before it counts.",
    "timed out": "Your notebook was stopped because it took too long. What was answered before counts.",
    "out of memory": "Your notebook was stopped because it took too much memory. What was answered before "
    "counts.",
    "crashed": "Your notebook's process ended before it was through. What was answered before counts.",
    "unreadable": "Your notebook could not be read, so nothing was graded yet. This is not a 0.",
}
STOPPED = ("timed out", "out of memory", "crashed")
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd }}
.points {{ white-space: nowrap; text-align: right }}
td, pre {{ white-space: pre-wrap; overflow-wrap: anywhere }}
pre {{ background: #f5f5f5; padding: .6rem; font-size: 14px }}
</style></head><body>
<h1>{title}</h1>
<p><bdi>{name}</bdi></p>
<p><strong>{points} of {out_of} points{sofar}.</strong> {said}</p>
{body}
</body></html>
"""


def write(out: Path, assignment: Assignment, records: list[dict], book: Book) -> None:
    """Write grades.csv, written.csv and, as the submissions were named, the students' pages (see `place`)."""
    out.mkdir(parents=True, exist_ok=True)
    scores = book.scores()
    for record in records:
        path = out / place(record)
        path.parent.mkdir(parents=True, exist_ok=True)
        mine, remarks = scores[record["student"]], book.remarks(record["student"])
        write_file(path, page(assignment, record, mine, remarks).encode())
    for name, text in (("grades.csv", table(records, scores)), ("written.csv", written(records, scores))):
        write_file(out / name, text.encode("utf-8-sig"))  # the mark is for spreadsheets


def place(record: dict) -> str:
    """The page's path: where Moodle and Canvas look for it when the pages are uploaded as one archive."""
    entry = record["entry"]
    stem = entry.removesuffix(".ipynb")
    plain = re.fullmatch(r"[\w(][\w .,()+-]*", stem) is not None and not stem.endswith((" ", "."))
    name = stem if plain else safe(stem)
    return f"{name}.html" if stem != entry else f"{name}/feedback.html"


def totals(record: dict, scores: dict[str, dict]) -> tuple[float | None, bool]:
    """The points that are given so far (None: none yet), and whether that is all."""
    rows = [scores[row["name"]] for row in record["tasks"] + record["written"]]
    given = [row["points"] for row in rows if row["points"] is not None]
    return (sum(given) if given else None), all(r["points"] is not None and not r["open"] for r in rows)


def page(assignment: Assignment, record: dict, scores: dict[str, dict], remarks: list[str]) -> str:
    """A student's page. Everything in it is escaped; it loads and runs nothing."""
    points, final = totals(record, scores)
    rows = [_row("Task", "", "Points", head=True)]
    for row in record["tasks"]:
        score = scores[row["name"]]
        rows.append(_row(row["title"], row["comment"], _points(score, row["out_of"])))
    for row in record["written"]:
        score = scores[row["name"]]
        comment = "graded by a person" if score["by_hand"] else "a person will read this answer"
        rows.append(_row(f"Written question: {row['name']}", comment, _points(score, row["out_of"])))
    body = [f"<table>{''.join(rows)}</table>"]
    if record["why"] and record["state"] in (*STOPPED, "unreadable"):
        body.insert(0, f"<p>What happened: {escape(record['why'])}.</p>")
    if record["tampered"]:
        items = "".join(f"<li>{escape(text)}</li>" for text in record["tampered"])
        body.append(f"<h2>Not as handed out</h2><ul>{items}</ul>")
    if remarks:
        body.append("<h2>Remarks</h2>" + "".join(f"<p>{escape(text)}</p>" for text in remarks))
    if record["errors"]:
        told = "".join(
            f"<p>Cell {escape(cell)}:</p><pre>{escape(text)}</pre>" for cell, text in record["errors"][:10]
        )
        body.append(f"<h2>Errors in your cells</h2>{told}")
    if record["output"] and record["state"] in STOPPED:
        cut = f" (the beginning of {record['printed']:,} bytes)" if record["printed"] > 4000 else ""
        body.append(f"<h2>What your notebook printed{cut}</h2><pre>{escape(record['output'])}</pre>")
    return PAGE.format(
        title=escape(f"Feedback: {assignment.name.replace('_', ' ')}"),
        name=escape(record["name"]),
        points="–" if points is None else f"{points:g}",
        out_of=f"{record['out_of']:g}",
        sofar="" if final else " so far",
        said=escape(SAID[record["state"]]),
        body="\n".join(body),
    )


def _row(title: str, comment: str, points: str, head: bool = False) -> str:
    tag = "th" if head else "td"
    cells = f"<{tag}>{escape(title)}</{tag}><{tag}>{escape(comment)}</{tag}"
    return f"<tr>{cells}<{tag} class=points>{escape(points)}</{tag}></tr>"


def _points(score: dict, out_of: float) -> str:
    given = "–" if score["points"] is None else f"{score['points']:g}"
    return f"{given} / {out_of:g}"


def table(records: list[dict], scores: dict[str, dict[str, dict]]) -> str:
    """The CSV: a line for each student; a field without points yet is empty, never 0."""
    first = records[0] if records else {"tasks": [], "written": []}
    names = [row["name"] for row in first["tasks"] + first["written"]]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(
        ["student", "name", "state", "points", "out_of", "final", *names, "open", "reason", "file"]
    )
    for record in sorted(records, key=lambda r: r["student"]):
        mine = scores[record["student"]]
        points, final = totals(record, mine)
        told = [mine[name]["points"] for name in names]
        row = [record["student"], record["name"], record["state"], points, record["out_of"]]
        row += ["yes" if final else "no", *told]
        row += ["" if final else "; ".join(record["person"]), record["why"], record["entry"]]
        writer.writerow(["" if value is None else _cell(value) for value in row])
    return lines.getvalue()


def written(records: list[dict], scores: dict[str, dict[str, dict]]) -> str:
    """The answers to the written questions as a CSV, question by question, for a person to read and grade."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["question", "student", "points", "out_of", "answer"])
    rows = [(q["name"], r["student"], q) for r in records for q in r["written"]]
    for name, student, question in sorted(rows, key=lambda row: row[:2]):
        points = scores[student][name]["points"]
        row = [name, student, "" if points is None else points, question["out_of"], question["answer"]]
        writer.writerow([_cell(value) for value in row])
    return lines.getvalue()


def _cell(value) -> str:
    """A table's field that no spreadsheet takes for a formula."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") else text
