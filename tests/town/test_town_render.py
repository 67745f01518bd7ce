"""Rendering: the picture and every label tell the same story."""

import hashlib
from dataclasses import replace

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturekit.town import BODY_KEYPOINTS, BODY_SKELETON, CLASSES, FACE_LANDMARKS, SEMANTIC, STUFF, Scene

SIZES = st.sampled_from([64, 97, 128, (72, 110), (120, 60)])
DIALS = st.fixed_dictionaries(
    {
        "actors": st.sampled_from([(0, 1), (2, 8), (9, 12)]),
        "alike": st.sampled_from([0.0, 0.7]),
        "truncation": st.sampled_from([0.0, 0.5]),
        "small": st.sampled_from([0.0, 0.5]),
    }
)


def property_test(*more):
    """Run over seeds, sizes and dials."""

    def wrap(test):
        return settings(max_examples=25, deadline=None)(
            given(st.integers(0, 10**7), SIZES, DIALS, *more)(test)
        )

    return wrap


@property_test()
def test_masks_are_disjoint_and_make_the_ids(seed, size, dials):
    view = Scene.random(seed, **dials).render(size, noise=False)
    assert view.masks.sum(0).max(initial=0) <= 1
    ids = np.zeros_like(view.ids)
    for mask, actor in zip(view.masks, view.actor, strict=True):
        assert mask.any()
        ids[mask] = actor + 1
    assert np.array_equal(ids, view.ids)


@property_test()
def test_boxes_are_tight(seed, size, dials):
    view = Scene.random(seed, **dials).render(size, noise=False)
    for mask, box in zip(view.masks, view.boxes, strict=True):
        rows, columns = np.nonzero(mask)
        assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@property_test()
def test_nearer_actors_hide_farther_ones(seed, size, dials):
    scene = Scene.random(seed, **dials)
    view = scene.render(size, noise=False)
    alone = [replace(scene, actors=(actor,)).render(size, noise=False).ids > 0 for actor in scene.actors]
    ids = np.zeros_like(view.ids)
    for k in sorted(range(len(alone)), key=lambda k: scene.actors[k].y):
        ids[alone[k]] = k + 1
    assert np.array_equal(ids, view.ids)
    for k, share in zip(view.actor, view.visibility, strict=True):
        assert share == pytest.approx((view.ids == k + 1).sum() / alone[k].sum())


@property_test()
def test_semantic_map_agrees_with_labels_and_has_stuff_in_its_place(seed, size, dials):
    scene = Scene.random(seed, **dials)
    view = scene.render(size, noise=False)
    assert view.semantic.dtype == np.uint8
    for k, label, mask in zip(view.actor, view.labels, view.masks, strict=True):
        assert CLASSES[label - 1] == scene.actors[k].kind
        assert (view.semantic[mask] == len(STUFF) + label - 1).all()
    stuff = np.where(view.ids == 0, view.semantic, 255)
    assert set(np.unique(stuff)) <= {*range(len(STUFF)), 255}
    road = int(np.ceil(scene.backdrop.road * len(stuff)))
    assert set(np.unique(stuff[road + 1 :])) <= {STUFF.index("road"), 255}


@property_test()
def test_panoptic_ids_partition_the_picture(seed, size, dials):
    view = Scene.random(seed, **dials).render(size, noise=False)
    panoptic = view.panoptic()
    ids = [segment["id"] for segment in panoptic["segments"]]
    assert len(set(ids)) == len(ids)
    assert set(np.unique(panoptic["id_map"])) == set(ids)
    for segment in panoptic["segments"]:
        pixels = panoptic["id_map"] == segment["id"]
        assert (view.semantic[pixels] == segment["category_id"]).all()
        assert segment["isthing"] == (SEMANTIC[segment["category_id"]] in CLASSES)
        if segment["isthing"]:
            assert len(np.unique(view.ids[pixels])) == 1


@property_test()
def test_visible_keypoints_lie_on_their_own_actor(seed, size, dials):
    scene = Scene.random(seed, **dials)
    view = scene.render(size, noise=False)
    height, width = view.ids.shape
    for row, actor in enumerate(view.actor):
        for x, y, v in np.concatenate([view.body[row], view.face[row]]):
            if scene.actors[actor].kind != "person":
                assert (x, y, v) == (0, 0, 0)
                continue
            inside = 0 <= x < width and 0 <= y < height
            assert (v > 0) == inside
            if inside:
                assert (v == 2) == (view.ids[int(y), int(x)] == actor + 1)


def test_keypoints_mark_the_parts_they_name():
    """A person alone: head above shoulders above hips above feet, the left on our right, all visible."""
    index = {name: k for k, name in enumerate(BODY_KEYPOINTS)}
    seen = 0
    for seed in range(60):
        scene = Scene.random(seed, actors=(1, 1), classes=("person",), truncation=0.0)
        view = scene.render(256, noise=False)
        body, face = view.body[0], view.face[0]
        y = {name: body[k, 1] for name, k in index.items()}
        assert y["nose"] < y["left_shoulder"] < y["left_hip"] < y["left_ankle"]
        assert body[index["left_shoulder"], 0] > body[index["right_shoulder"], 0]
        assert body[index["left_eye"], 0] > body[index["right_eye"], 0]
        assert np.array_equal(face[FACE_LANDMARKS.index("nose")], body[index["nose"]])
        assert face[FACE_LANDMARKS.index("left_mouth"), 1] > y["nose"]
        seen += (body[:, 2] == 2).mean() / 60
    assert seen > 0.97
    assert all(0 <= a < 17 and 0 <= b < 17 for a, b in BODY_SKELETON)


def test_who_cheers_holds_both_hands_above_the_shoulders():
    cheering = 0
    for seed in range(60):
        scene = Scene.random(seed, actors=(1, 1), classes=("person",))
        (actor,) = scene.actors
        if actor.look[-1] == "cheer":
            body = scene.render(128, noise=False).body[0]
            y = {name: body[k, 1] for k, name in enumerate(BODY_KEYPOINTS)}
            assert (
                max(y["left_wrist"], y["right_wrist"])
                < min(y["left_elbow"], y["right_elbow"])
                < y["left_hip"]
            )
            assert max(y["left_elbow"], y["right_elbow"]) < min(y["left_shoulder"], y["right_shoulder"])
            cheering += 1
    assert cheering >= 3


def test_bands_of_stuff_meet_at_their_borders():
    for seed in range(5):
        scene = Scene.random(seed, actors=(0, 0))
        semantic = scene.render(256, noise=False).semantic
        for above, below, border in (("grass", "pavement", "pavement"), ("pavement", "road", "road")):
            row = round(256 * getattr(scene.backdrop, border))
            assert (semantic[row - 1] == STUFF.index(above)).mean() > 0.99
            assert (semantic[row] == STUFF.index(below)).mean() > 0.9


def test_the_eyes_are_dark_where_the_landmarks_say():
    darker = []
    for seed in range(40):
        scene = Scene.random(seed, actors=(1, 1), classes=("person",), truncation=0.0)
        view = scene.render(384, noise=False)
        grey = view.image.sum(2)
        face = view.face[0].astype(int)
        skin = sum(scene.actors[0].colours["skin"])
        darker += [grey[y, x] < 0.75 * skin for x, y, v in face[:2] if v == 2]
    assert np.mean(darker) > 0.9


@property_test()
def test_night_changes_the_picture_and_no_label(seed, size, dials):
    scene = Scene.random(seed, **dials)
    day, night = scene.render(size, night=False), scene.render(size, night=True)
    for name in (
        "ids",
        "semantic",
        "part",
        "labels",
        "boxes",
        "masks",
        "actor",
        "visibility",
        "body",
        "face",
    ):
        assert np.array_equal(getattr(day, name), getattr(night, name)), name
    half = len(day.image) // 2
    assert night.image[:half].mean() < 0.7 * day.image[:half].mean()
    assert night.image[half:].mean() < 0.8 * day.image[half:].mean()


@pytest.mark.parametrize("size", [0, 8, 4096, 1.5, (64,), (64, 0), "128", (64, 64, 3)])
def test_bad_sizes_are_named(size):
    with pytest.raises(ValueError, match="size"):
        Scene.random(0).render(size)


def fingerprint(scene, size):
    """A hash of ids, semantic map, boxes and keypoints (to 1/16 px)."""
    view = scene.render(size)
    digest = hashlib.sha256()
    for array in (view.ids, view.semantic, view.labels, view.boxes.astype(np.int32)):
        digest.update(np.ascontiguousarray(array).tobytes())
    for points in (view.body, view.face):
        digest.update(np.rint(points * 16).astype(np.int32).tobytes())
    return digest.hexdigest()[:16]


PINNED = {
    (0, 128): "52cd2ac1024b13bc",
    (1, 128): "7450cca9a58afc5a",
    (2, 96): "187ec34a0ea76616",
    (7, (64, 100)): "0ade88ea633cfa52",
    (10000000, 128): "707b158dbbbfb153",
}


@pytest.mark.skipif(
    PIL.__version__ != "13.0.0", reason="other Pillow versions draw a few edge pixels differently"
)
@pytest.mark.parametrize(("seed", "size"), PINNED)
def test_labels_of_a_seed_are_pinned(seed, size):
    scene = Scene.random(seed, alike=0.3 if seed == 7 else 0.0)
    assert fingerprint(scene, size) == PINNED[seed, size]
