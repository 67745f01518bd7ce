"""The sentences of the lectures as experiments: seeds, a spread, and a verdict that may be "not shown".

A claim compares two arms on equal budgets. Its experiment returns, for every comparison that the sentence
makes, one number per seed and arm; the verdict follows from the paired differences alone:

- "shown": every comparison's 95 % confidence interval lies above zero,
- "contradicted": some interval lies wholly below zero,
- "not shown": anything else.

`run` does the experiment (minutes) and `stored` reads what it gave when it was last run in full.
"""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
_LECTURES = ("instance", "cgan")

# Two-sided 95 % quantiles of Student's t for 1 to 9 degrees of freedom, for 2 to 10 seeds.
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass(frozen=True)
class Claim:
    """A sentence of a lecture and the experiment that puts it to the test.

    `experiment(seeds, folder, progress)` returns a dict with `comparisons`: {what: {arm: [value per seed]}},
    two arms each, the one that the sentence favours first, higher is better; `protocol`, how it was done, in
    words; and any data for a plot. Finished parts are kept in `folder`, so that a killed run resumes.
    """

    name: str
    lecture: str
    sentence: str
    experiment: Callable[..., dict]
    seeds: int = 5


def paired(favoured: list[float], other: list[float]) -> dict:
    """Mean and 95 % confidence interval (Student's t) of two arms' paired differences, one per seed."""
    if len(favoured) != len(other) or not 2 <= len(favoured) <= len(_T95) + 1:
        raise ValueError(
            f"arms of 2 to {len(_T95) + 1} seeds each are expected, got {len(favoured)}, {len(other)}"
        )
    differences = [a - b for a, b in zip(favoured, other, strict=True)]
    mean, deviation = statistics.fmean(differences), statistics.stdev(differences)
    half = _T95[len(differences) - 2] * deviation / len(differences) ** 0.5
    return {"difference": mean, "low": mean - half, "high": mean + half}


def verdict(intervals: list[dict]) -> str:
    """What the intervals of all comparisons of a claim say together."""
    if any(i["high"] < 0 for i in intervals):
        return "contradicted"
    return "shown" if all(i["low"] > 0 for i in intervals) else "not shown"


def _claims() -> dict[str, Claim]:
    modules = [import_module(f"lecturekit.claims.{lecture}") for lecture in _LECTURES]
    return {claim.name: claim for module in modules for claim in module.CLAIMS}


def names() -> list[str]:
    """The names of all claims, in the order of the lectures."""
    return list(_claims())


def get(name: str) -> Claim:
    """The claim of that name; ValueError names the known ones."""
    claims = _claims()
    if name not in claims:
        raise ValueError(f"claim {name!r} is unknown; known are {', '.join(claims)}")
    return claims[name]


def run(
    name: str, *, seeds: int | None = None, folder: str | Path = "runs/claims", progress: bool = True
) -> dict:
    """Do a claim's experiment and judge it.

    seeds: how many, 2 to 10 (the claim's own number by default). folder: where finished parts are kept.
    Returns a dict that JSON holds: claim, sentence, verdict, comparisons with values, means, deviations and
    intervals, protocol, seeds, date, versions, seconds.
    """
    claim = get(name)
    seeds = claim.seeds if seeds is None else seeds
    if not 2 <= seeds <= len(_T95) + 1:
        raise ValueError(f"seeds: 2 to {len(_T95) + 1} are needed for a spread, got {seeds}")
    start = time.perf_counter()
    found = claim.experiment(seeds=range(seeds), folder=Path(folder) / name, progress=progress)
    return judge(claim, found) | {
        "seeds": list(range(seeds)),
        "date": date.today().isoformat(),
        "seconds": round(time.perf_counter() - start),
        "versions": {"python": platform.python_version()}
        | {
            library: version(library) for library in ("lecturekit", "torch", "torchvision", "numpy", "pillow")
        },
    }


def judge(claim: Claim, found: dict) -> dict:
    """The judged form of what an experiment returned: intervals and verdict from its values alone."""
    comparisons = []
    for what, arms in found["comparisons"].items():
        favoured, other = arms.values()
        summary = {
            arm: {"values": v, "mean": statistics.fmean(v), "deviation": statistics.stdev(v)}
            for arm, v in arms.items()
        }
        comparisons.append({"what": what, "arms": summary, **paired(favoured, other)})
    return {
        "claim": claim.name,
        "lecture": claim.lecture,
        "sentence": claim.sentence,
        "verdict": verdict(comparisons),
        "comparisons": comparisons,
        **{key: value for key, value in found.items() if key != "comparisons"},
    }


def stored(name: str) -> dict | None:
    """The stored result of a claim's last full run, or None where there is none yet."""
    path = RESULTS / f"{get(name).name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def store(result: dict) -> Path:
    """Keep a full run's result beside the package's code and return its path."""
    path = RESULTS / f"{result['claim']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def kept(path: Path, compute: Callable[[], dict], progress: bool = False) -> dict:
    """The JSON at `path`, or, where there is none yet, what `compute()` returns, written there at once."""
    if path.exists():
        return json.loads(path.read_text())
    if progress:
        print(f"{path.parent.name}: {path.stem}", file=sys.stderr)
    value = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(value))
    partial.replace(path)
    return value
