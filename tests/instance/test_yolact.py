"""YOLACT's functions against plain loops and brute force, and the tiny network's three steps."""

import math

import pytest
import torch
import torch.nn.functional as F

from lecturekit.data import TownScenes, collate
from lecturekit.instance import yolact
from lecturekit.instance.yolact import YOLACT, fast_nms, semantic_loss
from lecturekit.layers import boxes as B
from lecturekit.layers.checkpoints import yolact_names
from lecturekit.layers.priors import hard_example_loss, make_priors, match, one_each
from lecturekit.layers.prototypes import assemble, inside, mask_loss


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return YOLACT.tiny()


@pytest.fixture(scope="module")
def batch():
    scenes = TownScenes(first=31_000_000, count=3)
    return collate([scenes[i] for i in range(3)])


def random_boxes(generator, n, smallest=0.1):
    corner = torch.rand(n, 2, generator=generator) * 0.6
    side = smallest + torch.rand(n, 2, generator=generator) * 0.3
    return torch.cat((corner, corner + side), dim=1)


# priors


def test_priors_lie_around_pixel_centres_and_have_the_ratio():
    priors = make_priors([(2, 4)], ((10, 20),), (1, 0.5), 100, square=False)
    assert priors.shape == (2 * 4 * 4, 4)
    centre, side = B.centre_and_size(priors.view(2, 4, 4, 4))
    assert torch.allclose(centre[0, 0], torch.tensor([0.125, 0.25]).expand(4, 2))
    assert torch.allclose(centre[1, 3], torch.tensor([0.875, 0.75]).expand(4, 2))
    assert torch.allclose(side[0, 0, :, 0] / side[0, 0, :, 1], torch.tensor([1, 0.5, 1, 0.5]))
    assert torch.allclose(side.prod(-1)[0, 0].sqrt(), torch.tensor([0.1, 0.1, 0.2, 0.2]))  # area kept


def test_square_priors_change_their_size_instead():
    _, side = B.centre_and_size(make_priors([(1, 1)], ((10,),), (1, 0.5, 2), 100))
    assert torch.allclose(side[:, 0], side[:, 1])
    assert torch.allclose(side[:, 0], torch.tensor([0.1, 0.1 * 0.5**0.5, 0.1 * 2**0.5]))


def test_scales_must_fit_the_levels():
    with pytest.raises(ValueError, match=r"scales.*5 levels"):
        YOLACT.paper(scales=((24,), (48,)))
    with pytest.raises(ValueError, match="scales"):
        YOLACT.tiny(scales=((10,), (20, 30), (40,)))


# matching


def greedy(overlaps):
    """The best pair of [N, P], again and again."""
    left, owner = overlaps.clone(), torch.full((overlaps.shape[1],), -1)
    for _ in range(min(left.shape)):
        row, column = divmod(int(left.argmax()), left.shape[1])
        owner[column] = row
        left[row], left[:, column] = -1, -1
    return owner


@pytest.mark.parametrize(("objects", "priors"), [(1, 1), (4, 30), (9, 9), (7, 3), (12, 200)])
def test_one_prior_each_is_the_greedy_assignment(generator, objects, priors):
    overlaps = torch.rand(5, objects, priors, generator=generator)
    expected = torch.stack([greedy(o) for o in overlaps])
    assert torch.equal(one_each(overlaps), expected)


def test_objects_that_want_the_same_prior_get_different_ones():
    overlaps = torch.tensor([[[0.9, 0.2, 0.1], [0.8, 0.1, 0.3]]])
    assert one_each(overlaps).tolist() == [[0, -1, 1]]


def test_every_object_is_matched_and_padding_never(generator):
    priors = make_priors([(4, 4)], ((20,),), (1,), 100)
    boxes = torch.zeros(2, 3, 4)
    boxes[0] = torch.tensor([[0.01, 0.01, 0.02, 0.02], [0.5, 0.5, 0.52, 0.52], [0.0, 0.0, 1.0, 1.0]])
    matched = match(boxes, priors)
    assert sorted(matched[0][matched[0] >= 0].tolist()) == [0, 1, 2]  # though no IoU reaches 0.5
    assert (matched[1] == B.BACKGROUND).all()
    assert (match(torch.zeros(1, 1, 4), priors) == B.BACKGROUND).all()


def test_between_the_thresholds_a_prior_is_ignored():
    priors = torch.tensor([[0.0, 0, 1, 1], [0, 0, 1, 0.45], [0, 0, 1, 0.3], [0, 0, 1, 0.6]])
    assert match(torch.tensor([[[0.0, 0, 1, 1]]]), priors).tolist() == [[0, B.BETWEEN, B.BACKGROUND, 0]]


# losses


def test_hard_example_loss_takes_three_negatives_a_positive_and_the_hardest(generator):
    logits = torch.randn(2, 40, 5, generator=generator)
    labels = torch.zeros(2, 40, dtype=torch.int64)
    labels[0, :2], labels[1, :3], labels[:, 3:8] = 4, 2, -1
    total = 0.0
    for row, label in zip(logits, labels, strict=True):
        loss = F.cross_entropy(row, label.clamp(min=0), reduction="none")
        negatives = loss[label == 0].sort(descending=True).values[: 3 * int((label > 0).sum())]
        total += float(loss[label > 0].sum() + negatives.sum())
    assert float(hard_example_loss(logits, labels)) == pytest.approx(total, rel=1e-5)


def test_hard_example_loss_never_counts_ignored_priors_and_knows_empty_pictures(generator):
    logits = torch.randn(1, 10, 3, generator=generator)
    labels = torch.full((1, 10), -1)
    labels[0, 0], labels[0, 1] = 1, 0  # one negative where three are wanted
    expected = F.cross_entropy(logits[0, :2], labels[0, :2], reduction="sum")
    assert torch.allclose(hard_example_loss(logits, labels), expected)
    nothing = torch.zeros(1, 10, dtype=torch.int64)
    hardest = F.cross_entropy(logits[0], nothing[0], reduction="none").sort(descending=True).values[:3].sum()
    assert torch.allclose(hard_example_loss(logits, nothing), hardest)


def slow_mask_loss(prototypes, coefficients, matched, boxes, masks):
    """The same, one positive after another, pixel sums over a cropped window."""
    height, width = prototypes.shape[2:]
    total = 0.0
    for b, p in (matched >= 0).nonzero().tolist():
        n = int(matched[b, p])
        box = boxes[b, n]
        logits = (prototypes[b] * coefficients[b, p][:, None, None]).sum(0)
        loss = F.binary_cross_entropy_with_logits(logits, masks[b][n].float(), reduction="none")
        x1, x2 = (float(box[i]) * width for i in (0, 2))
        y1, y2 = (float(box[i]) * height for i in (1, 3))
        for y in range(height):
            for x in range(width):
                if x1 - 1 <= x < x2 + 1 and y1 - 1 <= y < y2 + 1:
                    total += float(loss[y, x]) / ((x2 - x1) * (y2 - y1))
    return total


def test_mask_loss_is_the_slow_one(generator):
    prototypes = torch.rand(2, 3, 9, 11, generator=generator)
    coefficients = torch.randn(2, 6, 3, generator=generator)
    boxes = torch.stack([random_boxes(generator, 2), random_boxes(generator, 2)])
    masks = [torch.rand(2, 9, 11, generator=generator) > 0.5 for _ in range(2)]
    matched = torch.tensor([[0, 1, -1, -2, 1, -1], [-1, -1, 0, -1, -1, -1]])
    found = mask_loss(prototypes, coefficients, matched, boxes, masks)
    assert float(found) == pytest.approx(
        slow_mask_loss(prototypes, coefficients, matched, boxes, masks), rel=1e-4
    )


def test_a_hundred_masks_stand_for_all():
    """Identical positives: the sum over 250 of them is 250 times one, though 100 are computed."""
    prototypes, boxes = torch.ones(1, 2, 8, 8), torch.tensor([[[0.25, 0.25, 0.75, 0.75]]])
    masks = [torch.ones(1, 8, 8, dtype=torch.bool)]
    one, many = (
        mask_loss(prototypes, torch.ones(1, n, 2), torch.zeros(1, n, dtype=torch.int64), boxes, masks)
        for n in (1, 250)
    )
    assert float(many) == pytest.approx(250 * float(one), rel=1e-5)


def test_semantic_loss_unites_the_objects_of_a_class():
    masks = torch.zeros(2, 2, 2, dtype=torch.bool)
    masks[0, 0], masks[1, :, 0] = True, True  # they share a pixel
    truth = torch.tensor([[[1.0, 1], [1, 0]], [[0, 0], [0, 0]]])
    logits = torch.linspace(-2, 2, 16).view(2, 2, 2, 2)
    found = semantic_loss(
        logits, [torch.tensor([1, 1]), torch.zeros(0, dtype=torch.int64)], [masks, masks[:0]]
    )
    expected = F.binary_cross_entropy_with_logits(
        logits, torch.stack((truth, torch.zeros_like(truth))), reduction="sum"
    )
    assert torch.allclose(found, expected / (2 * 4))


# assembly and Fast NMS


def test_a_crop_is_the_box_and_one_pixel_more():
    kept = inside(torch.tensor([[0.25, 0.5, 0.5, 0.75]]), (8, 16))[0]
    assert kept.any(0).nonzero()[:, 0].tolist() == list(range(3, 9))  # columns 4..7 and one on either side
    assert kept.any(1).nonzero()[:, 0].tolist() == list(range(3, 7))


def test_assembly_is_the_formula_pixel_by_pixel(generator):
    prototypes = torch.rand(4, 6, 7, generator=generator)
    coefficients = torch.randn(3, 4, generator=generator)
    boxes = torch.tensor([[0.0, 0, 1, 1]]).expand(3, 4)
    masks = assemble(prototypes, coefficients, boxes)
    for n in range(3):
        for y in range(6):
            for x in range(7):
                logit = sum(float(coefficients[n, k] * prototypes[k, y, x]) for k in range(4))
                assert float(masks[n, y, x]) == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5)
    assert assemble(prototypes, coefficients[:0], boxes[:0]).shape == (0, 6, 7)


def slow_fast_nms(boxes, scores, threshold):
    """Class by class, box by box: dropped if any better one overlaps it, dropped or not."""
    kept = set()
    for row in range(len(scores)):
        order = scores[row].argsort(descending=True).tolist()
        for rank, i in enumerate(order):
            overlaps = [float(B.iou(boxes[j][None], boxes[i][None])) for j in order[:rank]]
            if all(o <= threshold for o in overlaps):
                kept.add((row, i))
    return kept


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_fast_nms_is_the_slow_one(generator, threshold):
    boxes = random_boxes(generator, 25)
    scores = torch.rand(3, 25, generator=generator)
    row, index = fast_nms(boxes, scores, threshold)
    assert set(zip(row.tolist(), index.tolist(), strict=True)) == slow_fast_nms(boxes, scores, threshold)


def test_fast_nms_lets_the_dropped_drop_others_and_usual_nms_does_not():
    boxes = torch.tensor(
        [[0.0, 0, 10, 10], [0, 3, 10, 13], [0, 6, 10, 16]]
    )  # IoU of neighbours 0.54, of ends 0.25
    scores = torch.tensor([0.9, 0.8, 0.7])
    assert B.nms(boxes, scores, 0.5).tolist() == [0, 2]
    assert fast_nms(boxes, scores[None], 0.5)[1].tolist() == [0]
    assert sorted(fast_nms(boxes, scores[None], 0.6)[1].tolist()) == [0, 1, 2]


def test_fast_nms_looks_at_the_best_k_and_at_nothing():
    boxes = torch.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6], [9, 9, 10, 10]])
    assert sorted(fast_nms(boxes, torch.tensor([[0.1, 0.3, 0.2]]), 0.5, top_k=2)[1].tolist()) == [1, 2]
    row, index = fast_nms(boxes[:0], torch.zeros(4, 0), 0.5)
    assert len(row) == len(index) == 0


# the network


def test_the_three_steps_are_forward(model, batch):
    images, targets = batch
    sizes = [tuple(image.shape[-2:]) for image in images]
    with torch.no_grad():
        model.train()
        torch.manual_seed(5)
        expected = model(images, targets)
        torch.manual_seed(5)
        assert model.loss(model.outputs(model.prepare(images)), targets) == expected
        assert all(loss > 0 for loss in expected.values())
        model.eval()
        outputs = model.outputs(model.prepare(images))
        assert "semantic" not in outputs
        for ours, theirs in zip(model.decode(outputs, sizes), model(images), strict=True):
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_perfect_outputs_decode_to_the_targets(model, batch):
    """Outputs made from the targets: each object's mask is a prototype of its own."""
    images, targets = batch
    model.eval()
    with torch.no_grad():
        outputs = model.outputs(model.prepare(images[:1]))
    target, priors = targets[0], outputs["priors"]
    boxes = target["boxes"] / 128
    matched = match(boxes[None], priors)[0]
    chosen = torch.tensor([int((matched == n).nonzero()[0]) for n in range(len(boxes))])
    outputs["boxes"] = torch.zeros_like(outputs["boxes"])
    outputs["boxes"][0, chosen] = B.encode(boxes, priors[chosen], yolact.BOX_WEIGHTS)
    outputs["classes"] = torch.zeros_like(outputs["classes"])
    outputs["classes"][..., 0] = 20
    outputs["classes"][0, chosen, target["labels"]] = 40 - torch.arange(len(boxes)).float()
    outputs["prototypes"] = target["masks"][None].float()
    outputs["coefficients"] = torch.full((1, len(priors), len(boxes)), -9.0)
    outputs["coefficients"][0, chosen] = torch.eye(len(boxes)) * 18 - 9
    # pixels of no mask have logit 0: a constant prototype pushes them below
    outputs["prototypes"] = torch.cat((outputs["prototypes"], torch.ones(1, 1, 128, 128)), dim=1)
    outputs["coefficients"] = torch.cat(
        (outputs["coefficients"], torch.full((1, len(priors), 1), -4.0)), dim=2
    )
    (found,) = model.decode(outputs, [(128, 128)])
    order = found["boxes"][:, 0].argsort(), target["boxes"][:, 0].argsort()
    assert len(found["scores"]) == len(boxes)
    assert torch.equal(found["labels"][order[0]], target["labels"][order[1]])
    assert torch.allclose(found["boxes"][order[0]], target["boxes"][order[1]], atol=1e-3)
    assert torch.equal((found["masks"][:, 0] > 0.5)[order[0]], target["masks"][order[1]].bool())


def test_the_targets_scale_with_the_picture(model, batch):
    """A picture of twice the size with targets of twice the size: the network sees the same objects."""
    images, targets = batch
    target = targets[0]
    twice = {
        "boxes": target["boxes"] * 2,
        "labels": target["labels"],
        "masks": target["masks"].repeat_interleave(2, 1).repeat_interleave(2, 2),
    }
    model.train()
    with torch.no_grad():
        outputs = model.outputs(model.prepare(images[:1]))
        one, two = model.loss(outputs, [target]), model.loss(outputs, [twice])
    for name in ("loss_classifier", "loss_box_reg"):
        assert float(one[name]) == pytest.approx(float(two[name]), rel=1e-4)
    assert float(one["loss_mask"]) == pytest.approx(float(two["loss_mask"]), rel=0.05)


def test_thresholds_and_limits_do_what_they_say(batch):
    torch.manual_seed(0)
    model = YOLACT.tiny(class_threshold=0.0, score_threshold=0.0).eval()
    images = batch[0][:1]
    with torch.no_grad():
        (everything,) = model(images)
        assert len(everything["scores"]) == 100
        assert (everything["scores"].diff() <= 0).all()
        middle = float(everything["scores"][20])
        model.class_threshold = middle
        assert (model(images)[0]["scores"] > middle).all()
        model.class_threshold, model.detections_per_image = 0.0, 7
        assert torch.equal(model(images)[0]["scores"], everything["scores"][:7])
        model.score_threshold = 1.0
        assert model(images)[0]["masks"].shape == (0, 1, 128, 128)


def test_tiny_is_small_and_its_parts_have_telling_names(model):
    assert sum(p.numel() for p in model.parameters()) <= 1_200_000
    names = dict(model.named_modules())
    for name in (
        "prototypes",
        "heads",
        "heads.coefficients",
        "heads.boxes",
        "heads.classes",
        "fpn.p3",
        "semantic",
    ):
        assert name in names


# the authors' checkpoints


def test_keys_are_renamed_and_early_files_idle_ones_left_out():
    some = torch.zeros(1)
    keys = {
        "backbone.layers.3.0.bn1.weight": "backbone.layer4.0.bn1.weight",
        "backbone.conv1.weight": "backbone.conv1.weight",
        "fpn.lat_layers.0.bias": "fpn.lateral.c5.bias",
        "fpn.pred_layers.2.weight": "fpn.p3.0.weight",
        "fpn.downsample_layers.1.weight": "fpn.p7.weight",
        "proto_net.4.weight": "prototypes.2.0.weight",
        "proto_net.8.weight": "prototypes.4.0.weight",
        "proto_net.10.bias": "prototypes.5.bias",
        "prediction_layers.0.upfeature.0.weight": "heads.shared.0.weight",
        "prediction_layers.0.conf_layer.bias": "heads.classes.bias",
        "semantic_seg_conv.weight": "semantic.weight",
    }
    early = ["backbone.layer1.0.conv1.weight", "fpn.downsample_layers.2.weight"]
    assert set(yolact_names(dict.fromkeys([*keys, *early], some))) == set(keys.values())


def test_a_checkpoint_with_a_misshapen_key_is_refused():
    with torch.device("meta"):
        paper = YOLACT.paper()
    state = {k: torch.empty(v.shape, device="meta") for k, v in paper.state_dict().items()}
    state["heads.boxes.weight"] = torch.empty(3, 3, device="meta")
    state = {k.replace("backbone.layer", "backbone.layers."): v for k, v in state.items()}
    renumbered = {}
    for key, value in state.items():  # ours count stages from 1, the authors' from 0
        head, _, rest = key.partition("backbone.layers.")
        renumbered[f"backbone.layers.{int(rest[0]) - 1}{rest[1:]}" if not head and rest else key] = value
    with pytest.raises(ValueError, match=r"misshapen.*heads\.boxes\.weight.*\(3, 3\)"):
        YOLACT.from_official(renumbered)
