"""Mask R-CNN: what its tiny size must do, and its parts by hand."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torchvision.models.detection import MaskRCNN as TheirMaskRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.ops import MultiScaleRoIAlign

from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.layers.blocks import FrozenBatchNorm2d
from lecturekit.layers.pictures import collect

torch.set_num_threads(1)


def rectangles(height=128, width=128, n=3, seed=0):
    """A picture of coloured rectangles on noise, and its target; the colour tells the class."""
    generator = torch.Generator().manual_seed(seed)
    image = 0.3 * torch.rand(3, height, width, generator=generator)
    boxes, labels, masks = [], [], []
    for i in range(n):
        w, h = (torch.rand(2, generator=generator) * 0.3 + 0.15).tolist()
        x, y = (i + 0.1) / max(n, 1) * width, torch.rand(1, generator=generator).item() * 0.5 * height
        box = [int(x), int(y), min(width, int(x + w * width)), min(height, int(y + h * height))]
        label = int(torch.randint(1, 4, (1,), generator=generator))
        mask = torch.zeros(height, width, dtype=torch.uint8)
        mask[box[1] : box[3], box[0] : box[2]] = 1
        image[:, mask.bool()] = 0.1
        image[label - 1, mask.bool()] = 0.9
        boxes.append(box)
        labels.append(label)
        masks.append(mask)
    return image, {
        "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64),
        "masks": torch.stack(masks) if masks else torch.zeros(0, height, width, dtype=torch.uint8),
    }


@pytest.fixture
def model():
    torch.manual_seed(0)
    return MaskRCNN.tiny()


def test_the_five_losses_reach_every_parameter():
    torch.manual_seed(0)
    model = MaskRCNN.tiny(rpn={"samples": 2000})  # so many that some are of the coarsest level
    images, targets = zip(rectangles(), rectangles(97, 131, seed=1), strict=True)
    losses = model(list(images), list(targets))
    assert list(losses) == [
        "loss_objectness",
        "loss_rpn_box_reg",
        "loss_classifier",
        "loss_box_reg",
        "loss_mask",
    ]
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())
    assert [name for name, p in model.named_parameters() if not p.grad.any()] == []


def test_a_batch_without_objects_is_all_background(model):
    images, targets = zip(rectangles(n=0), rectangles(64, 96, n=0), strict=True)
    losses = model(list(images), list(targets))
    assert all(v.isfinite() for v in losses.values())
    assert losses["loss_mask"] == losses["loss_box_reg"] == losses["loss_rpn_box_reg"] == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("pooling", ["align", "pool"])
def test_detections_have_their_shapes_also_when_there_are_none(pooling):
    torch.manual_seed(0)
    model = MaskRCNN.tiny(pooling=pooling).eval()
    images = [rectangles()[0], rectangles(97, 131)[0], rectangles(33, 300)[0]]
    for threshold, most in ((0.0, 100), (2.0, 0)):
        model.score_threshold = threshold
        for image, found in zip(images, model(images), strict=True):
            n = len(found["labels"])
            assert n <= most
            assert found["boxes"].shape == (n, 4)
            assert found["scores"].shape == (n,)
            assert found["masks"].shape == (n, 1, *image.shape[1:])
            assert found["labels"].dtype == torch.int64


def test_detections_are_best_first_within_the_picture_and_few_enough(model):
    model.eval()
    model.score_threshold, model.detections_per_image = 0.0, 9
    images = [rectangles(97, 131)[0]]
    found = model(images)[0]
    assert len(found["labels"]) == 9
    assert (found["scores"].diff() <= 0).all()
    assert (found["labels"] >= 1).all()
    assert (found["boxes"] >= 0).all()
    assert (found["boxes"][:, [0, 2]] <= 131).all()
    assert (found["boxes"][:, [1, 3]] <= 97).all()
    model.nms_threshold = 0.0
    boxes, labels = (model(images)[0][k] for k in ("boxes", "labels"))
    for label in labels.unique():
        own = boxes[labels == label]
        for i in range(len(own)):
            for j in range(i):
                sides = torch.minimum(own[i, 2:], own[j, 2:]) - torch.maximum(own[i, :2], own[j, :2])
                assert (sides <= 0).any()


def test_the_class_branch_decides_which_mask_is_taken(model):
    features = model.backbone(torch.rand(1, 3, 128, 128))
    rois = torch.tensor([[0.0, 10, 20, 60, 70], [0, 50, 40, 90, 100]]).repeat(3, 1)
    labels = torch.tensor([1, 2, 3, 4, 5, 6])
    taken = model.mask_branch(features, rois, labels)
    heads = model.roi_heads
    pooled = heads["mask_head"](heads["mask_roi_pool"](features, rois))
    every = heads["mask_predictor"](pooled)
    assert every.shape == (6, 7, 28, 28)
    assert taken.shape == (6, 28, 28)
    for i, label in enumerate(labels.tolist()):
        torch.testing.assert_close(taken[i], every[i, label])
    model.eval()
    model.score_threshold = 0.0
    with torch.no_grad():
        heads["mask_predictor"].mask_fcn_logits.weight.zero_()
        heads["mask_predictor"].mask_fcn_logits.bias.copy_(torch.tensor([9.0, -9, 9, -9, 9, -9, 9]))
        found = model([rectangles()[0]])[0]
    peaks = found["masks"].amax(dim=(1, 2, 3))
    wide = ((found["boxes"][:, 2:] - found["boxes"][:, :2]) > 8).all(dim=1)
    assert wide.any()
    assert torch.equal((peaks > 0.5)[wide], (found["labels"] % 2 == 0)[wide])


def test_only_the_true_class_of_positive_rois_is_taught_boxes_and_masks(model):
    image, target = rectangles(n=1)
    target["labels"][:] = 2
    losses = model([image], [target])
    (losses["loss_box_reg"] + losses["loss_mask"]).backward()
    boxes = model.roi_heads["box_predictor"].bbox_pred.weight.grad.view(7, 4, -1)
    masks = model.roi_heads["mask_predictor"].mask_fcn_logits.weight.grad
    assert boxes.abs().sum(dim=(1, 2)).nonzero()[:, 0].tolist() == [2]
    assert masks.abs().sum(dim=(1, 2, 3)).nonzero()[:, 0].tolist() == [2]


def test_rois_are_chosen_by_overlap_and_true_boxes_are_among_them(model):
    targets = [rectangles(n=2)[1], rectangles(n=0)[1], rectangles(n=3, seed=4)[1]]
    objects = collect(targets, [(128, 128)] * 3, [(128, 128)] * 3)
    first = targets[0]["boxes"][0]
    near, far = first + torch.tensor([2.0, 0, 2, 0]), torch.tensor([100.0, 100, 127, 127])
    proposals = [torch.stack((near, far)), far[None], torch.zeros(0, 4)]
    rois, labels, matched = model.choose(proposals, objects)
    assert len(rois) == len(labels) == len(matched) == (2 + 2) + 1 + 3
    assert rois[:, 0].tolist() == [0, 0, 0, 0, 1, 2, 2, 2]
    assert labels[:2].tolist() == [targets[0]["labels"][0], 0]
    assert matched[0] == 0
    assert torch.equal(rois[2:4, 1:], targets[0]["boxes"])
    assert labels[2:4].tolist() == targets[0]["labels"].tolist()
    assert labels[4] == 0
    assert torch.equal(rois[5:, 1:], targets[2]["boxes"])
    assert matched[5:].tolist() == [0, 1, 2]


def test_positive_rois_are_at_most_their_share():
    torch.manual_seed(0)
    model = MaskRCNN.tiny(roi_samples=16, positive_fraction=0.25)
    _, target = rectangles(n=1)
    objects = collect([target], [(128, 128)], [(128, 128)])
    proposals = [target["boxes"].repeat(30, 1), torch.tensor([[120.0, 120, 128, 128]]).repeat(30, 1)]
    rois, labels, _ = model.choose([torch.cat(proposals)], objects)
    assert len(rois) == 16
    assert (labels > 0).sum() == 4


def test_predictions_do_not_depend_on_the_generator_nor_touch_it(model):
    model.eval()
    images = [rectangles()[0]]
    torch.manual_seed(1)
    first, state = model(images), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())
    torch.manual_seed(2)
    second = model(images)
    assert all(torch.equal(first[0][k], second[0][k]) for k in first[0])


def test_a_picture_twice_as_large_gives_the_same_boxes_twice_as_large():
    torch.manual_seed(0)
    model = MaskRCNN.tiny().eval()
    model.score_threshold = 0.0
    image = rectangles()[0]
    large = image.repeat_interleave(2, 1).repeat_interleave(2, 2)
    small, large = model([image])[0], model([large])[0]
    torch.testing.assert_close(large["boxes"], 2 * small["boxes"], atol=1e-3, rtol=1e-4)
    assert large["masks"].shape[2:] == (256, 256)
    shrunk = F.avg_pool2d(large["masks"], 2)
    assert (shrunk - small["masks"]).abs().mean() < 0.02


def test_pooling_changes_the_features_and_nothing_else():
    models = []
    for pooling in ("align", "pool"):
        torch.manual_seed(0)
        models.append(MaskRCNN.tiny(pooling=pooling))
    align, pool = models
    for (a, x), (b, y) in zip(align.state_dict().items(), pool.state_dict().items(), strict=True):
        assert a == b
        assert torch.equal(x, y)
    image, target = rectangles()
    losses = []
    for m in models:
        torch.manual_seed(0)
        losses.append(m([image], [target]))
    assert losses[0]["loss_objectness"] == losses[1]["loss_objectness"]
    assert losses[0]["loss_classifier"] != losses[1]["loss_classifier"]
    assert losses[0]["loss_mask"] != losses[1]["loss_mask"]


def test_the_way_of_small_pictures_changes_no_number():
    torch.manual_seed(0)
    small, plain = MaskRCNN.tiny().eval(), MaskRCNN.tiny(small=False).eval()
    plain.load_state_dict(small.state_dict())
    images = [rectangles()[0], rectangles(97, 131, seed=1)[0]]
    rois = torch.tensor(
        [[0.0, 3, 4, 100, 90], [0, 60.5, 70.2, 81, 99], [1, 0, 0, 170, 128], [1, 5, 5, 15, 30]]
    )
    answers = []
    for m in (small, plain):
        features = m.backbone(m.prepare(images)[0])
        masks = m.mask_branch(features, rois, torch.tensor([1, 2, 3, 4]))
        answers.append((*features.values(), *m.box_branch(features, rois), masks))
    for a, b in zip(*answers, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def built_from_torchvisions_parts(model, channels=48, classes=7, features=128):
    """The same tiny network from torchvision's anchors, heads and pools, on the same backbone."""
    backbone = copy.deepcopy(model.backbone)
    backbone.out_channels = channels
    names = ["0", "1", "2", "3"]
    theirs = TheirMaskRCNN(
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
        box_predictor=FastRCNNPredictor(features, classes),
        box_batch_size_per_image=model.roi_samples,
        box_positive_fraction=model.positive_fraction,
        box_score_thresh=model.score_threshold,
        mask_roi_pool=MultiScaleRoIAlign(names, 14, 2),
        mask_head=MaskRCNNHeads(channels, (channels,) * 2, 1),
        mask_predictor=MaskRCNNPredictor(channels, channels, classes),
    )
    theirs.load_state_dict(model.state_dict())
    return theirs


@pytest.mark.parametrize("seed", [0, 1])
def test_the_tiny_size_is_torchvisions_too(seed):
    torch.manual_seed(seed)
    ours = MaskRCNN.tiny(score_threshold=0.15, small=False)
    with torch.no_grad():
        for name in ("cls_logits", "bbox_pred"):
            getattr(ours.rpn.head, name).weight.mul_(5)
        for layer in (ours.roi_heads["box_predictor"].cls_score, ours.roi_heads["box_predictor"].bbox_pred):
            layer.weight.mul_(5)
    theirs = built_from_torchvisions_parts(ours)
    images, targets = zip(
        rectangles(128, 192, seed=seed),
        rectangles(192, 128, n=0),
        rectangles(300, 257, n=4, seed=9),
        strict=True,
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
        for key in ("boxes", "scores", "masks"):
            torch.testing.assert_close(f[key], e[key], atol=1e-3, rtol=1e-4)


def test_sizes_are_changed_by_name(model):
    assert MaskRCNN.tiny(num_classes=3).roi_heads["box_predictor"].cls_score.out_features == 3
    assert sum(p.numel() for p in model.parameters()) < 1_250_000
    with pytest.raises(TypeError, match="colour"):
        MaskRCNN.tiny(colour=3)
    with pytest.raises(ValueError, match=r"pooling.*warp"):
        MaskRCNN.tiny(pooling="warp")


def test_norms_of_the_paper_follow_the_state_dict_unless_told_otherwise():
    def frozen(m):
        return any(isinstance(x, FrozenBatchNorm2d) for x in m.modules())

    small = {"channels": 8, "num_classes": 3, "box_features": 8, "mask_channels": 8}
    live = MaskRCNN.paper(norm="batch", trainable_layers=5, **small)
    followed = MaskRCNN.paper(**small)
    still = [n for n, p in followed.named_parameters() if not p.requires_grad]
    assert frozen(followed)
    assert still
    assert all(n.startswith(("backbone.body.conv1", "backbone.body.layer1")) for n in still)
    followed.load_state_dict(live.state_dict())
    assert not frozen(followed)
    assert all(p.requires_grad for p in followed.parameters())
    kept = MaskRCNN.paper(norm="frozen", **small)
    kept.load_state_dict(live.state_dict())
    assert frozen(kept)
    assert not any("num_batches_tracked" in k for k in kept.state_dict())


@pytest.mark.slow
def test_three_pictures_are_learnt_by_heart(model):
    images, targets = zip(*(rectangles(n=2, seed=s) for s in range(3)), strict=True)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for _ in range(60):
        loss = sum(model(list(images), list(targets)).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        results = model.eval()(list(images))
    for found, target in zip(results, targets, strict=True):
        sure = found["scores"] > 0.5
        own, true = (found["masks"][sure] > 0.5).flatten(1), target["masks"].bool().flatten(1)
        overlaps = (own[:, None] & true).sum(-1) / (own[:, None] | true).sum(-1)  # [D, N]
        right = found["labels"][sure][:, None] == target["labels"]
        assert (overlaps * right).amax(dim=0).min() > 0.8  # every object is found, named and outlined
