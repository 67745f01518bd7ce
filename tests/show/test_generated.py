"""Sheets of generated pictures, score maps on them, frequency plots, and the album of a training."""

import matplotlib
import numpy as np
import pytest
import torch
from torch import nn

from lecturekit import show
from lecturekit.layers.gan import PatchGAN
from lecturekit.show import diagrams, generated
from lecturekit.training import train

matplotlib.use("agg")
torch.set_num_threads(1)


def flat(value, side=8):
    return torch.full((3, side, side), float(value))


class TestSheet:
    def test_every_picture_is_where_its_row_and_column_are(self):
        sheet = generated.sheet([[flat(0), flat(1)], [flat(0.5), None]], size=32)
        pixels = np.asarray(sheet)
        middle = [(3 + 16 + row * 35, 3 + 16 + column * 35) for row in (0, 1) for column in (0, 1)]
        assert [pixels[place][0] for place in middle] == [0, 255, 128, 255], "a gap is white"
        assert sheet.size == (3 + 2 * 35, 3 + 2 * 35)

    def test_words_take_room_of_their_own(self):
        rows = [[flat(0)], [flat(0)]]
        bare = generated.sheet(rows, size=64)
        named = generated.sheet(rows, ["one", "two"], ["title"], notes=[["a\nb"], [""]], size=64)
        assert named.width > bare.width
        assert named.height > bare.height
        black = (np.asarray(named)[..., 0] == 0).sum(), (np.asarray(bare)[..., 0] == 0).sum()
        assert black[0] >= black[1], "no word lies on a picture"

    def test_small_pictures_show_their_pixels_unless_smooth(self):
        checked = (torch.arange(8)[:, None] + torch.arange(8)) % 2
        picture = checked.float().expand(3, 8, 8)
        levels = [len(np.unique(generated.sheet([[picture]], size=64, smooth=s))) for s in (False, True)]
        assert levels[0] == 2
        assert levels[1] > 10

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"names": ["a"]}, "names: got 1 for 2 rows"),
            ({"titles": ["a", "b"]}, "titles: got 2 for 1 columns"),
            ({"notes": [["a"]]}, "notes: got 1 for 2 rows"),
        ],
    )
    def test_words_that_do_not_fit_are_refused(self, given, words):
        with pytest.raises(ValueError, match=words):
            generated.sheet([[flat(0)], [flat(0)]], **given)


def test_closest_are_the_nearest_by_brute_force():
    generator = torch.Generator().manual_seed(0)
    pictures, others = (torch.rand(n, 1, 4, 4, generator=generator) for n in (5, 9))
    found = generated.closest(pictures, others, 3)
    for k, picture in enumerate(pictures):
        distances = [float(((picture - other) ** 2).sum()) for other in others]
        assert found[k].tolist() == sorted(range(9), key=distances.__getitem__)[:3]


@pytest.mark.parametrize(("layers", "stride"), [(1, 2), (2, 4), (3, 8)])
def test_a_field_lies_around_the_middle_of_its_patch(layers, stride):
    """By an oracle: the pixels whose change a logit feels, found by autograd."""
    size, row, column = 128, 4, 7
    picture = torch.zeros(1, 3, size, size, requires_grad=True)
    network = PatchGAN(3, width=4, layers=layers).model
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    for layer in convolutions:
        nn.init.constant_(layer.weight, 1.0)
    made = nn.Sequential(*convolutions)(picture)[0, 0]  # without norms, in which every pixel has a say
    made[row, column].backward()
    felt = picture.grad[0].abs().sum(0).nonzero()
    (top, left), (bottom, right) = felt.amin(0).tolist(), felt.amax(0).tolist()
    west, east, south, north = generated.fields((size, size), made.shape)
    assert (east - west) / made.shape[1] == stride
    assert north + (row + 0.5) * stride == (top + bottom) / 2
    assert west + (column + 0.5) * stride == (left + right) / 2
    assert (south - north) / made.shape[0] == stride


def test_verdicts_lay_each_map_over_its_picture():
    maps = [torch.full((6, 6), 0.25), torch.rand(6, 6)]
    fig = generated.verdicts([flat(0, 32), flat(1, 32)], maps, ["a", "b"])
    below = fig.axes[2:4]
    for ax, score in zip(below, maps, strict=True):
        assert np.allclose(ax.images[1].get_array(), score)
        assert ax.get_xlim() == (-0.5, 31.5)
    assert below[0].get_title() == "on average 0.25"


def test_spectra_draw_what_is_measured():
    from lecturekit.metrics.images import spectrum

    noise = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    fig = generated.spectra({"made": 0.5 * noise, "truth": noise}, bins=8)
    lines = {line.get_label(): line for line in fig.axes[0].lines}
    assert np.allclose(lines["truth"].get_ydata(), spectrum(noise, 8)[1])
    assert np.allclose(4 * lines["made"].get_ydata(), lines["truth"].get_ydata(), rtol=1e-4)


@pytest.mark.parametrize("name", ["conditional_gan", "pix2pix", "cyclegan"])
def test_the_diagrams_keep_inside_their_frame(name):
    ax = getattr(diagrams, name)().axes[0]
    for text in ax.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= ax.bbox.x1
        assert box.y1 <= ax.bbox.y1


class Duel(nn.Module):
    """Two players of one weight each; makes a picture of its generator's weight."""

    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = nn.Linear(1, 1, bias=False), nn.Linear(1, 1)

    def players(self):
        return {"discriminator": self.discriminator, "generator": self.generator}

    def losses(self, batch, player):
        made = self.generator(batch + torch.rand_like(batch))
        return {"loss": self.discriminator(made).square().mean()}

    def draw(self):
        torch.rand(1)  # a picture that asks for random numbers
        return flat(self.generator.weight.detach().sigmoid())


class TestSnapshots:
    def test_a_picture_before_and_after_every_so_many_steps(self):
        model = Duel()
        with show.snapshots(model, model.draw, every=3) as album:
            train(model, torch.ones(8, 1), steps=7, batch_size=2, progress=False)
            other = Duel()
            train(other, torch.ones(8, 1), steps=7, batch_size=2, progress=False)
        assert list(album.pictures) == [0, 3, 6], "another model's steps don't count"
        assert bytes(album.screen.value).startswith(b"\x89PNG")
        train(model, torch.ones(8, 1), steps=7, batch_size=2, progress=False)
        assert len(album.pictures) == 3, "the hook is gone"

    def test_looking_changes_nothing(self):
        weights = []
        for watched in (False, True):
            torch.manual_seed(0)
            model = Duel()
            if watched:
                with show.snapshots(model, model.draw, every=1):
                    train(model, torch.ones(8, 1), steps=5, batch_size=2, progress=False)
            else:
                train(model, torch.ones(8, 1), steps=5, batch_size=2, progress=False)
            weights.append(model.generator.weight.item())
        assert weights[0] == weights[1]

    def test_nothing_every_zero_steps(self):
        with pytest.raises(ValueError, match="every"), show.snapshots(Duel(), flat, every=0):
            pass
