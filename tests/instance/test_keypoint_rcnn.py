"""The keypoint branch: what its tiny size must do, and its parts against torchvision's."""

import copy

import pytest
import torch
from torchvision.models.detection import KeypointRCNN as TheirKeypointRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.keypoint_rcnn import KeypointRCNNHeads, KeypointRCNNPredictor
from torchvision.models.detection.roi_heads import (
    heatmaps_to_keypoints,
    keypointrcnn_loss,
    keypoints_to_heatmap,
)
from torchvision.ops import MultiScaleRoIAlign

from lecturekit.instance.keypoint_rcnn import KeypointRCNN, find_keypoints, keypoint_cells, keypoint_loss

torch.set_num_threads(1)


def crosses(height=128, width=128, n=2, seed=0, number=17):
    """A picture of bright boxes on noise; keypoint k is a coloured dot at the k-th place of its box."""
    generator = torch.Generator().manual_seed(seed)
    image = 0.2 * torch.rand(3, height, width, generator=generator)
    boxes, points = [], []
    for i in range(n):
        w, h = (torch.rand(2, generator=generator) * torch.tensor([0.2, 0.3]) + 0.25).tolist()
        x, y = (i + 0.1) / n * width, torch.rand(1, generator=generator).item() * 0.4 * height
        x1, y1, x2, y2 = int(x), int(y), min(width, int(x + w * width)), min(height, int(y + h * height))
        image[:, y1:y2, x1:x2] = 0.6
        own = []
        for k in range(number):
            px = x1 + (x2 - x1) * (k % 4 + 0.5) / 4
            py = y1 + (y2 - y1) * (k // 4 + 0.5) / 5
            image[:, int(py), int(px)] = 0.1
            image[k % 3, int(py), int(px)] = 1.0
            own.append([int(px) + 0.5, int(py) + 0.5, 1 + k % 2])
        boxes.append([x1, y1, x2, y2])
        points.append(own)
    return image, {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.ones(n, dtype=torch.int64),
        "keypoints": torch.tensor(points, dtype=torch.float32).reshape(-1, number, 3),
    }


@pytest.fixture
def model():
    torch.manual_seed(0)
    return KeypointRCNN.tiny()


def random_rois(n, seed, side=60):
    generator = torch.Generator().manual_seed(seed)
    corners = torch.rand(n, 2, generator=generator) * 80
    sides = torch.rand(n, 2, generator=generator) * side + 0.3
    return torch.cat((corners, corners + sides), dim=1)


# --- parts ---


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_cells_are_torchvisions(seed):
    generator = torch.Generator().manual_seed(seed)
    boxes = random_rois(20, seed)
    place = torch.rand(20, 17, 2, generator=generator) * 1.4 - 0.2
    points = boxes[:, None, :2] + place * (boxes[:, None, 2:] - boxes[:, None, :2])
    points[:, 0], points[:, 1], points[:, 2, 0] = boxes[:, 2:], boxes[:, :2], boxes[:, 2]
    visibility = torch.randint(3, (20, 17, 1), generator=generator)
    keypoints = torch.cat((points, visibility), dim=2)
    cells, there = keypoint_cells(keypoints, boxes, 56)
    expected, valid = keypoints_to_heatmap(keypoints, boxes, 56)
    assert torch.equal(there, valid.bool())
    assert torch.equal(cells[there], expected[there])
    assert 0 < there.sum() < there.numel()


def test_cells_by_hand():
    boxes = torch.tensor([[10.0, 20, 18, 28]])
    points = torch.tensor(
        [[[10, 20, 2], [13.9, 21, 1], [18, 28, 2], [14, 24, 0], [9.9, 24, 2], [18.1, 24, 2.0]]]
    )
    cells, there = keypoint_cells(points, boxes, 4)
    assert there.tolist() == [[True, True, True, False, False, False]]
    assert cells[0, :3].tolist() == [0, 1, 15]


@pytest.mark.parametrize("seed", [0, 1])
def test_the_loss_is_torchvisions(seed):
    torch.manual_seed(seed)
    boxes = random_rois(6, seed)
    heatmaps = torch.randn(6, 17, 28, 28)
    people = torch.cat((torch.rand(3, 17, 2) * 120, torch.randint(3, (3, 17, 1))), dim=2)
    which = torch.tensor([0, 2, 2, 1, 0, 1])
    expected = keypointrcnn_loss(heatmaps, [boxes], [people], [which])
    torch.testing.assert_close(keypoint_loss(heatmaps, people[which], boxes), expected)


def test_nobody_with_keypoints_costs_nothing_and_can_be_learnt_from():
    heatmaps = torch.randn(2, 17, 28, 28, requires_grad=True)
    loss = keypoint_loss(heatmaps, torch.zeros(2, 17, 3), random_rois(2, 0))
    loss.backward()
    assert loss == 0
    assert not heatmaps.grad.any()
    assert keypoint_loss(torch.zeros(0, 17, 28, 28), torch.zeros(0, 17, 3), torch.zeros(0, 4)) == 0


def test_the_loss_is_a_choice_among_all_cells_of_one_map():
    heatmaps = torch.zeros(1, 2, 8, 8)
    boxes = torch.tensor([[0.0, 0, 8, 8]])
    points = torch.tensor([[[3.5, 2.5, 2.0], [6.5, 1.5, 1.0]]])
    assert keypoint_loss(heatmaps, points, boxes).exp().item() == pytest.approx(64)
    heatmaps[0, 0, 2, 3] = 50
    assert keypoint_loss(heatmaps, points, boxes).exp().item() == pytest.approx(8, rel=1e-4)
    heatmaps[0, 1, 1, 6] = 50
    assert keypoint_loss(heatmaps, points, boxes) < 1e-6


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_decoding_is_torchvisions(seed):
    """Boxes from a third of a pixel to wider than the heat map."""
    torch.manual_seed(seed)
    boxes = random_rois(25, seed, side=[4, 60, 150][seed])
    heatmaps = torch.randn(25, 17, 56, 56)
    expected, scores = heatmaps_to_keypoints(heatmaps, boxes)
    points, values = find_keypoints(heatmaps, boxes)
    torch.testing.assert_close(points, expected)
    torch.testing.assert_close(values, scores)
    nothing = find_keypoints(heatmaps[:0], boxes[:0])
    assert [tuple(x.shape) for x in nothing] == [(0, 17, 3), (0, 17)]


def test_decoding_finds_the_cell_that_the_loss_asks_for():
    boxes = torch.tensor([[10.0, 20, 66, 76], [5.0, 5, 117, 61]])
    points = torch.tensor([[[30.5, 40.5, 2], [65.5, 75.5, 1]], [[50.0, 20.5, 2], [7.0, 60.5, 2]]])
    cells, there = keypoint_cells(points, boxes, 56)
    assert there.all()
    heatmaps = torch.zeros(2, 2, 56 * 56).scatter_(2, cells[..., None], 5.0).view(2, 2, 56, 56)
    found, scores = find_keypoints(heatmaps, boxes)
    assert (found[..., :2] - points[..., :2]).abs().max() <= 1
    assert (found[..., 2] == 1).all()
    assert (scores > 3).all()


# --- the network ---


def test_the_five_losses_reach_every_parameter():
    torch.manual_seed(0)
    model = KeypointRCNN.tiny(rpn={"samples": 2000})  # so many that some are of the coarsest level
    images, targets = zip(crosses(), crosses(97, 131, seed=1), strict=True)
    losses = model(list(images), list(targets))
    assert list(losses) == [
        "loss_objectness",
        "loss_rpn_box_reg",
        "loss_classifier",
        "loss_box_reg",
        "loss_keypoint",
    ]
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert [name for name, p in model.named_parameters() if not p.grad.any()] == []


@pytest.mark.parametrize("what", ["no persons", "no visible keypoints"])
def test_pictures_without_keypoints_are_legal(model, what):
    image, target = crosses(n=0 if what == "no persons" else 2)
    target["keypoints"][..., 2] = 0
    losses = model([image], [target])
    assert losses["loss_keypoint"] == 0
    assert (losses["loss_box_reg"] == 0) == (what == "no persons")
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_detections_have_their_shapes_also_when_there_are_none(model):
    model.eval()
    images = [crosses()[0], crosses(97, 131)[0], crosses(33, 300)[0]]
    for threshold, most in ((0.0, 100), (2.0, 0)):
        model.score_threshold = threshold
        for image, found in zip(images, model(images), strict=True):
            n = len(found["labels"])
            assert n <= most
            assert found["keypoints"].shape == (n, 17, 3)
            assert found["keypoints_scores"].shape == (n, 17)
            assert (found["keypoints"][..., 2] == 1).all()
            corners, points = found["boxes"][:, None], found["keypoints"][..., :2]
            least = (
                torch.tensor([image.shape[2], image.shape[1]]) / 128
            )  # a box is decoded as a pixel at least
            assert (points >= corners[..., :2] - 1e-3).all()
            assert (points <= corners[..., 2:] + least + 1e-3).all()


def test_a_picture_twice_as_large_gives_the_same_keypoints_twice_as_large(model):
    model.eval()
    model.score_threshold = 0.0
    image = crosses()[0]
    large = image.repeat_interleave(2, 1).repeat_interleave(2, 2)
    small, large = model([image])[0], model([large])[0]
    assert len(small["keypoints"])
    torch.testing.assert_close(
        large["keypoints"][..., :2], 2 * small["keypoints"][..., :2], atol=1e-3, rtol=1e-4
    )
    torch.testing.assert_close(large["keypoints_scores"], small["keypoints_scores"], atol=1e-4, rtol=1e-4)


def test_training_on_a_larger_picture_moves_the_keypoints_along(model):
    """The same scene at twice the size gives the same losses."""
    image, target = crosses()
    large = image.repeat_interleave(2, 1).repeat_interleave(2, 2)
    doubled = {"boxes": 2 * target["boxes"], "labels": target["labels"]}
    doubled["keypoints"] = target["keypoints"] * torch.tensor([2.0, 2, 1])
    losses = []
    for one, own in ((image, target), (large, doubled)):
        torch.manual_seed(0)
        losses.append(copy.deepcopy(model)([one], [own]))
    torch.testing.assert_close(losses[0], losses[1], atol=1e-4, rtol=1e-4)


def test_keypoints_of_another_number_are_refused_by_name(model):
    image, target = crosses(number=5)
    with pytest.raises(
        ValueError, match=r"targets\[0\]\['keypoints'\] must have shape \(2, 17, 3\), got \(2, 5, 3\)"
    ):
        model([image], [target])
    assert torch.isfinite(KeypointRCNN.tiny(num_keypoints=5)([image], [target])["loss_keypoint"])
    del target["keypoints"]
    with pytest.raises(ValueError, match=r"targets\[0\] must hold .*keypoints, but lacks keypoints"):
        model([image], [target])


def built_from_torchvisions_parts(model, channels=48, features=128):
    """The same tiny network from torchvision's anchors, heads and pools, on the same backbone."""
    backbone = copy.deepcopy(model.backbone)
    backbone.out_channels = channels
    names = ["0", "1", "2", "3"]
    convolutions = [m for m in model.roi_heads["keypoint_head"] if hasattr(m, "out_channels")]
    widths = tuple(m.out_channels for m in convolutions)
    theirs = TheirKeypointRCNN(
        backbone,
        min_size=128,
        max_size=256,
        rpn_anchor_generator=AnchorGenerator(model.rpn.anchors.sizes, ((0.5, 1.0, 2.0),) * 5),
        rpn_pre_nms_top_n_train=model.rpn.pre_nms[0],
        rpn_pre_nms_top_n_test=model.rpn.pre_nms[1],
        rpn_post_nms_top_n_train=model.rpn.post_nms[0],
        rpn_post_nms_top_n_test=model.rpn.post_nms[1],
        rpn_batch_size_per_image=model.rpn.samples,
        box_roi_pool=MultiScaleRoIAlign(names, 7, 2),
        box_head=TwoMLPHead(channels * 49, features),
        box_predictor=FastRCNNPredictor(features, 2),
        box_batch_size_per_image=model.roi_samples,
        box_positive_fraction=model.positive_fraction,
        box_score_thresh=model.score_threshold,
        keypoint_roi_pool=MultiScaleRoIAlign(names, 14, 2),
        keypoint_head=KeypointRCNNHeads(channels, widths),
        keypoint_predictor=KeypointRCNNPredictor(widths[-1], 17),
    )
    theirs.load_state_dict(model.state_dict())
    return theirs


@pytest.mark.parametrize("seed", [0, 1])
def test_the_tiny_size_is_torchvisions_too(seed):
    torch.manual_seed(seed)
    ours = KeypointRCNN.tiny(small=False, detections_per_image=20)
    with torch.no_grad():
        for layer in (
            ours.rpn.head.cls_logits,
            ours.rpn.head.bbox_pred,
            ours.roi_heads["box_predictor"].bbox_pred,
        ):
            layer.weight.mul_(5)
    theirs = built_from_torchvisions_parts(ours)
    theirs.roi_heads.detections_per_img = 20
    images, targets = zip(
        crosses(128, 192, seed=seed), crosses(192, 128, n=0), crosses(300, 257, n=3, seed=9), strict=True
    )
    losses = []
    for model in (ours, theirs):
        torch.manual_seed(seed)
        losses.append(model(list(images), [dict(t) for t in targets]))
    for name, value in losses[1].items():
        torch.testing.assert_close(losses[0][name], value, atol=1e-4, rtol=1e-4)
    with torch.no_grad():
        found, expected = ours.eval()(list(images)), theirs.eval()(list(images))
    assert sum(len(e["labels"]) for e in expected) >= 10
    for f, e in zip(found, expected, strict=True):
        assert torch.equal(f["labels"], e["labels"])
        for key in ("boxes", "scores", "keypoints", "keypoints_scores"):
            torch.testing.assert_close(f[key], e[key], atol=1e-3, rtol=1e-4)


@pytest.mark.slow
def test_a_picture_is_learnt_by_heart(model):
    images, targets = zip(crosses(n=2), strict=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        loss = sum(model(list(images), list(targets)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        results = model.eval()(list(images))
    for found, target in zip(results, targets, strict=True):
        for box, points in zip(target["boxes"], target["keypoints"], strict=True):
            nearest = (found["boxes"] - box).abs().sum(dim=1).argmin()
            far = (found["keypoints"][nearest, :, :2] - points[:, :2]).norm(dim=1)
            assert far.median() < 2
