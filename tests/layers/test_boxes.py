"""The readable box functions against torchvision's, values and gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import ops
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder, Matcher

from lecturekit.layers import boxes as B

torch.set_num_threads(1)
coordinate = st.floats(-20, 150, width=32)
side = st.one_of(st.just(0.0), st.floats(0.125, 120, width=32))
FEW = settings(max_examples=60, deadline=None)


@st.composite
def box_lists(draw, smallest=0, largest=12, sides=side):
    """Boxes [N, 4], some of them without area, some twice."""
    rows = draw(
        st.lists(st.tuples(coordinate, coordinate, sides, sides), min_size=smallest, max_size=largest)
    )
    boxes = [(x, y, x + w, y + h) for x, y, w, h in rows]
    if boxes and draw(st.booleans()):
        boxes.append(boxes[0])
    return torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)


real = st.floats(0.125, 120, width=32)


@FEW
@given(box_lists(), box_lists())
def test_iou_is_torchvisions(a, b):
    expected = ops.box_iou(a, b).nan_to_num(0)  # torchvision: 0 / 0 between two boxes without area
    assert B.iou(a, b).shape == (len(a), len(b))
    torch.testing.assert_close(B.iou(a, b), expected, atol=1e-5, rtol=0)


@FEW
@given(box_lists(smallest=1, sides=real), box_lists(smallest=1, sides=real))
def test_iou_has_torchvisions_gradient(a, b):
    weights = torch.linspace(-1, 1, len(a) * len(b)).view(len(a), len(b))
    for leaf in (a, b):
        leaf.requires_grad_()
    ours = torch.autograd.grad((B.iou(a, b) * weights).sum(), (a, b))
    theirs = torch.autograd.grad((ops.box_iou(a, b) * weights).sum(), (a, b))
    for g, h in zip(ours, theirs, strict=True):
        torch.testing.assert_close(g, h, atol=1e-5, rtol=1e-5)


def test_iou_by_hand():
    a = torch.tensor([[0.0, 0, 4, 4]])
    b = torch.tensor([[0.0, 0, 4, 4], [2, 2, 6, 6], [4, 0, 8, 4], [5, 5, 5, 5], [1, 1, 3, 2]])
    torch.testing.assert_close(B.iou(a, b), torch.tensor([[1, 4 / 28, 0, 0, 2 / 16]]))
    assert B.iou(b[3:4], b[3:4]).item() == 0


def test_iou_of_batches_pairs_only_within_each_picture():
    a, b = torch.rand(3, 5, 4) + torch.tensor([0, 0, 1, 1]), torch.rand(3, 7, 4) + torch.tensor([0, 0, 1, 1])
    expected = torch.stack([B.iou(x, y) for x, y in zip(a, b, strict=True)])
    assert torch.equal(B.iou(a, b), expected)
    assert torch.equal(B.iou(a, b[0]), torch.stack([B.iou(x, b[0]) for x in a]))


@FEW
@given(
    st.integers(1, 12), st.integers(0, 10**6), st.sampled_from([(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
)
def test_box_coding_is_torchvisions(n, seed, weights):
    torch.manual_seed(seed)
    boxes, anchors = (torch.rand(n, 4) * 60 + torch.tensor([0, 0, 61, 61]) for _ in range(2))
    for leaf in (boxes, anchors):
        leaf.requires_grad_()
    coder = BoxCoder(weights)
    deltas, expected = B.encode(boxes, anchors, weights), coder.encode_single(boxes, anchors)
    torch.testing.assert_close(deltas, expected, atol=1e-5, rtol=1e-5)
    for g, h in zip(
        torch.autograd.grad(deltas.square().sum(), (boxes, anchors)),
        torch.autograd.grad(expected.square().sum(), (boxes, anchors)),
        strict=True,
    ):
        torch.testing.assert_close(g, h, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(B.decode(deltas, anchors, weights), boxes, atol=1e-3, rtol=1e-5)


@FEW
@given(st.integers(0, 12), st.integers(0, 10**6), st.floats(0.1, 8))
def test_decoding_is_torchvisions_also_where_it_is_clamped(n, seed, spread):
    torch.manual_seed(seed)
    weights = (10.0, 10.0, 5.0, 5.0)
    anchors = torch.rand(n, 4) * 60 + torch.tensor([0, 0, 61, 61])
    deltas = (torch.randn(n, 4) * spread * torch.tensor(weights)).requires_grad_()
    ours, theirs = B.decode(deltas, anchors, weights), BoxCoder(weights).decode_single(deltas, anchors)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    signs = torch.linspace(-1, 1, 4 * n).view(n, 4)
    for g, h in zip(
        torch.autograd.grad((ours * signs).sum(), deltas),
        torch.autograd.grad((theirs * signs).sum(), deltas),
        strict=True,
    ):
        torch.testing.assert_close(g, h, atol=1e-5, rtol=1e-5)


def test_coding_by_hand():
    anchor, box = torch.tensor([[0.0, 0, 10, 20]]), torch.tensor([[5.0, 0, 15, 40]])
    deltas = B.encode(box, anchor, (10, 10, 5, 5))
    torch.testing.assert_close(deltas, torch.tensor([[5.0, 5.0, 0.0, 5 * 0.6931472]]))
    huge = B.decode(torch.tensor([[0.0, 0, 100, 0]]), anchor)
    torch.testing.assert_close(huge[0, 2] - huge[0, 0], torch.tensor(625.0))


@FEW
@given(box_lists(), st.integers(1, 200), st.integers(1, 200))
def test_clip_and_area_are_torchvisions(boxes, height, width):
    assert torch.equal(B.clip(boxes, (height, width)), ops.clip_boxes_to_image(boxes, (height, width)))
    torch.testing.assert_close(B.area(boxes), ops.box_area(boxes))


@FEW
@given(box_lists(largest=25), st.integers(0, 10**6), st.sampled_from([0.3, 0.5, 0.7]))
def test_nms_is_torchvisions(boxes, seed, threshold):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randperm(len(boxes), generator=generator).float()
    overlaps = ops.box_iou(boxes, boxes)
    if ((overlaps - threshold).abs() < 1e-5).any():
        return  # too close to call in float32
    assert torch.equal(B.nms(boxes, scores, threshold), ops.nms(boxes, scores, threshold))
    groups = torch.randint(3, (len(boxes),), generator=generator)
    expected = ops.boxes._batched_nms_vanilla(boxes, scores, groups, threshold)
    assert torch.equal(B.batched_nms(boxes, scores, groups, threshold), expected)


def test_nms_keeps_the_best_of_a_cluster_and_what_only_a_dropped_box_overlaps():
    boxes = torch.tensor([[0.0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10], [40, 0, 50, 10]])
    assert B.nms(boxes, torch.tensor([0.9, 0.8, 0.7, 0.1]), 0.4).tolist() == [0, 2, 3]
    assert B.nms(boxes, torch.tensor([0.8, 0.9, 0.7, 0.1]), 0.4).tolist() == [1, 3]
    assert B.nms(boxes[:2], torch.tensor([0.5, 0.6]), 60 / 140).tolist() == [1, 0]  # an equal overlap stays
    assert B.batched_nms(
        boxes, torch.tensor([0.9, 0.8, 0.7, 0.1]), torch.tensor([0, 1, 0, 0]), 0.4
    ).tolist() == [
        0,
        1,
        2,
        3,
    ]


@FEW
@given(box_lists(smallest=1, sides=real), box_lists(smallest=1, largest=40, sides=real), st.booleans())
def test_matching_is_torchvisions(objects, proposals, keep_best):
    overlaps = ops.box_iou(objects, proposals)
    expected = Matcher(0.7, 0.3, allow_low_quality_matches=keep_best)(overlaps.clone())
    assert torch.equal(B.match(overlaps, 0.7, 0.3, keep_best=keep_best), expected)


def test_matching_by_hand():
    overlaps = torch.tensor([[0.7, 0.69, 0.3, 0.29, 0.0], [0.1, 0.2, 0.25, 0.2, 0.25]])
    assert B.match(overlaps, 0.7, 0.3).tolist() == [0, B.BETWEEN, B.BETWEEN, B.BACKGROUND, B.BACKGROUND]
    # object 1 is best matched by anchors 2 and 4, but anchor 2 overlaps object 0 more
    assert B.match(overlaps, 0.7, 0.3, keep_best=True).tolist() == [0, -2, 0, -1, 1]
    padded = torch.cat((overlaps, torch.full((1, 5), -1.0)))
    assert B.match(padded, 0.7, 0.3, keep_best=True).tolist() == [0, -2, 0, -1, 1]
    assert B.match(torch.full((2, 3, 5), -1.0), 0.7, 0.3, keep_best=True).eq(B.BACKGROUND).all()
    assert B.match(torch.zeros(2, 0, 5), 0.7, 0.3).tolist() == [[-1] * 5] * 2


@FEW
@given(st.integers(0, 10**6), st.integers(1, 40), st.sampled_from([0.25, 0.5]))
def test_sampling_is_torchvisions_from_the_same_seed(seed, count, fraction):
    labels = torch.randint(-1, 3, (3, 60), generator=torch.Generator().manual_seed(seed))
    labels[1] = labels[1].clamp(max=0)
    torch.manual_seed(seed)
    positive, negative = B.sample(labels, count, fraction)
    torch.manual_seed(seed)
    expected = BalancedPositiveNegativeSampler(count, fraction)(list(labels))
    assert torch.equal(positive, torch.stack(expected[0]).bool())
    assert torch.equal(negative, torch.stack(expected[1]).bool())
    assert (positive.sum(1) <= count * fraction).all()
    assert ((positive | negative).sum(1) <= count).all()


@pytest.mark.parametrize("n", [0, 1])
def test_few_boxes_are_legal_everywhere(n):
    boxes = torch.tensor([[1.0, 2, 3, 4]])[:n]
    assert B.iou(boxes, boxes).shape == (n, n)
    assert B.nms(boxes, torch.rand(n), 0.5).tolist() == list(range(n))
    assert B.batched_nms(boxes, torch.rand(n), torch.zeros(n), 0.5).tolist() == list(range(n))
    assert B.decode(B.encode(boxes, boxes), boxes).shape == (n, 4)
