"""The judging of claims, their stored results, and the experiments' own measures against brute force."""

import json
import math
import random
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturekit import claims
from lecturekit.claims import instance


def test_paired_is_the_t_interval_of_the_differences():
    # differences 1, 2, 3: mean 2, sd 1; t(2 df, 95 %) = 4.3027, so the half-width is 4.3027 / sqrt(3) = 2.484
    found = claims.paired([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert found["difference"] == pytest.approx(2.0)
    assert found["low"] == pytest.approx(2 - 2.484, abs=1e-3)
    assert found["high"] == pytest.approx(2 + 2.484, abs=1e-3)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_intervals_hold_the_truth_19_times_in_20(n):
    generator = random.Random(n)
    hits = 0
    for _ in range(4000):
        found = claims.paired([generator.gauss(1, 2) for _ in range(n)], [0.0] * n)
        hits += found["low"] <= 1 <= found["high"]
    assert hits / 4000 == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize(
    ("intervals", "words"),
    [
        ([(0.1, 0.2), (0.0001, 3)], "shown"),
        ([(0.1, 0.2), (-0.1, 3)], "not shown"),
        ([(0.1, 0.2), (-3, -0.1)], "contradicted"),
        ([(-1, 1), (-3, -0.1)], "contradicted"),
    ],
)
def test_a_verdict_can_come_out_either_way(intervals, words):
    assert claims.verdict([{"low": low, "high": high} for low, high in intervals]) == words


@pytest.mark.parametrize("arms", [([1.0], [2.0]), ([1.0, 2.0], [2.0]), ([1.0] * 11, [2.0] * 11)])
def test_too_few_uneven_or_too_many_seeds_are_answered(arms):
    with pytest.raises(ValueError, match="seeds"):
        claims.paired(*arms)


def test_unknown_claims_and_single_seeds_are_answered():
    with pytest.raises(ValueError, match=r"no_such.*roi_align"):
        claims.run("no_such")
    with pytest.raises(ValueError, match="seeds"):
        claims.run("roi_align", seeds=1)


@pytest.mark.parametrize("name", claims.names())
def test_stored_results_follow_from_their_own_values(name):
    result, claim = claims.stored(name), claims.get(name)
    assert result is not None, f"lecturekit claims {name} --store"
    assert result["sentence"] == claim.sentence
    assert len(result["seeds"]) >= 3
    assert {"date", "versions", "protocol", "seconds"} <= result.keys()
    values = {c["what"]: {arm: s["values"] for arm, s in c["arms"].items()} for c in result["comparisons"]}
    again = claims.judge(claim, {"comparisons": values})
    assert again["verdict"] == result["verdict"]
    for old, new in zip(result["comparisons"], again["comparisons"], strict=True):
        assert old["low"] == pytest.approx(new["low"])
        for summary in old["arms"].values():
            assert len(summary["values"]) == len(result["seeds"])
            assert all(math.isfinite(v) for v in summary["values"])
            assert summary["mean"] == pytest.approx(statistics.fmean(summary["values"]))


def test_finished_parts_are_kept_and_half_written_ones_are_not(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return {"value": 5}

    path = tmp_path / "claim" / "part.json"
    with pytest.raises(KeyboardInterrupt):
        claims.kept(path, compute)
    assert [claims.kept(path, compute) for _ in range(2)] == [{"value": 5}] * 2
    assert len(calls) == 2
    assert json.loads(path.read_text()) == {"value": 5}
    assert [p.name for p in path.parent.iterdir()] == ["part.json"]


def flood(classes):
    """Connected regions by brute force, pixel by pixel, with a stack."""
    height, width = classes.shape
    free = {(y, x) for y in range(height) for x in range(width) if classes[y, x] > 0}
    regions = set()
    while free:
        stack, region = [free.pop()], set()
        while stack:
            y, x = stack.pop()
            region.add((y, x))
            for near in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                if near in free and classes[near] == classes[y, x]:
                    free.remove(near)
                    stack.append(near)
        regions.add(frozenset(region))
    return regions


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_components_agree_with_a_flood_fill(height, width, seed):
    classes = torch.randint(0, 3, (height, width), generator=torch.Generator().manual_seed(seed))
    found = {frozenset(map(tuple, m.nonzero().tolist())) for m in instance.components(classes)}
    assert found == flood(classes)


def target(*boxes_and_labels, size=(12, 20)):
    masks = torch.zeros(len(boxes_and_labels), *size, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2, _) in zip(masks, boxes_and_labels, strict=True):
        mask[y1:y2, x1:x2] = 1
    return {"masks": masks, "labels": torch.tensor([b[-1] for b in boxes_and_labels])}


def test_touching_asks_for_a_neighbour_of_the_same_class():
    example = target((0, 0, 5, 5, 1), (5, 0, 9, 5, 1), (9, 0, 12, 5, 2), (14, 0, 18, 5, 2))
    assert instance.touching(example).tolist() == [True, True, False, False]


def test_a_perfect_semantic_map_merges_neighbours_and_keeps_lone_ones():
    example = target((0, 0, 5, 5, 1), (5, 0, 9, 5, 1), (9, 0, 12, 5, 2), (14, 0, 18, 5, 2))
    classes = instance.semantic_map(example, (12, 20))
    segments = instance.components(classes)
    assert len(segments) == 3
    # the merged region of 25 + 20 pixels still has IoU 25/45 with the first, but not with the second
    assert instance.found(segments, example["masks"].bool()).tolist() == [True, False, True, True]
    assert instance.found(example["masks"].bool(), example["masks"].bool()).all()
    assert instance.found(segments[:0], example["masks"].bool()).tolist() == [False] * 4


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [("roi_align", {"tuning": 2}), ("individuals", {})])
def test_experiments_run_from_end_to_end_and_resume(name, options, tmp_path):
    experiment = claims.get(name).experiment
    run = {"seeds": range(2), "folder": tmp_path, "progress": False, "steps": 1, "held_out": 2, **options}
    first = experiment(**run)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert files
    assert experiment(**run) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")} == files
    judged = claims.judge(claims.get(name), first)
    assert judged["verdict"] in {"shown", "not shown", "contradicted"}
