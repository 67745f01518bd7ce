"""Judges and their metrics: against scikit-learn and brute force; shipped judges read what is held out."""

import itertools
import math

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from sklearn.metrics import accuracy_score, jaccard_score
from sklearn.neighbors import NearestNeighbors

from lecturekit import zoo
from lecturekit.cgan.conditional_gan import ConditionalGAN
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.data import Digits, TownMaps
from lecturekit.metrics import judges
from lecturekit.metrics.judges import (
    JUDGES,
    conditional_accuracy,
    copies,
    diversity,
    judge,
    nearest,
    segmentation_metrics,
)

SHIPPED = [name for name in JUDGES if name in zoo.extras()]
needs_digits = pytest.mark.skipif("digit_judge" not in SHIPPED, reason="the judge is not shipped yet")


@pytest.mark.parametrize("classes", [3, 10])
def test_segmentation_is_scored_as_scikit_learn_does(classes):
    rng = np.random.default_rng(classes)
    truth = rng.integers(0, classes - 1, (4, 20, 30))  # the last class is neither true nor seen
    seen = np.where(rng.random(truth.shape) < 0.7, truth, rng.integers(0, classes - 1, truth.shape))
    found = segmentation_metrics(torch.from_numpy(seen), torch.from_numpy(truth), classes)
    assert found["pixel_accuracy"] == pytest.approx(accuracy_score(truth.ravel(), seen.ravel()))
    assert found["mean_iou"] == pytest.approx(jaccard_score(truth.ravel(), seen.ravel(), average="macro"))


def test_segmentation_of_what_is_seen_but_not_there_counts_as_nothing():
    truth, seen = torch.zeros(1, 2, 2, dtype=torch.int64), torch.tensor([[[0, 0], [0, 2]]])
    assert segmentation_metrics(seen, truth, 5) == {"pixel_accuracy": 0.75, "mean_iou": 0.375}
    assert segmentation_metrics(truth, truth, 5) == {"pixel_accuracy": 1.0, "mean_iou": 1.0}
    with pytest.raises(ValueError, match=r"seen has shape \(1, 2\), truth has \(2, 1\)"):
        segmentation_metrics(torch.zeros(1, 2), torch.zeros(2, 1), 3)


def test_nearest_neighbours_are_scikit_learns():
    a, b = (torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(n)) for n in (20, 50))
    theirs, _ = NearestNeighbors(n_neighbors=1).fit(b.flatten(1)).kneighbors(a.flatten(1))
    assert np.allclose(nearest(a, b).numpy(), theirs[:, 0], atol=1e-4)


def test_copies_are_found_out():
    real, held_out = (torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    assert copies(real[:10], real, held_out) == pytest.approx(0, abs=1e-3)
    assert copies(held_out, real, held_out) == pytest.approx(1)
    assert copies(torch.full((5, 1, 8, 8), 9.0), real, held_out) > 5


@needs_digits
def test_diversity_by_brute_force():
    real, truth = Digits("val").all()
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([3, 3, 3, 8, 8, 8, 8])
    pictures = torch.rand(7, 1, 8, 8, generator=generator)

    def spread(x):
        features = judge("digit_judge").features(x).detach()
        pairs = [float((a - b).norm()) for a, b in itertools.combinations(features, 2)]
        return sum(pairs) / len(pairs)

    own = spread(pictures[:3]) + spread(pictures[3:])
    theirs = spread(real[truth == 3]) + spread(real[truth == 8])
    assert diversity(pictures, labels, real, truth) == pytest.approx(own / theirs, rel=1e-4)
    assert diversity(real, truth, real, truth) == pytest.approx(1)
    same = real[[0]].expand(10, -1, -1, -1)
    assert diversity(same, torch.zeros(10, dtype=torch.int64), real, truth) == pytest.approx(0, abs=1e-4)
    with pytest.raises(ValueError, match="two or more of class 3 are needed, got 1"):
        diversity(pictures[2:], labels[2:], real, truth)


@needs_digits
def test_accuracy_is_of_the_labels_asked_for():
    images, labels = Digits("val").all()
    assert conditional_accuracy(images, labels) >= 0.95
    assert conditional_accuracy(images, (labels + 1) % 10) < 0.05
    with pytest.raises(ValueError, match=r"images \[N,1,8,8\] and labels \[N\] are expected"):
        conditional_accuracy(images, labels[1:])


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_judges_are_right_in_95_of_100_held_out_pictures(name):
    told = zoo.card(name)["metrics"]
    assert told.get("accuracy", told.get("pixel_accuracy")) >= 0.95
    model = judge(name)
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    if name == "digit_judge":
        return  # see test_accuracy_is_of_the_labels_asked_for
    data = TownMaps(first=10_500_000, count=20)
    if name == "town_segmenter":
        pairs = [(judges.read(picture[None])[0], semantic) for picture, semantic, _ in data]
        seen, truth = (torch.stack(maps) for maps in zip(*pairs, strict=True))
        assert segmentation_metrics(seen, truth, 10)["pixel_accuracy"] >= 0.93
    else:
        right = [bool(judges.by_night(picture[None])) == bool(night) for picture, _, night in data]
        assert sum(right) >= 19


@pytest.mark.parametrize(
    ("name", "shape", "answer"),
    [
        ("digit_judge", (2, 1, 8, 8), (2, 10)),
        ("town_segmenter", (2, 3, 64, 48), (2, 10, 64, 48)),
        ("daylight_judge", (2, 3, 64, 48), (2,)),
    ],
)
def test_untrained_judges_answer_and_learn(name, shape, answer):
    torch.manual_seed(0)
    model, pictures = JUDGES[name](), torch.rand(shape)
    assert model(pictures).shape == answer
    labels = torch.randint(0, 10, (2,)) if name == "digit_judge" else torch.randint(0, 10, (2, *shape[2:]))
    batch = (pictures, labels) if name == "digit_judge" else (pictures, labels, torch.tensor([0, 1]))
    losses = model.losses(batch)
    assert all(math.isfinite(v.detach()) for v in losses.values())
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_judges_are_built_unlike_any_discriminator():
    """Group norm and GELU here; batch or instance norm, LeakyReLU or maxout there."""
    kinds = {type(m).__name__ for make in JUDGES.values() for m in make().modules()}
    theirs = {
        type(m).__name__ for make in (ConditionalGAN, Pix2Pix) for m in make.tiny().discriminator.modules()
    }
    shared = kinds & theirs
    assert shared <= {"Conv2d", "Linear", "Dropout", "Sequential", "ModuleList"}


def test_missing_and_unknown_judges_are_answered(monkeypatch, tmp_path):
    with pytest.raises(ValueError, match=r"judge must be one of digit_judge, .*got 'critic'"):
        judge("critic")
    monkeypatch.setattr(judges, "WEIGHTS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"digit_judge.safetensors"):
        judge.__wrapped__("digit_judge")
    torch.manual_seed(0)
    model = JUDGES["digit_judge"]()
    save_file({k: v.half() for k, v in model.state_dict().items()}, tmp_path / "digit_judge.safetensors")
    assert judge.__wrapped__("digit_judge").head.weight.dtype == torch.float32
