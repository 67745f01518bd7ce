"""Checks, resizing and padding of pictures; masks cut out of them and laid back into them."""

import re

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.detection.roi_heads import paste_masks_in_image, project_masks_on_boxes
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from lecturekit.layers import pictures as P
from lecturekit.layers.checkpoints import check_state_dict, load_official, torchvision_names

torch.set_num_threads(1)


def picture(height=20, width=30):
    return torch.rand(3, height, width)


def target(height=20, width=30, n=2):
    boxes = torch.tensor([[1.0, 2, 9, 8], [0, 0, 30, 20]])[:n]
    return {
        "boxes": boxes,
        "labels": torch.tensor([1, 6])[:n],
        "masks": (torch.rand(n, height, width) > 0.5).byte(),
    }


@pytest.mark.parametrize(
    "size", [(100, 100), (97, 131), (131, 97), (33, 33), (300, 100), (64, 511), (40, 2000)]
)
def test_batches_are_torchvisions(size):
    images = [picture(*size), picture(48, 64)]
    targets = [target(*size), target(48, 64, 1)]
    theirs = GeneralizedRCNNTransform(128, 256, list(P.MEAN), list(P.STD)).eval()
    expected, moved = theirs(images, targets)
    sizes = [P.scaled_size(image.shape[-2:], 128, 256) for image in images]
    batch = P.pad_and_stack([P.resize(P.normalise(i), s) for i, s in zip(images, sizes, strict=True)])
    assert sizes == expected.image_sizes
    torch.testing.assert_close(batch, expected.tensors, atol=1e-5, rtol=1e-5)
    objects = P.collect(targets, [tuple(i.shape[-2:]) for i in images], sizes)
    assert objects.counts == [2, 1]
    torch.testing.assert_close(objects.boxes[0], moved[0]["boxes"])
    torch.testing.assert_close(objects.boxes[1, :1], moved[1]["boxes"])
    assert not objects.boxes[1, 1:].any()
    assert objects.labels.tolist() == [[1, 6], [1, 0]]
    for ours, their in zip(objects.masks, moved, strict=True):
        assert torch.equal(ours.byte(), their["masks"])
    back = P.resize_boxes(objects.boxes[0], sizes[0], size)
    torch.testing.assert_close(back, targets[0]["boxes"], atol=1e-4, rtol=1e-5)


def test_a_picture_of_the_right_size_is_not_resampled():
    image = picture(128, 160)
    assert P.resize(image, (128, 160)) is image
    assert P.scaled_size((128, 160), 128, 256) == (128, 160)
    assert P.scaled_size((427, 640), 128, 256) == (128, 191)
    assert P.scaled_size((1, 3000), 128, 256) == (1, 256)


def test_objects_of_a_batch_without_any():
    objects = P.collect([target(n=0), target(n=0)], [(20, 30)] * 2, [(20, 30)] * 2)
    assert objects.boxes.shape == (2, 1, 4)
    assert not objects.boxes.any()
    assert objects.labels.tolist() == [[0], [0]]
    assert objects.counts == [0, 0]


def random_boxes(n, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    spread = torch.tensor([width, height, width, height])
    corners = (torch.rand(n, 4, generator=generator) * 1.6 - 0.3) * spread
    x = corners[:, 0::2].sort(dim=1).values
    y = corners[:, 1::2].sort(dim=1).values
    return torch.stack((x[:, 0], y[:, 0], x[:, 1], y[:, 1]), dim=1)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 5),
    st.integers(1, 60),
    st.integers(1, 60),
    st.sampled_from([1, 7, 28]),
    st.integers(0, 10**6),
)
def test_pasting_is_torchvisions(n, height, width, m, seed):
    """Boxes inside the picture, across its edges and outside of it."""
    boxes = random_boxes(n, height, width, seed)
    masks = torch.rand(n, 1, m, m, generator=torch.Generator().manual_seed(seed))
    # torchvision's copy has no room for a box that lies beyond the picture's first row or column
    reaches = ((boxes[:, 2:] > 0) & (boxes[:, :2] < torch.tensor([width, height]))).all(dim=1)
    boxes, masks = boxes[reaches], masks[reaches]
    expected = paste_masks_in_image(masks, boxes, (height, width))
    ours = P.paste_masks(masks[:, 0], boxes, (height, width))
    assert ours.shape == (len(boxes), height, width)
    torch.testing.assert_close(ours, expected[:, 0], atol=1e-5, rtol=0)


def test_pasting_by_hand():
    mask = torch.ones(1, 4, 4)
    pasted = P.paste_masks(mask, torch.tensor([[10.0, 20, 18, 24]]), (40, 50))[0]
    assert (pasted[21:24, 11:18] > 0.9).all()
    assert pasted[:19].sum() == 0
    assert pasted[26:].sum() == 0
    assert pasted[:, :9].sum() == 0
    assert pasted[:, 21:].sum() == 0
    assert P.paste_masks(mask, torch.tensor([[100.0, 20, 110, 24]]), (40, 50)).sum() == 0


def test_crops_are_torchvisions_also_at_the_edges_of_smaller_pictures():
    torch.manual_seed(0)
    sizes, counts = [(40, 50), (64, 30), (20, 20)], [3, 0, 2]
    masks = [(torch.rand(n, *size) > 0.5).byte() for n, size in zip(counts, sizes, strict=True)]
    rois, objects, expected = [], [], []
    for picture, (size, n) in enumerate(zip(sizes, counts, strict=True)):
        if n == 0:
            continue
        boxes = random_boxes(12, *size, picture).clamp(min=0).minimum(torch.tensor([*size[::-1]] * 2))
        edge = torch.tensor([[size[1] - 0.3, size[0] - 0.2, size[1], size[0]]])
        boxes = torch.cat((boxes, edge))
        which = torch.randint(n, (13,))
        rois.append(torch.cat((torch.full((13, 1), float(picture)), boxes), dim=1))
        objects.append(which)
        expected.append(project_masks_on_boxes(masks[picture], boxes, which, 14))
    crops = P.crop_masks(masks, torch.cat(rois), torch.cat(objects), 14)
    torch.testing.assert_close(crops, torch.cat(expected))
    assert P.crop_masks(masks, torch.zeros(0, 5), torch.zeros(0, dtype=torch.long), 14).shape == (0, 14, 14)


def test_cutting_out_undoes_pasting():
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 28), torch.linspace(-1, 1, 28), indexing="ij")
    disc = (1 - 4 * (xx**2 + yy**2 - 0.6)).clamp(0, 1)
    box = torch.tensor([[7.3, 11.6, 91.2, 77.8]])
    pasted = P.paste_masks(disc[None], box, (100, 100))
    again = P.crop_masks([pasted], torch.cat((torch.zeros(1, 1), box), dim=1), torch.tensor([0]), 28)[0]
    assert (again - disc).abs().mean() < 0.03
    assert F.cosine_similarity(again.flatten(), disc.flatten(), dim=0) > 0.995


BAD_IMAGES = {
    "a tensor": (torch.rand(3, 8, 8), r"images.*list.*\(3, 8, 8\)"),
    "none": ([], r"images.*at least one"),
    "channels last": ([torch.rand(8, 9, 3)], r"images\[0\].*\[3, H, W\].*\(8, 9, 3\)"),
    "grey": ([picture(), torch.rand(1, 8, 8)], r"images\[1\].*\[3, H, W\].*\(1, 8, 8\)"),
    "flat": ([picture(0, 8)], r"images\[0\].*\[3, H, W\].*\(3, 0, 8\)"),
    "array": ([picture().numpy()], r"images\[0\].*tensor.*ndarray"),
    "bytes": ([(picture() * 255).byte()], r"images\[0\].*0\.\.1.*uint8"),
    "0..255": ([picture() * 255], r"images\[0\].*0\.\.1.*25\d"),
}


@pytest.mark.parametrize("mistake", BAD_IMAGES)
def test_wrong_pictures_are_refused_by_name(mistake):
    images, words = BAD_IMAGES[mistake]
    with pytest.raises(ValueError, match=words):
        P.check_images(images)


BAD_TARGETS = {
    "missing": (lambda t: None, r"targets.*None"),
    "too few": (lambda t: t[:1], r"targets.*1 for 2 images"),
    "no masks": (lambda t: [t[0], {k: t[1][k] for k in ("boxes", "labels")}], r"targets\[1\].*lacks masks"),
    "boxes as list": (lambda t: [t[0] | {"boxes": [[0, 0, 1, 1]]}, t[1]], r"targets\[0\].*lacks boxes"),
    "boxes of five": (lambda t: [t[0] | {"boxes": torch.ones(2, 5)}, t[1]], r"boxes.*\(2, 4\).*\(2, 5\)"),
    "turned": (
        lambda t: [t[0], t[1] | {"boxes": t[1]["boxes"][:, [2, 1, 0, 3]]}],
        r"\[1\].*boxes.*x2 > x1.*9",
    ),
    "no height": (
        lambda t: [t[0], t[1] | {"boxes": t[1]["boxes"][:, [0, 1, 2, 1]]}],
        r"\[1\].*boxes.*y2 > y1",
    ),
    "background": (
        lambda t: [t[0] | {"labels": torch.tensor([0, 1])}, t[1]],
        r"\[0\].*labels.*1\.\.6.*\[0, 1\]",
    ),
    "class 7 of 7": (lambda t: [t[0] | {"labels": torch.tensor([7, 1])}, t[1]], r"\[0\].*labels.*1\.\.6.*7"),
    "real labels": (lambda t: [t[0] | {"labels": torch.tensor([1.0, 1])}, t[1]], r"\[0\].*labels.*integers"),
    "label missing": (
        lambda t: [t[0] | {"labels": torch.tensor([1])}, t[1]],
        r"\[0\].*labels.*\(2,\).*\(1,\)",
    ),
    "mask size": (
        lambda t: [t[0] | {"masks": torch.ones(2, 30, 20)}, t[1]],
        r"masks.*\(2, 20, 30\).*\(2, 30, 20\)",
    ),
}


@pytest.mark.parametrize("mistake", BAD_TARGETS)
def test_wrong_targets_are_refused_by_name(mistake):
    change, words = BAD_TARGETS[mistake]
    images = [picture(), picture()]
    P.check_targets([target(), target()], images, 7)
    with pytest.raises(ValueError, match=re.compile(words)):
        P.check_targets(change([target(), target()]), images, 7)


def two_layers():
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def test_a_fitting_checkpoint_is_loaded():
    source = two_layers()
    loaded = load_official(two_layers, source.state_dict() | {"old.bias": torch.zeros(1)}, unused=["old."])
    assert not loaded.training
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, source.state_dict()[name])
    loaded[0].weight.data.zero_()
    assert source[0].weight.abs().sum() > 0


def test_a_wrong_checkpoint_is_refused_by_its_keys():
    state = two_layers().state_dict()
    del state["0.bias"]
    state["head.bias"] = torch.zeros(1)
    state["1.weight"] = torch.zeros(4)
    with pytest.raises(
        ValueError, match=r"missing: 0\.bias.*unexpected: head\.bias.*misshapen: 1\.weight \(4,\) .*\(3,\)"
    ):
        check_state_dict(two_layers(), state)
    with pytest.raises(ValueError, match=r"state_dict.*list"):
        load_official(two_layers, [1])


def test_old_names_of_torchvisions_files_become_the_new_ones():
    one = torch.zeros(1)
    old = {
        "backbone.fpn.inner_blocks.3.weight": one,
        "backbone.fpn.layer_blocks.0.bias": one,
        "rpn.head.conv.weight": one,
        "roi_heads.mask_head.mask_fcn4.bias": one,
        "rpn.head.cls_logits.bias": one,
    }
    new = [
        "backbone.fpn.inner_blocks.3.0.weight",
        "backbone.fpn.layer_blocks.0.0.bias",
        "rpn.head.conv.0.0.weight",
        "roi_heads.mask_head.3.0.bias",
        "rpn.head.cls_logits.bias",
    ]
    assert list(torchvision_names(old)) == new
    assert list(torchvision_names(torchvision_names(old))) == new
