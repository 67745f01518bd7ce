"""Backbones, pyramid and anchors against torchvision's, norms against torch's."""

import pytest
import torch
from torch import nn
from torchvision.models import resnet50
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool
from torchvision.ops.misc import FrozenBatchNorm2d as Frozen

from lecturekit.layers import blocks
from lecturekit.layers.anchors import Anchors, cell_anchors, grid_anchors
from lecturekit.layers.backbones import ResNet, tiny_resnet
from lecturekit.layers.fpn import BackboneWithFPN, FeaturePyramid

torch.set_num_threads(1)
SIZES, RATIOS = ((32,), (64,), (128,), (256,), (512,)), (0.5, 1.0, 2.0)


def stir(module, seed=0):
    """Random weights and statistics, so that no two layers could be taken for one another."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in module.state_dict().items():
        if name.endswith("running_var") or (value.ndim == 1 and name.endswith("weight")):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif value.ndim == 1:
            value.copy_(0.1 * torch.randn(value.shape, generator=generator))
    return module.state_dict()


@pytest.mark.slow
def test_resnet_is_torchvisions_resnet50():
    theirs = resnet50(norm_layer=Frozen)
    state = {k: v for k, v in stir(theirs).items() if not k.startswith("fc.")}
    ours = ResNet()
    ours.load_state_dict(state)
    assert ours.out_channels == [256, 512, 1024, 2048]
    x = torch.randn(2, 3, 70, 99)
    maps = ours(x)
    assert list(maps) == ["0", "1", "2", "3"]
    assert [tuple(m.shape[2:]) for m in maps.values()] == [(18, 25), (9, 13), (5, 7), (3, 4)]
    y = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
    for m, layer in zip(
        maps.values(), (theirs.layer1, theirs.layer2, theirs.layer3, theirs.layer4), strict=True
    ):
        y = layer(y)
        torch.testing.assert_close(m, y)


@pytest.mark.parametrize("norm", ["batch", "group", "frozen"])
def test_tiny_resnet_has_the_strides_of_the_large_one(norm):
    body = tiny_resnet((8, 16, 24, 32), 8, norm)
    maps = body(torch.randn(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps.values()] == [
        (2, 8, 16, 24),
        (2, 16, 8, 12),
        (2, 24, 4, 6),
        (2, 32, 2, 3),
    ]
    pyramid = BackboneWithFPN(body, 12)(torch.randn(2, 3, 64, 96))
    assert [tuple(m.shape) for m in pyramid.values()] == [
        (2, 12, 16, 24),
        (2, 12, 8, 12),
        (2, 12, 4, 6),
        (2, 12, 2, 3),
        (2, 12, 1, 2),
    ]


def test_another_norm_is_refused_by_name():
    with pytest.raises(ValueError, match=r"norm.*frozen.*batch.*group.*layer"):
        blocks.norm_layer("layer", 8)


def test_pyramid_is_torchvisions_on_maps_of_odd_sizes():
    theirs = FeaturePyramidNetwork([8, 16, 24], 12, extra_blocks=LastLevelMaxPool())
    ours = FeaturePyramid([8, 16, 24], 12)
    ours.load_state_dict(stir(theirs))
    maps = {
        "0": torch.randn(2, 8, 19, 27),
        "1": torch.randn(2, 16, 10, 14),
        "2": torch.randn(2, 24, 5, 7),
    }
    expected = theirs(dict(maps))
    assert list(ours(maps)) == list(expected)
    for name, value in ours(maps).items():
        torch.testing.assert_close(value, expected[name])


@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_frozen_norm_is_a_batch_norm_in_eval_mode(eps):
    batch = nn.BatchNorm2d(6, eps=eps).eval()
    frozen = blocks.FrozenBatchNorm2d(6, eps)
    state = stir(batch, 3)
    state["running_var"].mul_(1e-4)  # so small that eps shows
    frozen.load_state_dict(state)
    x = torch.randn(2, 6, 5, 7)
    torch.testing.assert_close(frozen.train()(x), batch(x), atol=1e-5, rtol=1e-5)
    assert list(frozen.parameters()) == []
    assert "num_batches_tracked" not in frozen.state_dict()


def test_live_norms_replace_frozen_ones_in_place():
    body = tiny_resnet((8, 8, 8, 8), 8, "frozen").eval()
    stir(body)
    x = torch.randn(2, 3, 64, 64)
    before = body(x)["3"]
    keys = set(body.state_dict())
    body.conv1.requires_grad_(False)
    blocks.live_norms(body)
    torch.testing.assert_close(body(x)["3"], before)
    assert not any(isinstance(m, blocks.FrozenBatchNorm2d) for m in body.modules())
    assert keys < set(body.state_dict())
    assert all(p.requires_grad for p in body.parameters())


@pytest.mark.parametrize("size", [(128, 128), (160, 96), (416, 1344), (32, 64)])
def test_anchors_are_torchvisions(size):
    # P6 takes every second pixel of P5, rounded up, so that its stride need not be 64
    grids = [(size[0] // s, size[1] // s) for s in (4, 8, 16, 32)]
    grids.append((-(-grids[-1][0] // 2), -(-grids[-1][1] // 2)))
    maps = [torch.zeros(2, 1, *grid) for grid in grids]
    theirs = AnchorGenerator(SIZES, (RATIOS,) * 5)(ImageList(torch.zeros(2, 3, *size), [size, size]), maps)
    ours = Anchors(SIZES, RATIOS)
    assert torch.equal(torch.cat(ours(maps, size)), theirs[0])
    assert [len(level) for level in ours(maps, size)] == [3 * h * w for h, w in grids]


def test_anchors_are_kept_while_shapes_stay_the_same():
    ours = Anchors(((8,), (16,)))
    maps = [torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 2, 2)]
    assert ours(maps, (32, 32)) is ours(maps, (32, 32))
    wider = [torch.zeros(1, 1, 4, 6), torch.zeros(1, 1, 2, 3)]
    assert [len(level) for level in ours(wider, (32, 48))] == [72, 18]
    assert [len(level) for level in ours(maps, (32, 32))] == [48, 12]
    assert ours([m.double() for m in maps], (32, 32))[0].dtype == torch.float64
    with pytest.raises(ValueError, match=r"features.*2 levels.*1"):
        ours(maps[:1], (32, 32))


def test_anchors_by_hand():
    cell = cell_anchors((8,), (0.5, 1.0, 2.0))
    assert cell.tolist() == [[-6, -3, 6, 3], [-4, -4, 4, 4], [-3, -6, 3, 6]]
    grid = grid_anchors(cell, (2, 3), (10, 20))
    assert len(grid) == 18
    assert grid[4].tolist() == [16, -4, 24, 4]  # second pixel of the first row, second shape
    assert grid[10].tolist() == [-4, 6, 4, 14]  # first pixel of the second row
