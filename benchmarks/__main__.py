"""The command: `python -m benchmarks [NAMES] [--size tiny|paper] [--repeats N] [--json] …`."""

import argparse
import json
import os
import platform
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch wakes its threads

from benchmarks import SIZES, Case, measure, parts, report, systems
from lecturekit import recipes

LIBRARIES = ("torch", "torchvision", "numpy")


def names() -> list[str]:
    """Everything that can be timed: the systems of the catalogue, then the parts."""
    return [*recipes.names(), *parts.NAMES]


def cases(chosen: list[str], sizes: list[str]) -> list[Case]:
    """The cases of the chosen names at the chosen sizes, systems first."""
    return [
        case
        for name in names()
        if name in chosen
        for size in sizes
        for case in (parts if name in parts.NAMES else systems).cases(name, size)
    ]


def run(chosen: list[str], sizes: list[str], repeats: int) -> dict:
    """Measure everything chosen: {date, repeats, threads, processor, versions, rows}; lines on stderr."""
    rows = []
    for case in cases(chosen, sizes):
        for row in measure(case, repeats):
            print(report.line(row), file=sys.stderr, flush=True)
            rows.append(row)
    return {
        "date": date.today().isoformat(),
        "repeats": repeats,
        "threads": 1,
        "processor": platform.machine(),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "rows": rows,
    }


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="How many times as fast as others: networks and their parts, side by side in one run.",
        epilog="Ratios above 1 say that the course's code is faster; quartiles over the repeats beside them.",
    )
    parser.add_argument("names", nargs="*", metavar="NAMES", help=f"of {', '.join(names())}; all by default")
    parser.add_argument("--size", choices=SIZES, help="both by default")
    parser.add_argument("--repeats", type=int, default=9, help="turns of all arms (default 9)")
    parser.add_argument("--json", action="store_true", help="the result on standard output, nothing else")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the result as JSON")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw it, as PNG")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in names()]:
        parser.error(f"NAMES: {unknown[0]!r} can't be timed; known are {', '.join(names())}")
    if given.repeats < 1:
        parser.error(f"--repeats: at least 1 is needed, got {given.repeats}")
    result = run(given.names or names(), [given.size] if given.size else list(SIZES), given.repeats)
    if given.json:
        print(json.dumps(result, indent=1))
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n")
    if given.plot:
        report.plot(result["rows"], recipes.names(), given.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
