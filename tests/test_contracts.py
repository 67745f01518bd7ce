"""What every detector of the catalogue promises, whatever its paper: the same tests run over all of them."""

import copy
import dataclasses
import math
import re

import pytest
import torch

from lecturekit import recipes
from lecturekit.data import collate

DETECTORS = [name for name in recipes.names() if recipes.entry(name).lecture != "cgan"]


@pytest.fixture(scope="module", params=DETECTORS)
def system(request):
    """A recipe and its freshly made tiny model; tests that train work on a copy."""
    torch.manual_seed(0)
    recipe = recipes.get(request.param)
    return recipe, recipe.model()


@pytest.fixture
def model(system):
    torch.manual_seed(1)
    return copy.deepcopy(system[1]).train()


@pytest.fixture
def batch(system):
    """batch(0, 1): images and targets of these contract scenes, drawn as the recipe's own data are."""
    scenes = dataclasses.replace(system[0].train, first=30_000_000, count=8, size=96)
    return lambda *indices: collate([picture(scenes[i]) for i in indices])


def picture(sample):
    """A sample as one (image, target), of a clip the first frame: a batch is of unrelated pictures."""
    return sample[0] if isinstance(sample, list) else sample


def empty(target):
    """The same target with all of its objects taken away."""
    n = len(target["labels"])
    return {k: v[:0] if torch.is_tensor(v) and v.ndim and len(v) == n else v for k, v in target.items()}


def same(a, b, tolerance=0.0):
    """Whether two lists of predictions agree, tensor by tensor."""
    assert [p.keys() for p in a] == [p.keys() for p in b]
    return all(
        p[k].shape == q[k].shape and torch.allclose(p[k].float(), q[k].float(), rtol=0, atol=tolerance)
        for p, q in zip(a, b, strict=True)
        for k in p
        if torch.is_tensor(p[k])
    )


def test_losses_are_named_finite_scalars_and_reach_every_parameter(model, batch):
    losses = model(*batch(*range(4)))
    assert losses
    assert all(isinstance(name, str) and v.shape == () and bool(v.isfinite()) for name, v in losses.items())
    sum(losses.values()).backward()
    without = [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None]
    still = [
        n for n, p in model.named_parameters() if p.requires_grad and p.grad is not None and not p.grad.any()
    ]
    assert without == []
    assert still == [], "these parameters get a gradient of nothing but zeros"
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("which", ["one", "all"])
def test_pictures_without_objects_are_legal_in_training(model, which, batch):
    images, targets = batch(0, 1)
    targets = [empty(targets[0]), targets[1] if which == "one" else empty(targets[1])]
    losses = model(images, targets)
    assert all(math.isfinite(v) for v in losses.values())
    sum(losses.values()).backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []


def test_pictures_of_differing_and_odd_sizes(system, model):
    scenes = [
        dataclasses.replace(system[0].train, first=30_000_000 + i, count=1, size=size)
        for i, size in enumerate([(97, 131), 64, 33])
    ]
    images, targets = collate([picture(one[0]) for one in scenes])
    assert all(math.isfinite(v) for v in model(images, targets).values())
    predictions = model.eval()(images)
    assert len(predictions) == 3
    for image, prediction in zip(images, predictions, strict=True):
        height, width = image.shape[-2:]
        boxes, n = prediction["boxes"], len(prediction["labels"])
        assert boxes.shape == (n, 4)
        assert prediction["scores"].shape == (n,)
        assert (boxes >= 0).all()
        assert (boxes[:, 2:] <= torch.tensor([width, height])).all()
        if "masks" in prediction:
            assert prediction["masks"].shape == (n, 1, height, width)
            assert ((prediction["masks"] >= 0) & (prediction["masks"] <= 1)).all()
        if "keypoints" in prediction:
            assert prediction["keypoints"].shape == (n, *targets[0]["keypoints"].shape[1:])
            assert prediction["keypoints_scores"].shape == prediction["keypoints"].shape[:2]


def test_one_batch_overfits(system, model, batch):
    images, targets = batch(0, 1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=system[0].lr)
    history = []
    for _ in range(60):
        loss = sum(model(images, targets).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(float(loss.detach()))
    assert sum(history[-5:]) < 0.5 * sum(history[:5]), (history[:5], history[-5:])


def test_save_and_load_give_the_same_outputs(system, model, tmp_path, batch):
    images, _ = batch(2, 3)
    before = model.eval()(images)
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    torch.manual_seed(99)
    other = system[0].model()
    other.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    assert same(before, other.eval()(images))


def test_the_same_seed_gives_the_same_model_losses_and_predictions(system, batch):
    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        model = system[0].model().train()
        losses = {k: float(v) for k, v in model(*batch(0, 1)).items()}
        runs.append((losses, model.eval()(batch(2)[0])))
    assert runs[0][0] == runs[1][0]
    assert same(runs[0][1], runs[1][1])


def test_a_picture_is_seen_alike_alone_and_in_a_batch(model, batch):
    images, _ = batch(2, 3)
    model.eval()
    if hasattr(model, "step"):  # a list is a clip: what comes later doesn't change what was seen before
        assert same(model(images)[:1], model(images[:1]), tolerance=1e-4)
    else:
        assert same(model(images)[1:], model(images[1:]), tolerance=1e-4)


def test_a_clip_is_seen_alike_whole_and_frame_by_frame(model, batch):
    if not hasattr(model, "step"):
        pytest.skip("sees pictures, not clips")
    images, _ = batch(0, 1, 2)
    model.eval()
    state, predictions = None, []
    for frame in images:
        prediction, state = model.step(frame, state)
        predictions.append(prediction)
    assert same(model(images), predictions)


def test_eval_leaves_pictures_and_targets_as_they_were(model, batch):
    images, targets = batch(0, 1)
    kept = copy.deepcopy((images, targets))
    model(images, targets)
    model.eval()(images)
    assert all(torch.equal(a, b) for a, b in zip(images, kept[0], strict=True))
    assert all(
        torch.equal(t[k], s[k])
        for t, s in zip(targets, kept[1], strict=True)
        for k in t
        if torch.is_tensor(t[k])
    )


def with_box(target, box):
    return {**target, "boxes": torch.cat([torch.tensor([box]), target["boxes"][1:]])}


def with_label(target, label):
    return {**target, "labels": torch.cat([torch.tensor([label]), target["labels"][1:]])}


MISTAKES = {
    "channels last": (lambda i, t: (i.permute(1, 2, 0), t), r"images\[0\].*\[3, ?H, ?W\].*96"),
    "bytes": (lambda i, t: ((i * 255).byte(), t), r"images\[0\].*uint8"),
    "0 to 255": (lambda i, t: (i * 255, t), r"images\[0\].*0\.\.1"),
    "one channel": (lambda i, t: (i[:1], t), r"images\[0\].*\[3, ?H, ?W\]"),
    "no batch of tensors": (lambda i, t: (i.numpy(), t), r"images\[0\].*ndarray"),
    "box turned round": (lambda i, t: (i, with_box(t, [40.0, 10.0, 20.0, 30.0])), r"targets\[0\].*boxes.*x2"),
    "label too large": (lambda i, t: (i, with_label(t, 99)), r"targets\[0\].*labels.*99"),
    "label of the background": (lambda i, t: (i, with_label(t, 0)), r"targets\[0\].*labels.*0"),
    "boxes missing": (lambda i, t: (i, {k: v for k, v in t.items() if k != "boxes"}), r"targets\[0\].*boxes"),
    "labels too few": (lambda i, t: (i, {**t, "labels": t["labels"][1:]}), r"targets\[0\].*labels"),
    "masks of another size": (
        lambda i, t: (i, {**t, "masks": t["masks"][:, ::2]}),
        r"targets\[0\].*masks.*96",
    ),
    "keypoints too few": (
        lambda i, t: (i, {**t, "keypoints": t["keypoints"][:, 1:]}),
        r"targets\[0\].*keypoints.*17.*16",
    ),
}
LEARNT_FROM = {"masks of another size": "loss_mask", "keypoints too few": "loss_keypoint"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_answered_by_name(model, mistake, batch):
    change, words = MISTAKES[mistake]
    images, targets = batch(0, 1)
    loss = LEARNT_FROM.get(mistake)
    if loss and loss not in model(images, targets):
        pytest.skip(f"has no {loss}: that part of the targets is not looked at")
    image, target = change(images[0], targets[0])
    with pytest.raises(ValueError, match=re.compile(words, re.DOTALL)):
        model([image, images[1]], [target, targets[1]])


def test_training_without_targets_and_uneven_lists_are_answered(model, batch):
    images, targets = batch(0, 1)
    with pytest.raises(ValueError, match="targets"):
        model(images)
    with pytest.raises(ValueError, match=r"targets.*1.*2|2.*1"):
        model(images, targets[:1])


def test_tiny_and_paper_are_one_class_and_differ_in_size_alone(system):
    recipe, tiny = system
    with torch.device("meta"):
        paper = recipe.paper_model()
    assert type(paper) is type(tiny)
    assert sum(p.numel() for p in tiny.parameters()) < 1_250_000  # 2.5 MB in float16
    assert sum(p.numel() for p in paper.parameters()) > 10 * sum(p.numel() for p in tiny.parameters())


def test_a_foreign_checkpoint_is_refused_by_its_keys(system):
    with torch.device("meta"):
        cls = type(system[0].paper_model())
    with pytest.raises(ValueError, match=r"(?s)missing.*unexpected"):
        cls.from_official({"not.a.key": torch.zeros(3)})
