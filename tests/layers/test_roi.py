"""The readable RoIPool and RoIAlign, and their fast form, against torchvision's, values and gradients."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops
from torchvision.ops.poolers import LevelMapper

from lecturekit.layers import roi as R

torch.set_num_threads(1)
SOME = settings(max_examples=40, deadline=None)
HEIGHT, WIDTH = 9, 12
# whole, half and odd numbers: edges, ties of rounding, neither; inside the picture, across its edge, outside
coordinate = st.one_of(st.integers(-4, 30).map(lambda k: 2.0 * k), st.floats(-30, 90, width=32))


@st.composite
def roi_lists(draw, turned=False, smallest=0):
    rows = []
    for _ in range(draw(st.integers(smallest, 4))):
        x, y = draw(coordinate), draw(coordinate)
        sides = st.one_of(st.just(0.0), st.floats(-20 if turned else 0, 80, width=32))
        rows.append((draw(st.integers(0, 1)), x, y, x + draw(sides), y + draw(sides)))
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 5)


def features(seed=0):
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed), requires_grad=True)


def agree(ours, theirs, feature):
    assert ours.shape == theirs.shape
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    weights = torch.sin(torch.arange(ours.numel()) * 0.7).view(ours.shape)
    if len(ours):
        a, b = (
            torch.autograd.grad((pooled * weights).sum() + 0 * feature.sum(), feature)[0]
            for pooled in (ours, theirs)
        )
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


@SOME
@given(roi_lists(), st.sampled_from([-1, 0, 1, 2, 3]), st.booleans(), st.sampled_from([1, 2, 7, (3, 2)]))
def test_roi_align_is_torchvisions(rois, sampling, aligned, size):
    feature = features()
    ours = R.roi_align(feature, rois, size, 0.25, sampling, aligned)
    agree(ours, ops.roi_align(feature, rois, size, 0.25, sampling, aligned), feature)


@SOME
@given(roi_lists(turned=True), st.sampled_from([(-1, False), (2, False), (2, True)]))
def test_roi_align_is_torchvisions_on_boxes_turned_round(rois, mode):
    feature = features()
    ours = R.roi_align(feature, rois, 3, 0.25, *mode)
    agree(ours, ops.roi_align(feature, rois, 3, 0.25, *mode), feature)


@SOME
@given(roi_lists(turned=True), st.sampled_from([1, 2, 5, 7]))
def test_roi_align_as_matrix_products_is_torchvisions(rois, size):
    feature, rois = features(), rois[rois[:, 0].argsort(stable=True)]
    ours = R.roi_align_products(feature, rois, size, 0.25)
    agree(ours, ops.roi_align(feature, rois, size, 0.25, sampling_ratio=2), feature)


@SOME
@given(roi_lists(turned=True), st.sampled_from([1, 2, 7, (3, 2)]), st.sampled_from([0.25, 0.125, 1.0]))
def test_roi_pool_is_torchvisions(rois, size, scale):
    feature = features()
    agree(R.roi_pool(feature, rois, size, scale), ops.roi_pool(feature, rois, size, scale), feature)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sampling", [-1, 2])
def test_roi_align_at_the_edges_of_the_map(aligned, sampling):
    """Boxes that end on, just before and just behind the border, where the rules of sampling change."""
    steps = [-8.0, -4.0, -3.9, -0.1, 0.0, 4 * WIDTH - 4.1, 4 * WIDTH - 0.1, 4 * WIDTH, 4 * WIDTH + 0.1]
    rows = [
        (0, a, c, b, d) for a, b in itertools.combinations(steps, 2) for c, d in [(-6.0, 20.0), (20.0, 39.0)]
    ]
    feature, rois = features(), torch.tensor(rows)
    ours = R.roi_align(feature, rois, 3, 0.25, sampling, aligned)
    agree(ours, ops.roi_align(feature, rois, 3, 0.25, sampling, aligned), feature)
    assert torch.isfinite(ours).all()


def test_roi_align_of_a_plane_is_the_plane_at_the_bins_centres():
    """Bilinear sampling is exact on a plane; rounding to whole pixels, as RoIPool does, is not."""
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    plane = (2 * x + 3 * y)[None, None]
    roi = torch.tensor([[0, 5.3, 3.1, 21.7, 19.5]])
    centres = (
        torch.tensor([5.3, 3.1]) / 2 + (torch.arange(4)[:, None] + 0.5) * 16.4 / 2 / 4
    )  # map pixels, x and y
    expected = 2 * centres[None, :, 0] + 3 * centres[:, None, 1]
    torch.testing.assert_close(R.roi_align(plane, roi, 4, 0.5)[0, 0], expected)
    assert (R.roi_pool(plane, roi, 4, 0.5)[0, 0] - expected).abs().max() > 1


def test_sample_points_by_hand():
    points = R.sample_points(torch.tensor([8.0, 4, 24, 12]), 2, 0.25, sampling_ratio=2)
    assert points.shape == (2, 2, 2, 2, 2)
    assert points[0, :, 0, :, 0].flatten().tolist() == [2.5, 3.5, 4.5, 5.5]
    assert points[:, 0, :, 0, 1].flatten().tolist() == [1.25, 1.75, 2.25, 2.75]
    shifted = R.sample_points(torch.tensor([8.0, 4, 24, 12]), 2, 0.25, sampling_ratio=2, aligned=True)
    assert torch.equal(shifted, points - 0.5)
    adaptive = R.sample_points(torch.tensor([8.0, 4, 24, 12]), 1, 0.25, sampling_ratio=0)
    assert adaptive.shape == (1, 1, 2, 4, 2)


def test_pool_bins_by_hand():
    bins = R.pool_bins(
        torch.tensor([6.0, 0, 25.9, 13.0]), 2, 0.25
    )  # x: 1.5 -> 2, 6.475 -> 6; y: 0, 3.25 -> 3
    assert bins[0, :, 0].tolist() == [2, 4]
    assert bins[0, :, 2].tolist() == [5, 7]  # the third of five pixels belongs to both bins
    assert bins[:, 0, 1].tolist() == [0, 2]
    assert bins[:, 0, 3].tolist() == [2, 4]
    cut = R.pool_bins(torch.tensor([6.0, 0, 25.9, 13.0]), 2, 0.25, size=(3, 4))
    assert cut[..., 2].max() == 4
    assert cut[..., 3].max() == 3
    assert R.pool_bins(torch.tensor([-2.0, -6, 0, 0]), 1, 0.25)[0, 0].tolist() == [-1, -2, 1, 1]


def test_levels_are_torchvisions():
    side = torch.linspace(1, 1200, 700)
    boxes = torch.stack((side * 0, side * 0, side, side * 1.3), dim=1)
    expected = LevelMapper(2, 5)([boxes])
    assert torch.equal(R.LevelPool(7).levels(boxes), expected)
    assert expected.unique().tolist() == [0, 1, 2, 3]
    halved = R.LevelPool(7, canonical_size=112).levels(boxes / 2)
    assert torch.equal(halved, expected)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("pooling", ["align", "pool"])
def test_level_pool_is_torchvisions_pooler(pooling, small):
    torch.manual_seed(0)
    maps = {str(i): torch.randn(3, 4, 64 >> i, 96 >> i) for i in range(4)}
    rois = torch.rand(40, 4) * torch.tensor([150.0, 100, 230, 150])
    rois = torch.cat(
        (torch.randint(3, (40, 1)), rois[:, :2], rois[:, :2] + rois[:, 2:]), dim=1
    )  # pictures mixed
    pool = R.LevelPool(5, pooling=pooling, small=small)
    levels = pool.levels(rois[:, 1:])
    assert len(levels.unique()) > 1
    pooled = pool(maps | {"pool": torch.zeros(3, 4, 4, 6)}, rois)
    for roi, level, ours in zip(rois, levels.tolist(), pooled, strict=True):
        if pooling == "align":
            theirs = ops.roi_align(maps[str(level)], roi[None], 5, 0.25 / 2**level, sampling_ratio=2)
        else:
            theirs = ops.roi_pool(maps[str(level)], roi[None], 5, 0.25 / 2**level)
        torch.testing.assert_close(ours, theirs[0], atol=1e-5, rtol=1e-5)
    assert pool(maps, rois[:0]).shape == (0, 4, 5, 5)


def test_pooling_by_another_name_is_refused():
    with pytest.raises(ValueError, match=r"pooling.*align.*pool.*warp"):
        R.LevelPool(7, pooling="warp")


def test_rois_of_pictures_in_one_tensor():
    rois = R.to_rois([torch.zeros(0, 4), torch.ones(2, 4), torch.full((1, 4), 7.0)])
    assert rois.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [2, 7, 7, 7, 7]]
