"""Clips: actors keep their ids, and flow says where every pixel goes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lecturekit.town import BODY_KEYPOINTS, STUFF, Clip, Scene


def strays(clip, t, size, flow, to=None):
    """Share of pixels whose flow leads to what they do not show and what cannot hide it.

    Each pixel of frame t is followed to frame `to` (t + 1 by default). There it must land on the same actor
    (or stuff), on an actor that stands in front of it, or outside the picture. Labels are samples at pixel
    centres, so borders may be off by a pixel: the eight neighbours of the landing pixel count too.
    """
    to = t + 1 if to is None else to
    now, after = (clip[s].render(size, noise=False) for s in (t, to))
    height, width = now.ids.shape
    order = clip[to].order()
    depth = np.full(len(order) + 1, -1)
    depth[[k + 1 for k in order]] = np.arange(len(order))
    rows, columns = np.mgrid[:height, :width]
    x = np.floor(columns + 0.5 + flow[..., 0]).astype(int)
    y = np.floor(rows + 0.5 + flow[..., 1]).astype(int)
    fine = np.zeros(now.ids.shape, bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            u, v = x + dx, y + dy
            outside = (u < 0) | (u >= width) | (v < 0) | (v >= height)
            u, v = np.clip(u, 0, width - 1), np.clip(v, 0, height - 1)
            same = (after.ids[v, u] == now.ids) & ((now.ids > 0) | (after.semantic[v, u] == now.semantic))
            hidden = depth[after.ids[v, u]] > depth[now.ids]
            fine |= outside | same | hidden
    return 1 - fine.mean()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**7), st.integers(0, 3), st.sampled_from([96, (64, 120), 160]))
def test_flow_leads_every_visible_pixel_to_the_same_actor(seed, t, size):
    clip = Clip.random(seed, frames=5, actors=(3, 8))
    assert strays(clip, t, size, clip.flow(t, size)) == 0


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**7), st.integers(0, 4), st.integers(0, 4))
def test_flow_leads_to_the_same_actor_in_any_other_frame(seed, t, to):
    """Backward as well as forward, and nowhere from a frame to itself."""
    clip = Clip.random(seed, frames=5, actors=(3, 8))
    flow = clip.flow(t, 96, to=to)
    assert strays(clip, t, 96, flow, to) == 0
    if t == to:
        assert np.abs(flow).max() < 1e-4


def test_backward_flow_undoes_forward_flow():
    """On ground and clouds, whose parts move as a whole: there and back again, where they are seen twice."""
    for seed in range(4):
        clip = Clip.random(seed, frames=5, actors=(4, 8), pan=0.02)
        now, then = clip[4].render(128, noise=False), clip[1].render(128, noise=False)
        back, ahead = clip.flow(4, 128, to=1), clip.flow(1, 128, to=4)
        rows, columns = np.mgrid[:128, :128]
        x = np.clip(np.floor(columns + 0.5 + back[..., 0]).astype(int), 0, 127)
        y = np.clip(np.floor(rows + 0.5 + back[..., 1]).astype(int), 0, 127)
        fixed = (now.part == then.part[y, x]) & (now.part < 2)
        assert fixed.mean() > 0.2
        assert np.allclose(back[fixed], -ahead[y, x][fixed], atol=1e-3)


def test_wrong_flow_is_noticed():
    wrong = {"zero": 0.0, "swapped": 0.0, "backward": 0.0, "double": 0.0}
    for seed in range(6):
        clip = Clip.random(seed, frames=4, actors=(5, 8), pan=0.04)
        flow = clip.flow(1, 160)
        assert strays(clip, 1, 160, flow) == 0
        wrong["zero"] += strays(clip, 1, 160, 0 * flow)
        wrong["swapped"] += strays(clip, 1, 160, flow[..., ::-1])
        wrong["backward"] += strays(clip, 1, 160, -flow)
        wrong["double"] += strays(clip, 1, 160, 2 * flow)
    assert min(wrong.values()) > 0.02, wrong


def test_flow_is_exact_where_the_motion_is_known():
    """The ground and houses move by the pan, the parts of people as their keypoints do."""
    for seed in range(8):
        clip = Clip.random(seed, frames=3, pan=0.02, classes=("person", "house", "ball"), actors=(3, 5))
        now, after = clip[1].render(128, noise=False), clip[2].render(128, noise=False)
        flow = clip.flow(1, 128)
        road = now.semantic == STUFF.index("road")
        assert np.allclose(flow[road], [-0.02 * 128, 0], atol=1e-4)
        for row, k in enumerate(now.actor):
            if clip.start.actors[k].kind == "house":
                assert np.allclose(flow[now.masks[row]], [-0.02 * 128, 0], atol=1e-3)
            if clip.start.actors[k].kind == "person" and k in after.actor:
                later = after.body[after.actor.tolist().index(k)]
                names = [BODY_KEYPOINTS.index(name) for name in ("nose", "left_eye", "right_eye")]
                for (x, y, v), (u, w, _) in zip(now.body[row, names], later[names], strict=True):
                    if v == 2 and now.part[int(y), int(x)] == head_of(clip[1], k):
                        assert np.abs(flow[int(y), int(x)] - [u - x, w - y]).max() < 0.1


def test_flow_is_the_motion_of_pixel_centres():
    """A pixel's centre, held fast on the part it shows, moves as that part does, to 1/1000 pixel."""
    size, checked = 96, 0
    for seed in range(4):
        clip = Clip.random(seed, frames=3, pan=0.01, classes=("car", "ball", "person"))
        now, flow = clip[1].render(size, noise=False), clip.flow(1, size)
        first = 2
        for before, after in zip(clip[1].actors, clip[2].actors, strict=True):
            for a, b, c, d in zip(*before.parts(), *after.parts(), strict=True):
                rows, columns = np.nonzero(now.part == first)
                z = (columns + 0.5 + 1j * (rows + 0.5)) / size + 0.01
                moved = size * (c * (z - b) / a + d - 0.02) - (columns + 0.5 + 1j * (rows + 0.5))
                assert np.allclose(flow[rows, columns], np.stack([moved.real, moved.imag], 1), atol=1e-3)
                first, checked = first + 1, checked + len(rows)
    assert checked > 1000


def head_of(scene, k):
    """The number of the head among the rigid parts: ground and clouds first, then the actors in turn."""
    before = sum(len(actor.figure.names) for actor in scene.actors[:k])
    return 2 + before + scene.actors[k].figure.names.index("head")


def test_flow_carries_the_colours_along():
    """Pictures warped by the flow look like the frame they come from; without it they do not."""
    errors, still = [], []
    for seed in range(8):
        clip = Clip.random(seed, frames=2, actors=(4, 8), pan=0.03)
        now, after = (clip[t].render(192, noise=False) for t in (0, 1))
        rows, columns = np.mgrid[:192, :192]
        flow = clip.flow(0, 192)
        x = np.clip(np.floor(columns + 0.5 + flow[..., 0]).astype(int), 0, 191)
        y = np.clip(np.floor(rows + 0.5 + flow[..., 1]).astype(int), 0, 191)
        seen = (now.ids > 0) & (after.part[y, x] == now.part)
        difference = np.abs(after.image[y, x].astype(int) - now.image).mean(2)
        errors.append(difference[seen].mean())
        still.append(np.abs(after.image.astype(int) - now.image).mean(2)[seen].mean())
    assert np.mean(errors) < 0.45 * np.mean(still)


def test_a_clip_starts_as_its_scene():
    clip, scene = Clip.random(8, night=True, alike=0.5), Scene.random(8, night=True, alike=0.5)
    first, plain = clip[0].render(), scene.render()
    for name in ("image", "ids", "semantic", "boxes", "body"):
        assert np.array_equal(getattr(first, name), getattr(plain, name)), name


def test_ids_stay_with_the_individual():
    for seed in range(6):
        clip = Clip.random(seed, frames=6)
        views = clip.render(96)
        assert len(views) == len(clip) == len(list(clip)) == 6
        for t, view in enumerate(views):
            for k, label in zip(view.actor, view.labels, strict=True):
                assert clip[t].actors[k].colours == clip.start.actors[k].colours
                assert clip[t].actors[k].look == clip.start.actors[k].look
                first = views[0]
                if k in first.actor:
                    assert label == first.labels[first.actor.tolist().index(k)]


@pytest.mark.parametrize("kind", ["person", "car", "ball", "cat"])
def test_things_move_and_their_parts_turn(kind):
    moved = turned = 0.0
    for seed in range(6):
        clip = Clip.random(seed, frames=2, pan=0.0, classes=(kind,))
        for before, after in zip(clip[0].actors, clip[1].actors, strict=True):
            moved = max(moved, 128 * abs(after.x - before.x))
            (a, _), (c, _) = before.parts(), after.parts()
            turned = max(turned, np.abs(np.angle(c / a)).max())
    assert moved > 1
    assert turned > 0.1


def test_walkers_come_nearer_as_perspective_has_it():
    grown = 0
    for seed in range(10):
        clip = Clip.random(seed, frames=9, classes=("person",))
        for before, after in zip(clip[0].actors, clip[8].actors, strict=True):
            grown += after.y > before.y
            assert (after.size > before.size) == (after.y > before.y)
    assert grown


def test_clouds_drift_over_a_still_sky():
    clip = Clip.random(5, frames=2, pan=0.0, actors=(0, 0))
    now, flow = clip[0].render(128, noise=False), clip.flow(0, 128)
    sky = now.semantic == STUFF.index("sky")
    assert 0 < (flow[..., 0] > 0.05).sum() < 0.5 * sky.sum()
    assert not flow[~sky].any()


def test_grain_differs_from_frame_to_frame():
    clip = Clip.random(5, frames=2)
    grains = [clip[t].render(64).image.astype(int) - clip[t].render(64, noise=False).image for t in (0, 1)]
    assert (grains[0] != grains[1]).mean() > 0.5


def test_clips_are_pure_functions_of_the_seed():
    assert np.array_equal(Clip.random(3).flow(2, 64), Clip.random(3).flow(2, 64))
    assert np.array_equal(Clip.random(3)[4].render().image, Clip.random(3)[4].render().image)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="frames"):
        Clip.random(0, frames=0)
    with pytest.raises(ValueError, match="alike"):
        Clip.random(0, alike=3)
    clip = Clip.random(0, frames=2)
    with pytest.raises(IndexError, match="frame 2"):
        clip[2]
    with pytest.raises(IndexError, match="frame 2"):
        clip.flow(1)
    with pytest.raises(IndexError, match="frame -1"):
        clip.flow(1, to=-1)
