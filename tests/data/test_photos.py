"""Photographs in two sizes: what is held out, how they shrink, patches, and the user's own folder."""

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as scikit_image
from sklearn.datasets import load_sample_image

from lecturekit.data import FolderPatches, FolderPhotos, Photographs, PhotoPatches
from lecturekit.data.photos import HELD_OUT, LARGEST, TRAINING, photograph


def test_held_out_photographs_are_none_of_training():
    assert len(HELD_OUT) >= 4
    assert set(HELD_OUT) & set(TRAINING) == set()
    assert Photographs("val").names == HELD_OUT
    assert Photographs("train").names == TRAINING


def test_photographs_are_the_libraries_own():
    astronaut = torch.from_numpy(scikit_image.astronaut()).permute(2, 0, 1).float() / 255
    assert torch.equal(photograph("astronaut"), astronaut)
    china = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1).float() / 255
    assert torch.equal(photograph("china"), china[:, : 427 // 4 * 4])
    camera = photograph("camera")
    assert torch.equal(camera[0], camera[2])
    assert np.array_equal((camera[0] * 255).round().numpy(), scikit_image.camera())
    with pytest.raises(ValueError, match=r"name must be one of astronaut, .*got 'lena'"):
        photograph("lena")


@pytest.mark.parametrize("part", ["val", "train"])
def test_every_photograph_comes_in_two_sizes_of_its_own(part):
    for small, large in Photographs(part):
        assert large.shape[0] == small.shape[0] == 3
        assert tuple(large.shape[1:]) == tuple(4 * side for side in small.shape[1:])
        assert max(large.shape[1:]) <= LARGEST
        assert 0 <= small.min() < small.max() <= 1
        large.fill_(9)  # and that's nobody else's picture
    assert Photographs(part)[0][1].max() <= 1


def test_the_small_size_is_pillows_bicubic():
    small, large = Photographs("val")[1]
    pixels = Image.fromarray((large * 255).round().byte().permute(1, 2, 0).numpy())
    theirs = np.asarray(pixels.resize((small.shape[2], small.shape[1]), Image.Resampling.BICUBIC))
    error = np.abs((small.permute(1, 2, 0) * 255).numpy() - theirs)
    assert error.max() < 1.6  # Pillow rounds twice
    assert error.mean() < 0.4


def test_patches_are_a_function_of_their_seed():
    data = PhotoPatches(first=30_000_000, count=20, size=64)
    again = PhotoPatches(first=30_000_005, count=3, size=64)
    for i in range(20):
        small, large = data[i]
        assert (small.shape, large.shape) == ((3, 16, 16), (3, 64, 64))
        assert 0 <= small.min() <= large.max() <= 1
    assert torch.equal(data[5][1], again[0][1])
    assert torch.equal(data[7][0], again[2][0])
    assert not torch.equal(data[5][1], data[6][1])
    with pytest.raises(IndexError):
        data[20]


def test_patches_are_cut_out_of_the_training_photographs():
    """Those at full size lie in one of them, turned or not, pixel by pixel; none lies in a held-out one."""
    found = 0
    for i in range(6):
        _, large = PhotoPatches(first=30_000_000, count=6, size=32, town=0.0)[i]
        found += any(lies_in(turned, photograph(name)) for name in TRAINING for turned in guises(large))
        assert not any(lies_in(turned, photograph(HELD_OUT[i % 4])) for turned in guises(large))
    assert found >= 3  # the others are at half size


def guises(patch):
    return [torch.rot90(x, k, (1, 2)) for x in (patch, patch.flip(2)) for k in range(4)]


def lies_in(patch, picture):
    """Whether the patch lies somewhere in the picture, found by its corners' colours."""
    size = patch.shape[1]
    rows, columns = (side - size + 1 for side in picture.shape[1:])
    same = torch.ones(rows, columns, dtype=torch.bool)
    for y, x in ((0, 0), (size - 1, size - 1), (0, size - 1), (size // 2, size // 3)):
        for channel in range(3):
            same &= picture[channel, y : y + rows, x : x + columns] == patch[channel, y, x]
        if not same.any():
            return False
    places = same.nonzero()[:50].tolist()
    return any(torch.equal(picture[:, y : y + size, x : x + size], patch) for y, x in places)


@pytest.mark.parametrize("size", [15, 66, 132, 12])
def test_sizes_that_do_not_shrink_are_answered(size):
    with pytest.raises(ValueError, match=f"size must be a multiple of 4 in 16..128 pixels, got {size}"):
        PhotoPatches(size=size)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, (height, width) in {"b.png": (70, 90), "a.JPG": (900, 300), "c.jpeg": (64, 64)}.items():
        form = None if name == "b.png" else "JPEG"
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(tmp_path / name, form)
    (tmp_path / "readme.txt").write_text("no picture")
    return tmp_path


def test_a_folder_of_ones_own(folder):
    data = FolderPhotos(folder)
    assert [file.name for file in data.files] == ["a.JPG", "b.png", "c.jpeg"]
    shapes = [tuple(large.shape[1:]) for _, large in data]
    assert shapes == [(720, 240), (68, 88), (64, 64)]
    assert all(tuple(4 * s for s in small.shape[1:]) == tuple(large.shape[1:]) for small, large in data)
    pixels = np.asarray(Image.open(folder / "b.png")).transpose(2, 0, 1)[:, :68, :88]
    assert np.array_equal((data[1][1] * 255).round().numpy(), pixels)


def test_patches_of_a_folder_of_ones_own(folder):
    patches = FolderPatches(first=3, count=30, size=64, root=folder)
    photos = [large for _, large in FolderPhotos(folder)]
    for small, large in patches:
        assert (small.shape, large.shape) == ((3, 16, 16), (3, 64, 64))
    assert any(lies_in(g, p) for _, large in patches for p in photos for g in guises(large))
    assert torch.equal(patches[4][1], FolderPatches(first=7, count=1, size=64, root=folder)[0][1])


def test_folders_that_will_not_do_are_answered(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root: .*gone is no folder"):
        FolderPhotos(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"root: .*empty holds no pictures \(\.jpg, \.jpeg, \.png\)"):
        FolderPatches(root=tmp_path / "empty")
    with pytest.raises(ValueError, match=r"b.png is too small: 90 x 70 pixels, 128 x 128 are needed"):
        FolderPatches(root=folder, size=128)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "x.png").write_text("no picture")
    with pytest.raises(ValueError, match=r"x.png is no picture"):
        FolderPhotos(tmp_path / "broken")[0]
