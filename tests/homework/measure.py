"""How long grading takes: `python tests/homework/measure.py [--students 200] [--hostile 20]`.

Grades the toy assignment with one worker and with two, then a class with hostile students among it, whose
states and points must all be right. Prints JSON.
"""

import argparse
import itertools
import json
import shutil
import tempfile
import time
from pathlib import Path

import hostile_escape
import hostile_points
import hostile_time
import toy
from hostile import CASES

from lecturekit.homework.grading import Grader
from lecturekit.homework.limits import Limits

SMALL = Limits(memory=300, processes=40, scratch=20, answer=8)
assert all((hostile_time, hostile_points, hostile_escape))


def grade(root: Path, workers: int) -> tuple[float, dict[str, dict]]:
    """Seconds and records of a run into a gradebook that is there, and empty."""
    shutil.rmtree(root / "grades.db.records", ignore_errors=True)
    start = time.perf_counter()
    grader = Grader(toy.toy(root), root / "in", root / "grades.db", limits=SMALL)
    records = {record["student"]: record for record in grader.run(workers=workers)}
    return time.perf_counter() - start, records


def hand_in(root: Path, student: str, **answers) -> None:
    (root / "in" / student).mkdir(parents=True)
    (root / "in" / student / "toy.ipynb").write_text(json.dumps(toy.submission(**answers)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--students", type=int, default=200, help="of whom some are hostile")
    parser.add_argument("--hostile", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=16, help="submissions for one worker against two")
    given = parser.parse_args()
    told = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in range(given.pairs):
            hand_in(root, f"s{i:03d}")
        grade(root, 2)  # makes the gradebook, and warms up
        one, two = grade(root, 1)[0], grade(root, 2)[0]
        told["seconds per submission"] = round(one / given.pairs, 3)
        told["parallel efficiency at 2 workers"] = round(one / two / 2, 3)
    with tempfile.TemporaryDirectory() as folder:
        root, wanted = Path(folder), {}
        cases = itertools.islice(
            (c for c in CASES.values() if c.answers and "@" not in str(c.answers)), 0, None, 2
        )
        hostile = dict(zip(range(3, given.students, given.students // given.hostile), cases, strict=False))
        for i in range(given.students):
            case = hostile.get(i)
            hand_in(root, f"s{i:03d}", **(case.answers if case else {}))
            wanted[f"s{i:03d}"] = (case.state, list(case.points)) if case else ("graded", [2, 3, 5])
        seconds, records = grade(root, 2)
        found = {s: (r["state"], [row["points"] for row in r["tasks"]]) for s, r in records.items()}
        told["class"] = {
            "students": len(wanted),
            "hostile": len(hostile),
            "seconds": round(seconds, 1),
            "wrong": {s: [found.get(s), wanted[s]] for s in wanted if found.get(s) != wanted[s]},
        }
    print(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
