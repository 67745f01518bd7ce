"""Average precision against pycocotools, and against cases small enough for pen and paper."""

import contextlib
import io

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lecturekit.metrics.detection import SIZES, ap_by_class, ap_by_iou, detection_metrics


def block(height, width, x1, y1, x2, y2):
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[y1:y2, x1:x2] = 1
    return mask


def picture(objects, size=(40, 60), scores=None, **extra):
    """One picture's dict from (label, x1, y1, x2, y2) rows, the masks filling the boxes."""
    masks = [block(*size, *o[1:]) for o in objects]
    found = {
        "boxes": torch.tensor([o[1:] for o in objects], dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor([o[0] for o in objects], dtype=torch.int64),
        "masks": torch.stack(masks) if masks else torch.zeros(0, *size, dtype=torch.uint8),
    }
    if scores is not None:
        found["scores"] = torch.tensor(scores, dtype=torch.float32)
        found["masks"] = found["masks"][:, None].float() * 0.8  # [N,1,H,W], as a model puts them out
    return found | {k: torch.tensor(v) for k, v in extra.items()}


def town(seed, pictures=6, most=8, classes=3):
    """Random pictures of differing size: masks with holes, near misses, crowds, given areas, tied scores."""
    rng = np.random.default_rng(seed)
    predictions, targets = [], []
    for _ in range(pictures):
        height, width = rng.integers(20, 160, 2)

        def some(n, height=height, width=width):
            x1, y1 = rng.integers(0, width - 8, n), rng.integers(0, height - 8, n)
            x2 = np.minimum(x1 + rng.integers(3, 60, n), width)
            y2 = np.minimum(y1 + rng.integers(3, 60, n), height)
            return [
                (int(rng.integers(1, classes + 1)), *map(int, row))
                for row in zip(x1, y1, x2, y2, strict=True)
            ]

        objects = some(rng.integers(0, most))
        found = [
            (label, max(0, a + i), max(0, b + j), min(int(width), c + i + k), min(int(height), d + j + k))
            for label, a, b, c, d in objects
            for i, j, k in rng.integers(-2, 3, (rng.integers(0, 3), 3))
        ] + some(rng.integers(0, 4))
        found = [o for o in found if o[3] > o[1] and o[4] > o[2]]
        target = picture(objects, (height, width))
        target["masks"] &= torch.from_numpy(rng.random(target["masks"].shape) < 0.9).to(torch.uint8)
        if rng.random() < 0.5:
            target["iscrowd"] = torch.from_numpy((rng.random(len(objects)) < 0.3).astype(np.int64))
        if rng.random() < 0.5:
            target["area"] = torch.from_numpy(rng.uniform(1, 12_000, len(objects)).astype(np.float32))
        scores = np.round(rng.random(len(found)), 1 if rng.random() < 0.3 else 6)
        predictions.append(picture(found, (height, width), scores))
        targets.append(target)
    return predictions, targets


def oracle(predictions, targets, kind, sizes=False):
    """The same by pycocotools: {"ap", "ap50", "ap75", …}, None for its -1."""
    from pycocotools import mask as rle
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def rows(pictures):
        for i, one in enumerate(pictures):
            for k in range(len(one["labels"])):
                x1, y1, x2, y2 = (float(v) for v in one["boxes"][k])
                mask = (one["masks"][k].reshape(one["masks"].shape[-2:]) > 0.5).numpy().astype(np.uint8)
                row = {"image_id": i + 1, "category_id": int(one["labels"][k])}
                if kind == "box":
                    row |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1)}
                else:
                    row |= {"segmentation": rle.encode(np.asfortranarray(mask)), "area": int(mask.sum())}
                if "scores" in one:
                    yield row | {"score": float(one["scores"][k])}
                else:
                    row["iscrowd"] = int(one["iscrowd"][k]) if "iscrowd" in one else 0
                    row["area"] = float(one["area"][k]) if "area" in one else row["area"]
                    yield row

    truths = [{"id": i + 1, **row} for i, row in enumerate(rows(targets))]
    found = list(rows(predictions))
    labels = sorted({int(x) for one in (*targets, *predictions) for x in one["labels"]})
    images = [
        {"id": i + 1, "height": int(t["masks"].shape[-2]), "width": int(t["masks"].shape[-1])}
        for i, t in enumerate(targets)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {"images": images, "annotations": truths, "categories": [{"id": x} for x in labels]}
        coco.createIndex()
        results = coco.loadRes(found) if found else COCO()
        if not found:
            results.dataset = {**coco.dataset, "annotations": []}
            results.createIndex()
        run = COCOeval(coco, results, "bbox" if kind == "box" else "segm")
        run.evaluate()
        run.accumulate()
        run.summarize()
    names = ["ap", "ap50", "ap75", *([f"ap_{size}" for size in SIZES] if sizes else [])]
    return {
        f"{kind}_{n}": None if v == -1 else v for n, v in zip(names, run.stats[: len(names)], strict=True)
    }


def agree(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert (ours[name] is None) == (value is None), (name, ours[name], value)
        assert value is None or ours[name] == pytest.approx(value, abs=1e-6), name


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
@example(0, 12)
def test_agrees_with_pycocotools(seed, pictures):
    predictions, targets = town(seed, pictures)
    for kind in ("mask", "box"):
        ours = detection_metrics(predictions, targets, kinds=(kind,), sizes=True)
        agree(ours, oracle(predictions, targets, kind, sizes=True))


def test_only_the_hundred_best_of_a_class_count():
    rng = np.random.default_rng(0)
    objects = [(1, *map(int, (x, y, x + 8, y + 8))) for x, y in rng.integers(0, 90, (60, 2))]
    found = [(1, *map(int, (x, y, x + 8, y + 8))) for x, y in rng.integers(0, 90, (120, 2))] + objects
    predictions = [picture(found, (100, 100), rng.random(len(found)))]
    targets = [picture(objects, (100, 100))]
    for kind in ("mask", "box"):
        agree(detection_metrics(predictions, targets, kinds=(kind,)), oracle(predictions, targets, kind))


def test_perfect_predictions_have_ap_one():
    _, targets = town(3)
    targets = [{k: v for k, v in t.items() if k != "iscrowd"} for t in targets]
    perfect = [{**t, "scores": torch.ones(len(t["labels"]))} for t in targets]
    metrics = detection_metrics(perfect, targets)
    assert set(metrics) == {"mask_ap", "mask_ap50", "mask_ap75", "box_ap", "box_ap50", "box_ap75"}
    assert list(metrics.values()) == pytest.approx([1.0] * 6)


def test_by_hand_one_of_two_found():
    """Recall 1/2 at precision 1: of the recalls 0, 0.01, … 1 the first 51 have precision 1."""
    targets = [picture([(1, 0, 0, 10, 10), (1, 20, 0, 30, 10)])]
    predictions = [picture([(1, 0, 0, 10, 10)], scores=[0.9])]
    assert detection_metrics(predictions, targets)["mask_ap"] == pytest.approx(51 / 101)


def test_by_hand_false_alarm_before_the_hit():
    """One object; a surer false alarm comes first: precision 1/2 at every recall."""
    targets = [picture([(1, 0, 0, 10, 10)])]
    predictions = [picture([(1, 30, 20, 40, 30), (1, 0, 0, 10, 10)], scores=[0.9, 0.5])]
    assert detection_metrics(predictions, targets)["box_ap"] == pytest.approx(1 / 2)
    swapped = [picture([(1, 30, 20, 40, 30), (1, 0, 0, 10, 10)], scores=[0.5, 0.9])]
    assert detection_metrics(swapped, targets)["box_ap"] == pytest.approx(1.0)


def test_by_hand_iou_thresholds():
    """A box shifted by 2 of 10 pixels has IoU 8/12: found at 0.5, 0.55, 0.6, 0.65 and not above."""
    targets = [picture([(2, 0, 0, 10, 10)])]
    predictions = [picture([(2, 2, 0, 12, 10)], scores=[0.7])]
    for kind in ("mask", "box"):
        curve = ap_by_iou(predictions, targets, kind)
        assert list(curve) == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
        assert list(curve.values()) == pytest.approx([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])
    metrics = detection_metrics(predictions, targets)
    assert (metrics["mask_ap"], metrics["mask_ap50"], metrics["mask_ap75"]) == pytest.approx((0.4, 1.0, 0.0))
    assert ap_by_iou(predictions, targets, "box", iou_thresholds=[0.66, 0.67]) == {0.66: 1.0, 0.67: 0.0}


def test_masks_and_boxes_are_judged_apart():
    target = picture([(1, 0, 0, 10, 10)])
    thin = picture([(1, 0, 0, 10, 10)], scores=[0.9])
    thin["masks"][..., 4:] = 0  # 40 % of the mask
    metrics = detection_metrics([thin], [target])
    assert (metrics["box_ap50"], metrics["mask_ap50"]) == (1.0, 0.0)


def test_a_soft_mask_is_cut_at_one_half():
    target = picture([(1, 0, 0, 10, 10)])
    soft = picture([(1, 0, 0, 10, 10)], scores=[0.9])
    soft["masks"][:] = 0.4
    soft["masks"][..., :10, :10] = 0.6
    assert detection_metrics([soft], [target])["mask_ap"] == pytest.approx(1.0)
    boolean = {**soft, "masks": soft["masks"] > 0.5}
    assert detection_metrics([boolean], [target])["mask_ap"] == pytest.approx(1.0)


def test_by_class():
    targets = [picture([(1, 0, 0, 10, 10), (3, 20, 0, 30, 10)])]
    predictions = [picture([(1, 0, 0, 10, 10), (5, 20, 0, 30, 10)], scores=[0.9, 0.9])]
    assert ap_by_class(predictions, targets) == {1: 1.0, 3: 0.0, 5: None}
    assert detection_metrics(predictions, targets)["mask_ap"] == pytest.approx(
        0.5
    )  # 5 has no objects: left out


def test_crowds_forgive_but_are_not_to_be_found():
    objects = [(1, 0, 0, 10, 10), (1, 20, 0, 40, 20)]
    predictions = [picture([(1, 0, 0, 10, 10), (1, 22, 2, 28, 8)], scores=[0.5, 0.9])]
    crowd, plain = picture(objects, iscrowd=[0, 1]), picture(objects, iscrowd=[0, 0])
    assert detection_metrics(predictions, [crowd])["mask_ap"] == pytest.approx(1.0)
    assert detection_metrics(predictions, [plain])["mask_ap"] < 0.5


def test_the_given_area_decides_the_size():
    target = picture([(1, 0, 0, 10, 10)], area=[100_000.0])
    metrics = detection_metrics([picture([(1, 0, 0, 10, 10)], scores=[0.9])], [target], sizes=True)
    assert (metrics["mask_ap_small"], metrics["mask_ap_large"]) == (None, 1.0)
    del target["area"]
    metrics = detection_metrics([picture([(1, 0, 0, 10, 10)], scores=[0.9])], [target], sizes=True)
    assert (metrics["mask_ap_small"], metrics["mask_ap_large"]) == (1.0, None)


@pytest.mark.parametrize(
    ("found", "objects"),
    [([], []), ([(1, 0, 0, 9, 9)], [])],
    ids=["nothing at all", "false alarms only"],
)
def test_without_objects_undefined(found, objects):
    predictions, targets = [picture(found, scores=[0.5] * len(found))], [picture(objects)]
    assert set(detection_metrics(predictions, targets, sizes=True).values()) == {None}
    assert set(ap_by_iou(predictions, targets).values()) == {None}
    assert set(ap_by_class(predictions, targets).values()) <= {None}


def test_without_pictures_undefined():
    assert set(detection_metrics([], []).values()) == {None}


def test_crowds_alone_are_undefined():
    target = picture([(1, 0, 0, 10, 10)], iscrowd=[1])
    found = picture([(1, 0, 0, 10, 10)], scores=[0.9])
    assert set(detection_metrics([found], [target]).values()) == {None}


def test_objects_and_no_predictions_is_zero():
    empty = picture([], scores=[])
    assert set(detection_metrics([empty], [picture([(1, 0, 0, 10, 10)])]).values()) == {0.0}


def test_gradients_numpy_and_other_types_are_taken():
    target = {k: v.numpy() for k, v in picture([(1, 0, 0, 10, 10)]).items()}
    found = picture([(1, 0, 0, 10, 10)], scores=[0.9])
    found["boxes"], found["scores"] = found["boxes"].double().requires_grad_(), found["scores"].half()
    assert detection_metrics([found], [target])["box_ap"] == pytest.approx(1.0)


def test_boxes_need_no_masks():
    target, found = picture([(1, 0, 0, 10, 10)]), picture([(1, 0, 0, 10, 10)], scores=[0.9])
    del target["masks"], found["masks"]
    assert detection_metrics([found], [target], kinds=("box",))["box_ap"] == 1.0
    with pytest.raises(ValueError, match=r"targets\[0\].*'masks' is missing"):
        detection_metrics([found], [target])


def wrong(which, **change):
    pair = {"target": picture([(1, 0, 0, 10, 10)]), "found": picture([(1, 0, 0, 10, 10)], scores=[0.9])}
    for key, value in change.items():
        if value is None:
            del pair[which][key]
        else:
            pair[which][key] = value
    return [pair["found"]], [pair["target"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (wrong("found", scores=None), r"predictions\[0\].*'scores' is missing"),
        (wrong("found", scores=torch.ones(2)), r"predictions\[0\].*scores has 2.*1 label"),
        (wrong("found", boxes=torch.zeros(1, 5)), r"predictions\[0\].*\[N,4\].*\[1, 5\]"),
        (wrong("target", boxes=torch.tensor([[9.0, 0, 0, 9]])), r"targets\[0\].*x2 >= x1"),
        (wrong("found", masks=torch.zeros(1, 2, 40, 60)), r"predictions\[0\].*\[N,1,H,W\].*\[1, 2, 40, 60\]"),
        (wrong("found", masks=torch.zeros(1, 1, 20, 60)), r"predictions\[0\].*\[20, 60\].*\[40, 60\]"),
        (wrong("target", iscrowd=torch.zeros(3)), r"targets\[0\].*iscrowd has 3"),
        (wrong("found", scores=torch.tensor([float("nan")])), r"predictions\[0\].*scores.*finite"),
        ((wrong("found")[0], []), r"predictions: 1 .* 0 targets"),
    ],
)
def test_what_does_not_fit_together_is_named(arguments, words):
    with pytest.raises(ValueError, match=words):
        detection_metrics(*arguments)


@pytest.mark.parametrize("thresholds", [[], [0.0], [1.5], [-0.5]])
def test_thresholds_outside_are_refused(thresholds):
    with pytest.raises(ValueError, match="iou_thresholds"):
        ap_by_iou(*wrong("found"), iou_thresholds=thresholds)


def test_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"'mask' or 'box'.*'keypoint'"):
        detection_metrics(*wrong("found"), kinds=("keypoint",))
