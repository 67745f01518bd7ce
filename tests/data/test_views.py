"""Views of Toy Town: label maps that can be read back, edges, pairs of one scene, heaps without pairs."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2gray
from skimage.feature import canny

from lecturekit import recipes
from lecturekit.data import TownHeaps, TownMaps, TownViews
from lecturekit.data.views import LABEL_COLOURS, VIEWS, label_picture, read_labels, views
from lecturekit.town import SEMANTIC, Scene

FIRST = 30_000_000


def pixels(picture):
    return (picture * 255).round().byte().permute(1, 2, 0).numpy()


def test_label_maps_are_read_back_also_when_noisy():
    maps = torch.from_numpy(np.random.default_rng(0).integers(0, len(SEMANTIC), (2, 30, 40)))
    pictures = torch.stack([torch.from_numpy(label_picture(m.numpy())).permute(2, 0, 1) for m in maps]) / 255
    assert torch.equal(read_labels(pictures), maps)
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0)) * 0.03
    assert (read_labels((pictures + noise).clamp(0, 1)) == maps).float().mean() > 0.995
    assert len(LABEL_COLOURS) == len(SEMANTIC)


def test_views_are_those_of_one_scene():
    scene = Scene.random(FIRST)
    (labels, edges, day, night), truth = views(scene, VIEWS, 96)
    by_day = scene.render(96, night=False, noise=False)
    assert np.array_equal(pixels(day), by_day.image)
    assert np.array_equal(pixels(night), scene.render(96, night=True, noise=False).image)
    assert np.array_equal(read_labels(labels[None])[0].numpy(), by_day.semantic)
    grey = rgb2gray(by_day.image)
    expected = canny(grey, sigma=0.7, low_threshold=0.05, high_threshold=0.12)
    assert np.array_equal(pixels(edges), np.repeat(expected[..., None], 3, 2) * 255)
    assert 0.01 < expected.mean() < 0.3
    assert np.array_equal(truth.semantic, by_day.semantic)
    assert night.mean() < day.mean()


def test_pairs_are_two_views_of_the_same_scene():
    data = TownViews(first=FIRST, count=3, size=64, given="night", wanted="labels")
    given, wanted = data[1]
    assert given.shape == wanted.shape == (3, 64, 64)
    assert given.dtype == torch.float32
    assert torch.equal(read_labels(wanted[None])[0], data.semantic(1))
    again, _ = TownViews(first=FIRST + 1, count=1, size=64, given="night")[0]
    assert torch.equal(given, again)
    assert len(list(data)) == 3
    with pytest.raises(IndexError):
        data[3]


def test_unknown_views_are_answered():
    with pytest.raises(ValueError, match="view must be one of labels, edges, day, night, got 'dusk'"):
        TownViews(given="dusk")


def test_heaps_are_of_different_scenes_and_never_share_one():
    data = TownHeaps(first=FIRST, count=6, size=64)
    for i in range(6):
        day, night = data[i]
        for picture, scene, dark in ((day, 2 * (FIRST + i), False), (night, 2 * (FIRST + i) + 1, True)):
            rendered = Scene.random(scene).render(64, night=dark, noise=False)
            assert np.array_equal(pixels(picture), rendered.image)
            assert np.array_equal(data.semantic(i)[dark].numpy(), rendered.semantic)
    used = [2 * (data.first + i) + k for i in range(6) for k in (0, 1)]
    assert len(set(used)) == 12


def test_crops_of_heaps_lie_in_their_pictures():
    whole, cut = (TownHeaps(first=FIRST, count=2, size=64, crop=crop) for crop in (0, 40))
    places = set()
    for i in range(2):
        for large, small in zip(whole[i], cut[i], strict=True):
            assert small.shape == (3, 40, 40)
            found = [
                (y, x)
                for y in range(25)
                for x in range(25)
                if torch.equal(large[:, y : y + 40, x : x + 40], small)
            ]
            assert found
            places |= set(found[:1])
    assert len(places) > 1
    assert torch.equal(cut[1][0], cut[1][0])
    for crop in (65, -1):
        with pytest.raises(ValueError, match=f"crop must lie within the picture's 64 pixels, got {crop}"):
            TownHeaps(size=64, crop=crop)


def test_maps_for_the_judges_are_by_day_and_by_night():
    data = TownMaps(first=FIRST, count=6, size=64)
    assert [night for _, _, night in data] == [0, 1, 0, 1, 0, 1]
    for picture, semantic, _ in data:
        assert picture.shape == (3, 64, 64)
        assert semantic.shape == (64, 64)
        assert semantic.dtype == torch.int64
        assert 0 <= picture.min() < picture.max() <= 1
    plain, dimmed = (TownMaps(first=FIRST, count=20, size=64, dimmed=share) for share in (0.0, 1.0))
    changes = [float(b[0].mean() / a[0].mean()) for a, b in zip(plain, dimmed, strict=True)]
    assert min(changes) < 0.8
    assert max(changes) > 1.1
    assert all(torch.equal(a[1], b[1]) for a, b in zip(plain, dimmed, strict=True))


def scenes(data):
    """The first and last scene that a dataset draws."""
    times = 2 if isinstance(data, TownHeaps) else 1
    return times * data.first, times * (data.first + data.count) - 1


@pytest.mark.parametrize(
    "name", ["pix2pix", "pix2pix_back", "pix2pix_edges", "cyclegan", "town_segmenter", "daylight_judge"]
)
def test_held_out_scenes_are_trained_on_by_neither_system_nor_judge(name):
    first, _ = scenes(recipes.get(name).val)
    for trained in (name, "town_segmenter", "daylight_judge"):
        assert scenes(recipes.get(trained).train)[1] < first
