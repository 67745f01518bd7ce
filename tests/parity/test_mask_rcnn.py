"""`MaskRCNN.paper()` against torchvision's `maskrcnn_resnet50_fpn`: detections, losses and gradients."""

import pytest
import torch
from torchvision.models.detection import MaskRCNN as TheirMaskRCNN
from torchvision.models.detection import maskrcnn_resnet50_fpn
from torchvision.models.detection._utils import overwrite_eps
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

from lecturekit.instance.mask_rcnn import MaskRCNN

SIZES = [(131, 97), (64, 64), (33, 150)]
# small pictures and few proposals, so that a test takes seconds: torchvision's names, and ours
THEIRS = {
    "min_size": 96,
    "max_size": 160,
    "rpn_post_nms_top_n_train": 200,
    "rpn_post_nms_top_n_test": 100,
    "box_batch_size_per_image": 32,
    "box_detections_per_img": 15,
}
OURS = {
    "min_size": 96,
    "max_size": 160,
    "rpn": {"post_nms": (200, 100)},
    "roi_samples": 32,
    "detections_per_image": 15,
}
TOLERANCE = 1e-4


torch.set_num_threads(1)


def disturb(model, seed, sharpness):
    """Random statistics and biases, and predictors sharpened so that detections are many and sure."""
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
    for name in ("cls_score", "bbox_pred"):
        state[f"roi_heads.box_predictor.{name}.weight"].mul_(sharpness)
    for name in ("cls_logits", "bbox_pred"):
        state[f"rpn.head.{name}.weight"].mul_(sharpness)
    return model


def published(seed, sharpness=2.0, eps=0.0):
    """torchvision's model as it is with published weights: frozen norms with eps 0, three stages to train."""
    torch.manual_seed(seed)
    backbone = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=3)
    model = disturb(TheirMaskRCNN(backbone, 91, **THEIRS), seed, sharpness)
    overwrite_eps(model, eps)
    return model


def fresh(seed, sharpness=2.0, **changes):
    """torchvision's model without weights: live norms, everything to train."""
    torch.manual_seed(seed)
    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, **(THEIRS | changes))
    return disturb(model, seed, sharpness)


def pictures(seed, sizes=SIZES):
    generator = torch.Generator().manual_seed(seed)
    coarse = [torch.rand(1, 3, h // 8 + 2, w // 8 + 2, generator=generator) for h, w in sizes]
    return [
        torch.nn.functional.interpolate(c, size=s, mode="bicubic").clamp(0, 1)[0]
        for c, s in zip(coarse, sizes, strict=True)
    ]


def objects(seed, sizes=SIZES, counts=(3, 0, 6), num_classes=91):
    generator = torch.Generator().manual_seed(seed)
    targets = []
    for (h, w), n in zip(sizes, counts, strict=True):
        corners = torch.rand(n, 2, generator=generator) * 0.6
        sides = torch.rand(n, 2, generator=generator) * 0.35 + 0.05
        boxes = torch.cat((corners, corners + sides), dim=1) * torch.tensor([w, h, w, h])
        targets.append(
            {
                "boxes": boxes,
                "labels": torch.randint(1, num_classes, (n,), generator=generator),
                "masks": (torch.rand(n, h, w, generator=generator) > 0.4).byte(),
            }
        )
    return targets


@torch.no_grad()
def check_detections(ours, theirs, images, at_least=1):
    expected, found = theirs.eval()(images), ours.eval()(images)
    assert sum(len(e["labels"]) for e in expected) >= at_least
    for e, f, image in zip(expected, found, images, strict=True):
        assert f.keys() == e.keys() == {"boxes", "labels", "scores", "masks"}
        assert torch.equal(f["labels"], e["labels"])
        assert f["masks"].shape == (len(f["labels"]), 1, *image.shape[1:])
        for key in ("boxes", "scores", "masks"):
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
    ours = MaskRCNN.from_official(theirs.state_dict(), **OURS)
    check_detections(ours, theirs, pictures(seed), at_least=10)
    check_losses(ours, theirs, pictures(seed), objects(seed), seed)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "sharpness"), [(0, 1.0), (1, 3.0)])
def test_a_state_dict_loads_as_it_is(seed, sharpness):
    """Whatever its norms: `paper()` follows the state dict."""
    theirs = fresh(seed, sharpness)
    ours = MaskRCNN.paper(**OURS)
    ours.load_state_dict(theirs.state_dict())
    check_detections(ours, theirs, pictures(seed))
    check_losses(ours, theirs, pictures(seed), objects(seed), seed)
    # with the statistics that both have gathered, which may leave no detection
    check_detections(ours, theirs, pictures(seed + 1, SIZES[:2]), at_least=0)
    frozen = published(seed, eps=1e-5)
    ours = MaskRCNN.paper(**OURS)
    ours.load_state_dict(frozen.state_dict())
    check_detections(ours, frozen, pictures(seed, SIZES[:2]))


@pytest.mark.slow
def test_fewer_classes_other_thresholds_and_several_scales_in_training():
    theirs = fresh(
        5, 3.0, num_classes=4, min_size=(96, 128, 160), box_detections_per_img=7, box_score_thresh=0.3
    )
    ours = MaskRCNN.from_official(theirs.state_dict(), num_classes=4, **(OURS | {"min_size": (96, 128, 160)}))
    ours.detections_per_image, ours.score_threshold = 7, 0.3
    check_detections(ours, theirs, pictures(5))
    check_losses(ours, theirs, pictures(5), objects(5, num_classes=4), 5)


@pytest.mark.slow
def test_the_default_sizes_are_torchvisions():
    torch.manual_seed(3)
    theirs = disturb(maskrcnn_resnet50_fpn(weights=None, weights_backbone=None), 3, 2.0)
    ours = MaskRCNN.from_official(theirs.state_dict())
    assert not ours.training
    check_detections(ours, theirs, pictures(3, [(50, 200)]))
    for model in (ours, theirs):  # the sizes of sampling, on smaller pictures
        smaller = model if model is ours else model.transform
        smaller.min_size, smaller.max_size = (128,), 192
    check_losses(ours, theirs, pictures(3, [(64, 80)]), objects(3, [(64, 80)], (4,)), 3)
    assert sum(p.numel() for p in MaskRCNN.paper().parameters()) == 44_401_393  # as torchvision documents it


@pytest.mark.slow
def test_a_published_file_has_older_names():
    theirs = published(2)
    old = {}
    for key, value in theirs.state_dict().items():
        key = key.replace("rpn.head.conv.0.0", "rpn.head.conv")
        for block in ("inner_blocks", "layer_blocks"):
            for i in range(4):
                key = key.replace(f"{block}.{i}.0.", f"{block}.{i}.")
        for i in range(4):
            key = key.replace(f"mask_head.{i}.0.", f"mask_head.mask_fcn{i + 1}.")
        old[key] = value
    assert not set(old) <= set(theirs.state_dict())
    check_detections(MaskRCNN.from_official(old, **OURS), theirs, pictures(2, SIZES[:2]), at_least=10)
    ours = MaskRCNN.paper(**OURS, norm_eps=0.0)
    ours.load_state_dict(old)
    check_detections(ours, theirs, pictures(2, SIZES[:2]), at_least=10)


def test_another_checkpoint_is_refused_by_its_keys():
    with torch.device("meta"):
        state = MaskRCNN.paper().state_dict()
    state = {k: torch.zeros(1).expand(v.shape) for k, v in state.items()}
    del state["rpn.head.cls_logits.bias"]
    state["roi_heads.keypoint_head.0.weight"] = torch.zeros(1)
    state["roi_heads.box_predictor.cls_score.weight"] = torch.zeros(5, 1024)
    with pytest.raises(
        ValueError, match=r"missing: rpn\.head\.cls_logits\.bias.*unexpected: roi_heads\.keypoint_head"
    ):
        MaskRCNN.from_official(state)
    with pytest.raises(
        ValueError, match=r"misshapen: .*cls_score\.weight \(5, 1024\) instead of \(91, 1024\)"
    ):
        MaskRCNN.from_official(state)
    for nonsense in ([1, 2], {"model": "resnet"}):
        with pytest.raises(ValueError, match=r"state_dict"):
            MaskRCNN.from_official(nonsense)
