"""Scenes: what the seed and the dials decide."""

from dataclasses import replace

import numpy as np
import pytest

from lecturekit.town import CLASSES, Actor, Scene


def _labels(count=120, first=0, size=96, **dials):
    return [Scene.random(first + i, **dials).render(size, noise=False) for i in range(count)]


def _visibility(labels):
    return np.concatenate([view.visibility for view in labels])


def test_the_seed_decides_everything():
    assert Scene.random(5) == Scene.random(5)
    assert Scene.random(5) != Scene.random(6)


def test_default_scenes_have_the_promised_difficulty():
    scenes = [Scene.random(seed) for seed in range(200)]
    views = [scene.render(96, noise=False) for scene in scenes]
    counts = [len(scene.actors) for scene in scenes]
    assert min(counts) == 2
    assert max(counts) == 8
    visibility = _visibility(views)
    assert 0.28 <= (visibility < 0.95).mean() <= 0.40
    assert (visibility < 0.1).mean() < 0.01
    kinds = [actor.kind for scene in scenes for actor in scene.actors]
    assert all(kinds.count(name) > 0.05 * len(kinds) for name in CLASSES)


def test_occlusion_dial_hides_more():
    shares = [(_visibility(_labels(60, occlusion=dial)) < 0.95).mean() for dial in (0.0, 0.34, 1.0)]
    assert shares[0] + 0.1 < shares[1] < shares[2] - 0.1


def test_truncation_dial_cuts_at_the_border():
    def cut(dial):
        boxes = np.concatenate([view.boxes for view in _labels(40, truncation=dial, occlusion=0.0)])
        return ((boxes[:, 0] == 0) | (boxes[:, 2] == 96)).mean()

    assert cut(1.0) > 0.9
    assert cut(0.0) < 0.15


def test_small_dial_halves_the_size():
    sizes = [[a.size for s in range(40) for a in Scene.random(s, small=dial).actors] for dial in (0.0, 1.0)]
    assert 0.4 < np.median(sizes[1]) / np.median(sizes[0]) < 0.6


@pytest.mark.parametrize("kind", CLASSES)
def test_alike_neighbours_are_of_one_class_and_touch(kind):
    touching = []
    for seed in range(12):
        scene = Scene.random(seed, actors=(2, 2), classes=(kind,), alike=1.0, truncation=0.0)
        first, second = scene.actors
        assert first.kind == second.kind == kind
        assert all(np.abs(np.subtract(first.colours[r], second.colours[r])).max() <= 8 for r in first.colours)
        masks = scene.render(128, noise=False).masks
        grown = np.pad(masks[0], 2)
        near = np.any([np.roll(grown, (dy, dx), (0, 1)) for dy in (-2, 0, 2) for dx in (-2, 0, 2)], axis=0)
        touching.append(bool((near[2:-2, 2:-2] & masks[1]).any()))
    assert np.mean(touching) > 0.9


@pytest.mark.parametrize("kind", ["car", "tree", "ball", "cat", "house"])
def test_looking_left_is_the_mirror_image(kind):
    def points(actor):
        a, b = actor.parts()
        owner = actor.figure.owner
        return a[owner] * actor.figure.points + b[owner]

    for seed in range(6):
        right = replace(Actor.random(np.random.default_rng(seed), kind), mirror=False)
        assert np.allclose(points(replace(right, mirror=True)), -points(right).conj())


def test_classes_dial():
    scenes = [Scene.random(seed, classes=("cat", "ball")) for seed in range(20)]
    assert {actor.kind for scene in scenes for actor in scene.actors} == {"cat", "ball"}


def test_a_street_without_actors_is_legal():
    view = Scene.random(3, actors=(0, 0)).render(64)
    assert view.masks.shape == (0, 64, 64)
    assert view.boxes.shape == (0, 4)
    assert view.body.shape == (0, 17, 3)
    assert not view.ids.any()
    assert len(view.panoptic()["segments"]) == 4


@pytest.mark.parametrize(
    ("dials", "word"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"actors": (3, 2)}, "actors"),
        ({"actors": 4}, "actors"),
        ({"classes": ("dog",)}, "classes"),
        ({"classes": "cat"}, "classes"),
        ({"classes": ()}, "classes"),
        ({"alike": 1.2}, "alike"),
        ({"occlusion": -0.1}, "occlusion"),
        ({"truncation": 2}, "truncation"),
        ({"small": float("nan")}, "small"),
        ({"aspect": 9}, "aspect"),
    ],
)
def test_bad_dials_are_named(dials, word):
    with pytest.raises(ValueError, match=word):
        Scene.random(**{"seed": 0, **dials})
