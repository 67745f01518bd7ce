"""Masks that compete in one softmax: loss and masks against plain formulas, and the experiment."""

import math

import pytest
import torch

from lecturekit import claims
from lecturekit.claims.instance.competition import (
    CLAIM,
    ClassAgainstBackground,
    CompetingMasks,
    multinomial_loss,
)
from lecturekit.instance.mask_rcnn import MaskRCNN


def test_loss_is_the_cross_entropy_of_hard_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 4, 6, 6, generator=generator)
    labels = torch.tensor([1, 3, 2, 2, 1])
    masks = (torch.rand(5, 6, 6, generator=generator) > 0.5).float()
    truth = (masks * labels[:, None, None]).long()  # its class inside, 0 outside
    expected = torch.nn.functional.cross_entropy(logits, truth)
    assert multinomial_loss(logits, labels, masks).item() == pytest.approx(expected.item(), rel=1e-5)


def test_loss_of_a_soft_pixel_by_hand():
    shares = torch.tensor([0.5, 0.2, 0.3])  # background, class 1, class 2
    logits = shares.log()[None, :, None, None] + 7
    masks = torch.full((1, 1, 1), 0.25)
    expected = -(0.25 * math.log(0.3) + 0.75 * math.log(0.5))
    assert multinomial_loss(logits, torch.tensor([2]), masks).item() == pytest.approx(expected, rel=1e-5)
    assert multinomial_loss(logits[:0], torch.tensor([], dtype=torch.int64), masks[:0]) == 0


def test_a_mask_is_its_class_share_of_the_softmax():
    torch.manual_seed(0)
    model = CompetingMasks.tiny().eval()
    with torch.no_grad():
        features = model.backbone(torch.rand(1, 3, 64, 64))
        rois = torch.tensor([[0.0, 4, 4, 40, 40], [0, 10, 10, 60, 30], [0, 0, 0, 64, 64]])
        logits = model.draw(features, rois) * 5
        model.draw = lambda features, rois: logits
        masks = [model.mask_branch(features, rois, torch.full((3,), c)).sigmoid() for c in range(7)]
    e = logits.double().exp()
    for c, mask in enumerate(masks):
        torch.testing.assert_close(mask.double(), e[:, c] / e.sum(1), atol=1e-5, rtol=1e-4)
    assert sum(masks).sub(1).abs().max() < 1e-4
    assert (sum((mask > 0.5).int() for mask in masks) <= 1).all()


def test_left_out_classes_change_nothing():
    torch.manual_seed(0)
    model = ClassAgainstBackground.tiny().eval()
    with torch.no_grad():
        features = model.backbone(torch.rand(1, 3, 64, 64))
        rois, labels = torch.tensor([[0.0, 4, 4, 40, 40]]), torch.tensor([2])
        logits = model.draw(features, rois)
        before = model.mask_branch(features, rois, labels).sigmoid()
        logits[:, 3:] += 5
        model.draw = lambda features, rois: logits
        torch.testing.assert_close(model.mask_branch(features, rois, labels).sigmoid(), before)
    e = logits.exp()
    torch.testing.assert_close(before, e[:, 2] / (e[:, 0] + e[:, 2]))


def test_only_the_mask_loss_differs():
    torch.manual_seed(0)
    ours = MaskRCNN.tiny()
    rival = CompetingMasks.tiny()
    rival.load_state_dict(ours.state_dict())
    image = torch.rand(3, 64, 64)
    masks = torch.zeros(1, 64, 64, dtype=torch.uint8)
    masks[:, 10:40, 10:40] = 1
    target = {"boxes": torch.tensor([[10.0, 10, 40, 40]]), "labels": torch.tensor([2]), "masks": masks}
    losses = []
    for model in (ours, rival):
        torch.manual_seed(1)
        losses.append(model.train()([image], [target]))
    assert losses[0].keys() == losses[1].keys()
    for name in losses[0]:
        assert (losses[0][name] == losses[1][name]).item() == (name != "loss_mask")
    losses[1]["loss_mask"].backward()
    assert all(p.grad.abs().sum() > 0 for p in rival.roi_heads["mask_head"].parameters())


def test_a_picture_without_objects_has_no_mask_loss():
    model = CompetingMasks.tiny()
    nothing = {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 64, 64, dtype=torch.uint8),
    }
    assert model([torch.rand(3, 64, 64)], [nothing])["loss_mask"] == 0


@pytest.mark.slow
def test_the_experiment_runs_from_end_to_end_and_resumes(tmp_path):
    run = {"seeds": range(2), "folder": tmp_path, "progress": False, "steps": 2, "held_out": 2, "tuning": 2}
    first = CLAIM.experiment(**run)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert len(files) == 3 * (3 + 2)
    assert CLAIM.experiment(**run) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")} == files
    assert claims.judge(CLAIM, first)["verdict"] in {"shown", "not shown", "contradicted"}
    arms = {"sigmoid", "softmax", "softmax, class against background"}
    assert first["protocol"]["learning rate chosen"].keys() == arms
