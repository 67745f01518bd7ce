"""Tiles: the result of the pieces is that of the whole, no seam shows, and memory stays bounded."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecturekit.cgan.cyclegan import CycleGAN, ResnetGenerator
from lecturekit.cgan.super_resolution import SRResNet
from lecturekit.cli import tiles


def random_picture(height, width, seed=0):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def enlarger():
    """A fully convolutional network that sees 15 pixels far: trained weights see no further."""
    torch.manual_seed(0)
    net = SRResNet(channels=8, blocks=2).eval()
    for p in net.parameters():
        if p.ndim > 1:
            nn.init.normal_(p, 0, 1.5 * p[0].numel() ** -0.5)
        elif p.numel() > 1:
            nn.init.uniform_(p, 0.2, 1)
    with torch.no_grad():
        net.output.bias.fill_(0.5)
        net.output.weight.mul_(0.2)
        return lambda x: net(x).detach(), net


def influence(function, picture, row, column):
    """How far from (row, column) lies the farthest pixel that changes the result there."""
    leaf = picture[None].clone().requires_grad_()
    times = function(leaf).shape[-1] // leaf.shape[-1]
    function(leaf)[
        0, :, row * times : (row + 1) * times, column * times : (column + 1) * times
    ].sum().backward()
    rows, columns = np.nonzero(leaf.grad[0].abs().sum(0).numpy())
    return max(abs(rows - row).max(), abs(columns - column).max())


def test_reach_is_what_gradients_tell(enlarger):
    net = enlarger[1]
    assert (
        tiles.reach(net) == 4 + 2 * 2 + 1 + 2 + 1
    )  # stem, blocks, merge, 1 + 1/2 of sub-pixels, 4/4 of output
    assert tiles.reach(net) - 2 <= influence(net, random_picture(31, 31), 15, 15) <= tiles.reach(net)


def test_reach_of_a_network_with_strides():
    """Without its norms, which look at the whole picture."""
    torch.manual_seed(0)
    net = ResnetGenerator(width=4, blocks=1)
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if isinstance(child, (nn.InstanceNorm2d, nn.ReLU)):
                setattr(parent, name, nn.Identity())
    found = max(influence(net, random_picture(80, 80), row, 40) for row in (40, 41, 42, 43))
    assert tiles.reach(net) - 4 <= found <= tiles.reach(net)


@pytest.mark.parametrize(("height", "width", "tile"), [(50, 70, 16), (33, 16, 16), (20, 90, 32), (5, 7, 16)])
def test_tiles_give_the_same_as_the_whole(enlarger, height, width, tile):
    function, net = enlarger
    picture = random_picture(height, width)
    whole = tiles.as_bytes(function(picture[None])[0]).int()
    made = tiles.exactly(function, picture, tiles.reach(net), times=4, tile=tile).int()
    assert made.shape == (3, 4 * height, 4 * width)
    assert whole.float().std() > 20
    assert (made - whole).abs().max() <= 1  # a rounding
    assert (made != whole).float().mean() < 0.01


def test_a_margin_too_small_would_show(enlarger):
    function, _ = enlarger
    picture = random_picture(50, 70)
    whole = tiles.as_bytes(function(picture[None])[0]).int()
    made = tiles.exactly(function, picture, 1, times=4, tile=16).int()
    assert (made - whole).abs().max() > 3


def test_a_network_never_sees_more_than_a_tile_with_its_margin(enlarger):
    seen = []
    made = tiles.exactly(
        lambda x: seen.append(tuple(x.shape)) or F.interpolate(x, scale_factor=4),
        random_picture(300, 200),
        10,
        times=4,
    )
    assert max(max(shape[2:]) for shape in seen) == tiles.TILE + 20
    assert len(seen) == 6
    assert made.dtype == torch.uint8


@pytest.fixture(scope="module")
def translator():
    torch.manual_seed(0)
    model = CycleGAN(width=4, blocks=1, patch_width=4)
    for p in model.generators.parameters():
        nn.init.normal_(p, 0, 0.3)
    return model


def test_instance_norms_are_those_of_the_whole_picture(translator):
    """Tiles with the whole picture's statistics are the whole picture; each with its own, they are not."""
    picture = random_picture(96, 120)
    picture[:, :, :60] *= 0.3  # dark on the left
    network = translator.generators["night"]
    whole = tiles.as_bytes(translator.translate(picture[None])[0]).int()
    with tiles.norms_of(network, translator.translate, picture):
        made = tiles.exactly(translator.translate, picture, tiles.reach(network), step=4, tile=32).int()
    assert (made - whole).abs().max() <= 1
    seams = tiles.exactly(translator.translate, picture, tiles.reach(network), step=4, tile=32).int()
    assert (seams - whole).abs().max() > 20
    assert torch.equal(tiles.as_bytes(translator.translate(picture[None])[0]).int(), whole)  # hooks are gone


def test_a_large_picture_lends_its_norms_in_small(translator, monkeypatch):
    monkeypatch.setattr(tiles, "WHOLE", 48)
    seen = []
    picture = random_picture(96, 192)

    def show(x):
        seen.append(tuple(x.shape[2:]))
        return translator.translate(x)

    with tiles.norms_of(translator.generators["night"], show, picture):
        pass
    assert seen == [(24, 48)]


def test_blending_leaves_an_identity_alone():
    for height, width in ((100, 300), (40, 40), (64, 65), (130, 20)):
        picture = random_picture(height, width)
        made = tiles.blended(lambda x: x, picture, window=64)
        assert made.shape == picture.shape
        assert torch.equal(made, tiles.as_bytes(picture))


def test_blended_windows_fade_into_each_other():
    """Each window is of another grey; no step between two neighbours is a large one."""
    greys = iter([0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0] * 2)
    made = (
        tiles.blended(lambda x: torch.full_like(x, next(greys)), torch.zeros(3, 160, 160), window=64).float()
        / 255
    )
    assert made.min() == 0
    assert made.max() == 1
    for axis in (1, 2):
        assert made.diff(dim=axis).abs().max() < 0.1


def test_padding_is_by_reflection_and_of_any_size():
    picture = random_picture(5, 7)
    made = tiles.padded(picture, 8)
    assert made.shape == (3, 8, 8)
    assert torch.equal(made[:, :5, :7], picture)
    assert torch.equal(made[:, 5], made[:, 3])
    assert torch.equal(made[:, :, 7], made[:, :, 5])
    assert tiles.padded(picture[:, :1, :1], 64).shape == (3, 64, 64)
    assert tiles.padded(picture, 1, smallest=6).shape == (3, 6, 7)
    assert tiles.padded(made, 8) is made
