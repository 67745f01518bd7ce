"""Digits: scikit-learn's own arrays, divided once and for all; MNIST where the user has it."""

import struct

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from lecturekit.data import Digits, Mnist

THEIRS = load_digits()


def test_parts_are_scikit_learns_digits_without_overlap():
    train, val = Digits("train"), Digits("val")
    assert (len(train), len(val)) == (1438, 359)
    held_out = np.arange(1797) % 5 == 4
    for part, chosen in ((train, ~held_out), (val, held_out)):
        images, labels = part.all()
        assert np.array_equal(images[:, 0].numpy() * 16, THEIRS.images[chosen])
        assert np.array_equal(labels.numpy(), THEIRS.target[chosen])
        assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
        assert set(labels.tolist()) == set(range(10))
        assert 0 == images.min() < images.max() == 1


def test_no_held_out_digit_is_trained_on_in_another_guise():
    train, val = (Digits(part).all()[0].flatten(1) for part in ("train", "val"))
    assert torch.cdist(val, train).min() > 0


def test_samples_are_those_of_the_whole():
    data = Digits("val")
    images, labels = data.all()
    for i in (0, 7, 358):
        image, label = data[i]
        assert image.shape == (1, 8, 8)
        assert torch.equal(image, images[i])
        assert label == int(labels[i])
    assert len(list(data)) == 359  # a loop ends
    assert data.class_names == tuple("0123456789")
    assert repr(data) == "Digits(part='val')"


def test_a_changed_sample_changes_nobody_elses():
    Digits("val")[3][0].fill_(9)
    assert Digits("val")[3][0].max() <= 1


def test_an_unknown_part_is_answered():
    for make in (Digits, lambda part: Mnist("/", part)):
        with pytest.raises(ValueError, match="part must be one of train, val, got 'test'"):
            make("test")


def test_mnist_is_read_from_torchvisions_layout(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    counts = {"train": 6, "t10k": 4}
    pixels = {}
    for part, count in counts.items():
        pixels[part] = np.random.default_rng(count).integers(0, 256, (count, 28, 28), np.uint8)
        head = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + pixels[part].tobytes())
        labels = struct.pack(">II", 0x801, count) + bytes(range(count))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(labels)
    for part, name in (("train", "train"), ("val", "t10k")):
        data = Mnist(tmp_path, part)
        images, labels = data.all()
        assert len(data) == counts[name]
        assert np.array_equal((images[:, 0] * 255).round().numpy(), pixels[name])
        assert labels.tolist() == list(range(counts[name]))
        assert torch.equal(data[2][0], images[2])
        assert data[2][1] == 2


def test_missing_mnist_is_answered_and_not_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root: no MNIST in .*MNIST.raw with its four files"):
        Mnist(tmp_path)
    assert list(tmp_path.iterdir()) == []
