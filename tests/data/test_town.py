"""Toy Town as a dataset."""

import pytest
import torch

from lecturekit.data.town import TownClips, TownPairs, TownPeople, TownScenes, collate, collate_frames
from lecturekit.town import BODY_KEYPOINTS, CLASSES, Clip, Scene


def test_a_sample_has_torchvisions_form():
    image, target = TownScenes(first=40, count=2, size=(64, 96))[1]
    assert image.shape == (3, 64, 96)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    count = len(target["labels"])
    assert target["boxes"].shape == (count, 4)
    assert target["boxes"].dtype == torch.float32
    assert target["labels"].dtype == torch.int64
    assert target["masks"].shape == (count, 64, 96)
    assert target["masks"].dtype == torch.uint8
    assert target["keypoints"].shape == (count, 17, 3)
    assert target["image_id"] == 41


def test_samples_are_the_scenes_of_their_seeds():
    data = TownScenes(first=7, count=3)
    view = Scene.random(8).render(128)
    image, target = data[1]
    assert torch.equal(
        (image * 255).round().to(torch.uint8), torch.from_numpy(view.image.copy()).permute(2, 0, 1)
    )
    keep = view.masks.sum((1, 2)) >= 20
    assert target["masks"].numpy().astype(bool).tolist() == view.masks[keep].tolist()
    assert target["boxes"].tolist() == view.boxes[keep].tolist()
    assert target["keypoints"].tolist() == view.body[keep].tolist()


def test_slivers_are_left_out_of_the_target():
    dials = {"size": 64, "actors": (12, 12), "small": 1.0, "occlusion": 1.0}
    data = TownScenes(count=30, **dials)
    areas = torch.cat([data[i][1]["masks"].sum((1, 2)) for i in range(30)])
    assert areas.min() >= 20
    views = [Scene.random(i, actors=(12, 12), small=1.0, occlusion=1.0).render(64) for i in range(30)]
    assert len(areas) < sum(len(view.labels) for view in views)
    for i, view in enumerate(views):
        assert data[i][1]["actor"].tolist() == view.actor[view.masks.sum((1, 2)) >= 20].tolist()


def test_dials_reach_the_scene():
    data = TownScenes(count=6, classes=("cat",), actors=(1, 2), night=True)
    assert {int(label) for i in range(6) for label in data[i][1]["labels"]} == {CLASSES.index("cat") + 1}
    assert data[0][0].mean() < 0.7 * TownScenes(count=1, classes=("cat",), actors=(1, 2))[0][0].mean()


def test_it_is_a_sequence():
    data = TownScenes(first=5, count=3)
    assert len(data) == len(list(data)) == 3
    assert data.class_names == CLASSES
    with pytest.raises(IndexError):
        data[3]


def test_the_repr_names_every_dial():
    """Recipes are identified by it."""
    assert repr(TownScenes(first=3, alike=0.5)) != repr(TownScenes(first=3))
    assert eval(repr(TownScenes(first=3, alike=0.5))) == TownScenes(first=3, alike=0.5)


def test_of_town_people_only_the_persons_are_targets():
    data = TownPeople(first=20_000_000, count=40, size=64)
    assert data.class_names == ("person",)
    assert data.keypoint_names == BODY_KEYPOINTS
    everything = TownScenes(**vars(data))
    persons = others = 0
    for i in range(len(data)):
        (image, target), (same, scene) = data[i], everything[i]
        assert torch.equal(image, same)
        person = scene["labels"] == 1
        persons, others = persons + int(person.sum()), others + int((~person).sum())
        assert target["labels"].tolist() == [1] * int(person.sum())
        for name in ("boxes", "masks", "keypoints", "actor"):
            assert torch.equal(target[name], scene[name][person])
        assert target["keypoints"].shape[1:] == (17, 3)
        assert target["image_id"] == data.first + i
    assert persons > 1.5 * len(data)
    assert others > 0.5 * len(data)


def test_clips_keep_actors():
    frames = TownClips(first=2, count=1, frames=3, size=64)[0]
    assert len(frames) == 3
    first = dict(zip(frames[0][1]["actor"].tolist(), frames[0][1]["labels"].tolist(), strict=True))
    for _, target in frames:
        pairs = zip(target["actor"].tolist(), target["labels"].tolist(), strict=True)
        assert all(first.get(actor, label) == label for actor, label in pairs)


def test_a_pair_is_two_frames_of_the_clip_and_the_way_back():
    clips, pairs = TownClips(first=50, count=12, frames=6, size=64), TownPairs(50, 12, 64, frames=6, gap=3)
    gaps = set()
    for i in range(12):
        pictures = [image for image, _ in clips[i]]
        (key, before), (current, target) = pairs[i]
        start, t = (next(t for t, p in enumerate(pictures) if torch.equal(p, q)) for q in (key, current))
        for own, frame in ((before, start), (target, t)):
            assert torch.equal(own["masks"], clips[i][frame][1]["masks"])
            assert own["image_id"] == 50 + i
        flow = torch.from_numpy(Clip.random(50 + i, 6).flow(t, 64, to=start)).permute(2, 0, 1)
        assert torch.equal(target["flow"], flow)
        assert target["flow"].is_contiguous()
        assert "flow" not in before
        gaps.add(t - start)
    assert gaps == {1, 2, 3}


@pytest.mark.parametrize("gap", [0, 9, 1.5])
def test_a_bad_gap_is_named(gap):
    with pytest.raises(ValueError, match=r"gap must be a whole number in 1\.\.8"):
        TownPairs(gap=gap)


def test_collate_frames_goes_frame_by_frame():
    pairs, clips, scenes = (kind(count=2, size=64) for kind in (TownPairs, TownClips, TownScenes))
    images, targets = collate_frames([pairs[0], pairs[1]])
    assert [torch.equal(a, b[0]) for a, b in zip(images, pairs[0] + pairs[1], strict=True)] == [True] * 4
    assert ["flow" in target for target in targets] == [False, True] * 2
    assert len(collate_frames([clips[0]])[0]) == 9
    images, targets = collate_frames([scenes[0], scenes[1]])
    assert torch.equal(images[1], scenes[1][0])
    assert [target["image_id"] for target in targets] == [0, 1]


def test_collate_makes_two_lists():
    data = TownScenes(count=2, size=64)
    images, targets = collate([data[0], data[1]])
    assert [image.shape for image in images] == [(3, 64, 64)] * 2
    assert [target["image_id"] for target in targets] == [0, 1]


@pytest.mark.parametrize(
    "bad", [{"count": -1}, {"size": 4}, {"alike": 2}, {"classes": ("dog",)}, {"first": -3}]
)
def test_bad_dials_are_named_at_once(bad):
    (name,) = bad
    with pytest.raises(ValueError, match="seed" if name == "first" else name):
        TownScenes(**bad)
