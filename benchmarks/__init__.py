"""How fast the course's networks and their parts are, side by side with others: `python -m benchmarks`.

What is compared runs in one process on one thread, all arms in turns, so that their ratio means something
even where the milliseconds don't. `timing` (in lecturekit.claims) does the measuring, `systems` and `parts`
say what is compared, `report` makes a table and a plot of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lecturekit.claims.timing import interleaved, one_thread, spread

SIZES = ("tiny", "paper")


@dataclass(frozen=True)
class Case:
    """What is compared: `make()` gives two dicts of arms, ours and the others', each a call or (call, share).

    A call that treats several pictures says so by its share: its seconds are divided by that number.
    `note` says on what, in words.
    """

    name: str
    size: str
    what: str
    note: str
    make: Callable[[], tuple[Mapping, Mapping]]


def measure(case: Case, repeats: int) -> list[dict]:
    """A row for each pair of one of our arms and one of the others': how many times as fast ours is.

    A row: name, size, what, note, ours, other, ratio {median, low, high} (low and high are quartiles over the
    repeats), ratios (all of them), and beside it ms {ours, other}, medians in milliseconds.
    """
    with one_thread():
        ours, others = case.make()
        arms = {name: arm if isinstance(arm, tuple) else (arm, 1) for name, arm in {**ours, **others}.items()}
        times = interleaved({name: call for name, (call, _) in arms.items()}, repeats)
    times = {name: [t / arms[name][1] for t in values] for name, values in times.items()}
    rows = []
    for own in ours:
        for other in others:
            ratios = [theirs / mine for mine, theirs in zip(times[own], times[other], strict=True)]
            rows.append(
                {
                    "name": case.name,
                    "size": case.size,
                    "what": case.what,
                    "note": case.note,
                    "ours": own,
                    "other": other,
                    "ratio": {key: round(value, 3) for key, value in spread(ratios).items()},
                    "ratios": [round(ratio, 3) for ratio in ratios],
                    "ms": {arm: round(1e3 * spread(times[arm])["median"], 3) for arm in (own, other)},
                }
            )
    return rows
