"""Average precision of keypoints against pycocotools, a brute-force OKS, and cases for pen and paper."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lecturekit.metrics.detection import RunLengths
from lecturekit.metrics.keypoints import SIGMAS, keypoint_metrics

NAMES = ["oks_ap", "oks_ap50", "oks_ap75"]


def person(x=10.0, y=20.0, size=40.0, visibility=2, number=17):
    """Keypoints [number, 3] spread over a square."""
    steps = np.arange(number)
    points = np.stack((x + size * (steps % 4) / 3, y + size * (steps // 4) / 4), axis=1)
    return np.column_stack((points, np.full(number, float(visibility))))


def picture(people, scores=None, labels=None, **extra):
    """One picture's dict from arrays [K, 3]; a person's box is around its points."""
    points = np.stack(people) if len(people) else np.zeros((0, 17, 3))
    boxes = np.concatenate((points[..., :2].min(1), points[..., :2].max(1)), 1) if len(people) else points
    found = {
        "keypoints": torch.tensor(points, dtype=torch.float32),
        "boxes": torch.tensor(boxes.reshape(-1, 4), dtype=torch.float32),
        "labels": torch.tensor(labels or [1] * len(people), dtype=torch.int64),
    }
    if scores is not None:
        found["scores"] = torch.tensor(np.array(scores), dtype=torch.float32)
    return found | {k: torch.tensor(v) for k, v in extra.items()}


def crowd(seed, pictures=5, classes=1):
    """Random pictures: near misses, hidden and unlabelled keypoints, persons without any, crowds, ties."""
    rng = np.random.default_rng(seed)
    predictions, targets = [], []
    for _ in range(pictures):
        people = [person(*rng.uniform(0, 80, 2), rng.uniform(5, 90)) for _ in range(rng.integers(0, 5))]
        for one in people:
            one[:, 2] = rng.integers(0, 3, 17) * (rng.random() < 0.8)
        found = [
            one + np.column_stack((rng.normal(0, rng.choice([1, 4, 12]), (17, 2)), np.zeros(17)))
            for one in people
            for _ in range(rng.integers(0, 3))
        ] + [person(*rng.uniform(0, 80, 2)) for _ in range(rng.integers(0, 3))]
        extra = {}
        if rng.random() < 0.7:
            extra["area"] = rng.uniform(20, 4000, len(people)).astype(np.float32)
        if rng.random() < 0.5:
            extra["iscrowd"] = (rng.random(len(people)) < 0.3).astype(np.int64)
        labels = rng.integers(1, classes + 1, len(people) + len(found)).tolist()
        targets.append(picture(people, None, labels[: len(people)], **extra))
        scores = np.round(rng.random(len(found)), 1 if rng.random() < 0.3 else 6)
        predictions.append(picture(found, scores, labels[len(people) :]))
    return predictions, targets


def oracle(predictions, targets):
    """The same by pycocotools, None for its -1."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truths, found = [], []
    for i, one in enumerate(targets):
        for k, points in enumerate(one["keypoints"].double().numpy()):
            x1, y1, x2, y2 = one["boxes"][k].tolist()
            truths.append(
                {
                    "id": len(truths) + 1,
                    "image_id": i + 1,
                    "category_id": int(one["labels"][k]),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": float(one["area"][k]) if "area" in one else (x2 - x1) * (y2 - y1),
                    "iscrowd": int(one["iscrowd"][k]) if "iscrowd" in one else 0,
                    "keypoints": points.ravel().tolist(),
                    "num_keypoints": int((points[:, 2] > 0).sum()),
                }
            )
    for i, one in enumerate(predictions):
        for k, points in enumerate(one["keypoints"].double().numpy()):
            found.append(
                {
                    "image_id": i + 1,
                    "category_id": int(one["labels"][k]),
                    "keypoints": points.ravel().tolist(),
                    "score": float(one["scores"][k]),
                }
            )
    labels = sorted({int(x) for one in (*targets, *predictions) for x in one["labels"]})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        images = [{"id": i + 1} for i in range(len(targets))]
        coco.dataset = {"images": images, "annotations": truths, "categories": [{"id": x} for x in labels]}
        coco.createIndex()
        results = coco.loadRes(found) if found else COCO()
        if not found:
            results.dataset = {**coco.dataset, "annotations": []}
            results.createIndex()
        run = COCOeval(coco, results, "keypoints")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return {name: None if v == -1 else v for name, v in zip(NAMES, run.stats[:3], strict=True)}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 8), st.integers(1, 3))
@example(0, 8, 1)
def test_agrees_with_pycocotools(seed, pictures, classes):
    predictions, targets = crowd(seed, pictures, classes)
    ours, theirs = keypoint_metrics(predictions, targets), oracle(predictions, targets)
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert (ours[name] is None) == (value is None), (name, ours[name], value)
        assert value is None or ours[name] == pytest.approx(value, abs=1e-6), name


def similarity(found, true, area, sigmas):
    """OKS from its definition."""
    total, count = 0.0, 0
    for (x, y, _), (u, v, visibility), sigma in zip(found, true, sigmas, strict=True):
        if visibility > 0:
            total += math.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * area * (2 * sigma) ** 2))
            count += 1
    return total / count


@pytest.mark.parametrize("number", [17, 5])
def test_agrees_with_brute_force(number):
    """One person and one detection: AP at a threshold is 1 where the similarity reaches it, else 0."""
    rng = np.random.default_rng(number)
    sigmas = SIGMAS if number == 17 else rng.uniform(0.02, 0.1, number).tolist()
    seen = set()
    for noise in rng.uniform(0, 6, 40):
        true = person(number=number)
        true[:, 2] = rng.integers(0, 3, number)
        true[0, 2] = 1
        found = true + np.column_stack((rng.normal(0, noise, (number, 2)), np.zeros(number)))
        value = similarity(found, true, 900.0, sigmas)
        thresholds = [value - 1e-3, value + 1e-3]
        for threshold, hit in zip(thresholds, (1.0, 0.0), strict=True):
            if 0 < threshold <= 1:
                target = picture([true], area=[900.0])
                ap = keypoint_metrics([picture([found], [0.9])], [target], [threshold], sigmas)["oks_ap"]
                assert ap == pytest.approx(hit)
                seen.add((round(value, 1), hit))
    assert len(seen) > 8


def test_the_sigmas_are_cocos():
    from pycocotools.cocoeval import Params

    assert pytest.approx(Params("keypoints").kpt_oks_sigmas) == SIGMAS


def test_by_hand_all_points_shifted():
    """d^2 = 8 area sigma^2 ln 2 makes each exp(-d^2 / (2 area (2 sigma)^2)) one half, and so the OKS."""
    true = person()
    found = true.copy()
    found[:, 0] += np.array(SIGMAS) * math.sqrt(8 * 900 * math.log(2))
    for factor, hit in ((0.98, 1.0), (1.02, 0.0)):
        near = true + (found - true) * factor
        metrics = keypoint_metrics([picture([near], [0.9])], [picture([true], area=[900.0])])
        assert (metrics["oks_ap50"], metrics["oks_ap75"]) == (hit, 0.0)
        assert metrics["oks_ap"] == pytest.approx(hit / 10)


def test_by_hand_one_of_two_found_and_a_false_alarm():
    targets = [picture([person(), person(200)])]
    assert keypoint_metrics([picture([person()], [0.9])], targets)["oks_ap"] == pytest.approx(51 / 101)
    first_wrong = [picture([person(500), person()], [0.9, 0.5])]
    assert keypoint_metrics(first_wrong, [picture([person()])])["oks_ap"] == pytest.approx(1 / 2)


def test_keypoints_that_are_not_labelled_do_not_count_and_hidden_ones_do():
    true = person()
    true[3, 2] = 0
    found = person()
    found[3, :2] = 1000
    assert keypoint_metrics([picture([found], [0.9])], [picture([true])])["oks_ap"] == pytest.approx(1)
    true[:, 2] = 1
    assert keypoint_metrics([picture([found], [0.9])], [picture([true])])["oks_ap"] == pytest.approx(0.9)


def test_a_person_without_labelled_keypoints_is_never_missed_and_forgives():
    nobody, someone = person(300, visibility=0), person()
    targets = [picture([someone, nobody])]
    found = picture([someone, person(300)], [0.5, 0.9])
    assert keypoint_metrics([found], targets)["oks_ap"] == pytest.approx(1)
    assert keypoint_metrics([picture([someone], [0.5])], targets)["oks_ap"] == pytest.approx(1)
    assert keypoint_metrics([found], [picture([nobody])]) == dict.fromkeys(NAMES)


def test_nobody_there_is_undefined():
    assert keypoint_metrics([picture([person()], [0.9])], [picture([])]) == dict.fromkeys(NAMES)
    assert keypoint_metrics([picture([], [])], [picture([])]) == dict.fromkeys(NAMES)
    assert keypoint_metrics([], []) == dict.fromkeys(NAMES)
    assert keypoint_metrics([picture([], [])], [picture([person()])]) == dict.fromkeys(NAMES, 0.0)


def test_only_the_twenty_best_count():
    targets = [picture([person()])]
    found = [person(500 + 100 * k) for k in range(20)] + [person()]
    scores = [0.9] * 20 + [0.1]
    assert keypoint_metrics([picture(found, scores)], targets)["oks_ap"] == 0
    assert keypoint_metrics([picture(found[1:], scores[1:])], targets)["oks_ap"] == pytest.approx(1 / 20)


def test_the_area_is_the_given_one_else_the_masks_else_the_boxs():
    """A person half as large is harder to find."""
    true, found = person(), person()
    found[:, 0] += 3
    mask = torch.zeros(1, 100, 100, dtype=torch.uint8)
    mask[0, :20, :20] = 1

    def ap(**extra):
        return keypoint_metrics([picture([found], [0.9])], [picture([true]) | extra])["oks_ap"]

    assert ap() == ap(area=torch.tensor([1600.0])) > ap(masks=mask) == ap(area=torch.tensor([400.0]))
    assert ap(masks=RunLengths(mask)) == ap(masks=mask)
    assert ap(masks=mask, area=torch.tensor([1600.0])) == ap()


def test_other_numbers_of_keypoints_have_the_mean_sigma():
    true = person(number=5)
    found = true.copy()
    found[:, 0] += 3
    mean = float(np.mean(SIGMAS))
    both = [picture([found], [0.9])], [picture([true])]
    assert keypoint_metrics(*both) == keypoint_metrics(*both, sigmas=[mean] * 5)
    assert keypoint_metrics(*both) != keypoint_metrics(*both, sigmas=[mean / 2] * 5)


WRONG = {
    "no keypoints": (lambda p, t: p.pop("keypoints"), r"predictions\[0\]: 'keypoints' is missing"),
    "no scores": (lambda p, t: p.pop("scores"), r"predictions\[0\]: 'scores' is missing"),
    "no boxes": (lambda p, t: t.pop("boxes"), r"targets\[0\]: boxes \[1,4\] are needed"),
    "flat": (
        lambda p, t: p.update(keypoints=torch.zeros(1, 51)),
        r"predictions\[0\]: .*\[N,17,3\], got \[1, 51\]",
    ),
    "few": (lambda p, t: p.update(keypoints=torch.zeros(1, 5, 3)), r"predictions\[0\]: .*\[N,17,3\]"),
    "too many": (
        lambda p, t: t.update(keypoints=torch.zeros(2, 17, 3)),
        r"targets\[0\]: keypoints has 2 entries",
    ),
    "nan": (lambda p, t: p["keypoints"].fill_(math.nan), r"predictions\[0\]: keypoints must be finite"),
    "endless score": (lambda p, t: p["scores"].fill_(math.inf), r"scores must be finite"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_does_not_fit_together_is_refused_by_name(what):
    change, words = WRONG[what]
    prediction, target = picture([person()], [0.9]), picture([person()])
    change(prediction, target)
    with pytest.raises(ValueError, match=words):
        keypoint_metrics([prediction], [target])


def test_settings_that_make_no_sense_are_refused():
    both = [picture([person()], [0.9])], [picture([person()])]
    with pytest.raises(ValueError, match="iou_thresholds"):
        keypoint_metrics(*both, iou_thresholds=[1.5])
    with pytest.raises(ValueError, match="sigmas: 17 positive numbers"):
        keypoint_metrics(*both, sigmas=[0.1] * 5)
    with pytest.raises(ValueError, match="1 came for 2 targets"):
        keypoint_metrics(both[0], both[1] * 2)
    with pytest.raises(ValueError, match=r"the same number of keypoints, got \[5, 17\]"):
        keypoint_metrics(both[0] * 2, [*both[1], picture([person(number=5)])])
