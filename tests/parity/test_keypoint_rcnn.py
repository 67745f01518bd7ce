"""`KeypointRCNN.paper()` against torchvision's `keypointrcnn_resnet50_fpn`: detections, losses, gradients."""

import pytest
import torch
from torchvision.models.detection import KeypointRCNN as TheirKeypointRCNN
from torchvision.models.detection import keypointrcnn_resnet50_fpn
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from lecturekit.instance.keypoint_rcnn import KeypointRCNN

SIZES = [(131, 97), (64, 64), (33, 150)]
# small pictures and few proposals, so that a test takes seconds: torchvision's names, and ours
THEIRS = {
    "min_size": 96,
    "max_size": 160,
    "rpn_post_nms_top_n_train": 200,
    "rpn_post_nms_top_n_test": 100,
    "box_batch_size_per_image": 16,
    "box_detections_per_img": 5,
}
OURS = {
    "min_size": 96,
    "max_size": 160,
    "rpn": {"post_nms": (200, 100)},
    "roi_samples": 16,
    "detections_per_image": 5,
}
TOLERANCE = 1e-4
PARAMETERS = 59_137_258  # as torchvision documents it


torch.set_num_threads(1)


def disturb(model, seed, sharpness=2.0):
    """Random statistics and biases, boxes that vary, and persons likelier than not: many detections."""
    generator = torch.Generator().manual_seed(seed)
    state = model.state_dict()
    for name, value in state.items():
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if name.endswith("running_mean"):
            value.copy_(0.1 * noise)
        elif name.endswith("running_var"):
            value.copy_(0.75 + 0.25 * noise.abs())
        elif ".bn" in name or "downsample.1" in name:
            value.add_(0.1 * noise)
        elif name.endswith("bias"):
            value.add_(0.02 * noise)
    for name in ("roi_heads.box_predictor.bbox_pred", "rpn.head.cls_logits", "rpn.head.bbox_pred"):
        state[f"{name}.weight"].mul_(sharpness)
    state["roi_heads.box_predictor.cls_score.weight"].mul_(0.1)
    state["roi_heads.box_predictor.cls_score.bias"].copy_(torch.tensor([0.0, 1.0]))
    return model


def published(seed, **changes):
    """torchvision's model as it is with published weights: frozen norms with eps 0, three stages to train."""
    torch.manual_seed(seed)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=3)
    model = disturb(TheirKeypointRCNN(backbone, 2, **(THEIRS | changes)), seed)
    overwrite_eps(model, 0.0)
    return model


def fresh(seed, **changes):
    """torchvision's model without weights: live norms, everything to train."""
    torch.manual_seed(seed)
    changes = THEIRS | changes
    return disturb(keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None, **changes), seed)


def pictures(seed, sizes=SIZES):
    generator = torch.Generator().manual_seed(seed)
    coarse = [torch.rand(1, 3, h // 8 + 2, w // 8 + 2, generator=generator) for h, w in sizes]
    return [
        torch.nn.functional.interpolate(c, size=s, mode="bicubic").clamp(0, 1)[0]
        for c, s in zip(coarse, sizes, strict=True)
    ]


def people(seed, sizes=SIZES, counts=(3, 0, 6), num_keypoints=17):
    """Random boxes with keypoints in and around them, on their edges too, of every visibility."""
    generator = torch.Generator().manual_seed(seed)
    targets = []
    for (h, w), n in zip(sizes, counts, strict=True):
        corners = torch.rand(n, 2, generator=generator) * 0.6
        sides = torch.rand(n, 2, generator=generator) * 0.35 + 0.05
        boxes = torch.cat((corners, corners + sides), dim=1) * torch.tensor([w, h, w, h])
        place = torch.rand(n, num_keypoints, 2, generator=generator) * 1.2 - 0.1
        points = boxes[:, None, :2] + place * (boxes[:, None, 2:] - boxes[:, None, :2])
        points[:, 1, 0], points[:, 2, 1], points[:, 3] = boxes[:, 2], boxes[:, 3], boxes[:, :2]
        visibility = torch.randint(3, (n, num_keypoints, 1), generator=generator)
        targets.append(
            {
                "boxes": boxes,
                "labels": torch.ones(n, dtype=torch.int64),
                "keypoints": torch.cat((points, visibility), dim=2),
            }
        )
    return targets


@torch.no_grad()
def check_detections(ours, theirs, images, at_least=1, num_keypoints=17):
    expected, found = theirs.eval()(images), ours.eval()(images)
    assert sum(len(e["labels"]) for e in expected) >= at_least
    for e, f in zip(expected, found, strict=True):
        assert f.keys() == e.keys() == {"boxes", "labels", "scores", "keypoints", "keypoints_scores"}
        assert torch.equal(f["labels"], e["labels"])
        assert f["keypoints"].shape == (len(f["labels"]), num_keypoints, 3)
        for key in ("boxes", "scores", "keypoints", "keypoints_scores"):
            assert f[key].shape == e[key].shape
            torch.testing.assert_close(f[key], e[key], atol=TOLERANCE, rtol=1e-5)


def check_losses(ours, theirs, images, targets, seed):
    torch.manual_seed(seed)
    expected = theirs.train()(images, [dict(t) for t in targets])
    torch.manual_seed(seed)
    found = ours.train()(images, targets)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=TOLERANCE, rtol=1e-5)
    sum(expected.values()).backward()
    sum(found.values()).backward()
    own = dict(ours.named_parameters())
    assert own.keys() == dict(theirs.named_parameters()).keys()
    for name, parameter in theirs.named_parameters():
        assert own[name].requires_grad == parameter.requires_grad, name
        if parameter.requires_grad:
            scale = parameter.grad.abs().max().clamp(min=1e-6)
            assert (own[name].grad - parameter.grad).abs().max() <= 1e-3 * scale, name


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_published_weights_give_torchvisions_detections_and_losses(seed):
    theirs = published(seed)
    ours = KeypointRCNN.from_official(theirs.state_dict(), **OURS)
    assert not ours.training
    check_detections(ours, theirs, pictures(seed), at_least=10)
    check_losses(ours, theirs, pictures(seed), people(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_a_state_dict_loads_as_it_is(seed):
    """Of live norms here, and with several scales in training."""
    scales = {"min_size": (96, 128, 160)}
    theirs = fresh(seed, **scales)
    ours = KeypointRCNN.paper(**(OURS | scales))
    ours.load_state_dict(theirs.state_dict())
    check_detections(ours, theirs, pictures(seed))
    check_losses(ours, theirs, pictures(seed), people(seed), seed)


@pytest.mark.slow
def test_other_keypoints_than_those_of_bodies():
    theirs = published(4, num_keypoints=5)
    ours = KeypointRCNN.from_official(theirs.state_dict(), num_keypoints=5, **OURS)
    check_detections(ours, theirs, pictures(4), num_keypoints=5)
    check_losses(ours, theirs, pictures(4), people(4, num_keypoints=5), 4)


@pytest.mark.slow
def test_the_default_sizes_are_torchvisions():
    theirs = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    ours = KeypointRCNN.from_official(disturb(theirs, 5).state_dict())
    check_detections(ours, theirs, pictures(5, [(50, 200)]))
    assert ours.min_size == theirs.transform.min_size
    assert ours.max_size == theirs.transform.max_size
    for model in (ours, theirs):  # the sizes of sampling, on smaller pictures
        smaller = model if model is ours else model.transform
        smaller.min_size, smaller.max_size = (128,), 192
    check_losses(ours, theirs, pictures(5, [(64, 80)]), people(5, [(64, 80)], (4,)), 5)


def test_names_and_number_of_parameters_are_torchvisions():
    with torch.device("meta"):
        theirs = keypointrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        ours = KeypointRCNN.paper(norm="batch", trainable_layers=5)
    assert sum(p.numel() for p in KeypointRCNN.paper().parameters()) == PARAMETERS
    expected = {key: value.shape for key, value in theirs.state_dict().items()}
    assert {key: value.shape for key, value in ours.state_dict().items()} == expected


def test_a_published_file_has_older_names():
    old = {}
    with torch.device("meta"):
        state = KeypointRCNN.paper(norm="frozen").state_dict()
    for key, value in state.items():
        key = key.replace("rpn.head.conv.0.0", "rpn.head.conv")
        for block in ("inner_blocks", "layer_blocks"):
            for i in range(4):
                key = key.replace(f"{block}.{i}.0.", f"{block}.{i}.")
        old[key] = torch.full((1,), float(len(old))).expand(value.shape)
    assert not set(old) <= set(state)
    loaded = KeypointRCNN.from_official(old).state_dict()
    for (key, value), given in zip(loaded.items(), old.values(), strict=True):
        assert torch.equal(value, given), key


def test_mask_r_cnns_checkpoint_is_refused_by_its_keys():
    with torch.device("meta"):
        state = KeypointRCNN.paper().state_dict()
    state = {k: torch.zeros(1).expand(v.shape) for k, v in state.items()}
    del state["roi_heads.keypoint_head.14.bias"]
    state["roi_heads.mask_head.0.0.weight"] = torch.zeros(1)
    with pytest.raises(
        ValueError,
        match=r"missing: roi_heads\.keypoint_head\.14\.bias.*unexpected: roi_heads\.mask_head",
    ):
        KeypointRCNN.from_official(state)
