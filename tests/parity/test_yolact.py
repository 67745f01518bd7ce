"""YOLACT against the authors' public network and functions, by the golden files."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from golden import load

from lecturekit.instance.yolact import BOX_WEIGHTS, YOLACT, fast_nms, semantic_loss
from lecturekit.layers import boxes as B
from lecturekit.layers.pictures import resize_masks
from lecturekit.layers.priors import hard_example_loss, match
from lecturekit.layers.prototypes import assemble, mask_loss


def corners(boxes):
    """Centre and sides [N, 4] -> x1, y1, x2, y2."""
    return torch.cat((boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2), dim=1)


def centres(boxes):
    """The inverse of `corners`."""
    return torch.cat(B.centre_and_size(boxes), dim=1)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def small_paper():
    """The paper's priors and thresholds without its weights."""
    with torch.device("meta"):
        return YOLACT.paper(score_threshold=0.25, top_k=60)


@pytest.mark.parametrize("name", ["yolact_r50_fpn_550"])
def test_network(name):
    golden = load(name)
    model = YOLACT.from_official(golden.state_dict())
    assert sum(p.numel() for p in model.parameters()) == golden.parameters == 31_164_943
    (batch,) = golden.inputs()
    with torch.no_grad():
        outputs = model.outputs(batch)
        finest = model.fpn(list(model.backbone(batch).values())[1:])[0]
        semantic = model.semantic(finest)
    found = {
        "loc": outputs["boxes"],
        "conf": outputs["classes"],
        "mask": outputs["coefficients"],
        "proto": outputs["prototypes"].permute(0, 2, 3, 1),
        "priors": centres(outputs["priors"]),
        "segm": semantic,
    }
    assert set(found) == set(golden.outputs)
    for output in golden.outputs:
        golden.check(output, found[output])


@pytest.mark.parametrize("name", ["fn_yolact_priors550"])
def test_priors(name, small_paper):
    golden = load(name)
    levels = [torch.empty(1, 1, side, side) for side in (69, 35, 18, 9, 5)]
    priors = centres(small_paper.priors(levels))
    assert len(priors) == int(golden["count"])
    assert torch.allclose(priors[:: int(golden["stride"])], golden["sub"], rtol=0, atol=1e-6)


def read_detections(name):
    """The golden file, its numbers as `YOLACT.outputs` gives them, decoded boxes [P, 4], scores [C-1, P]."""
    golden = load(name)
    priors = corners(golden["priors"])
    outputs = {
        "boxes": golden["loc"],
        "classes": golden["conf_logits"],
        "coefficients": golden["coef"],
        "priors": priors,
        "prototypes": golden["proto"].permute(0, 3, 1, 2),
    }
    boxes = B.decode(golden["loc"][0], priors, BOX_WEIGHTS)
    scores = golden["conf_logits"][0].softmax(-1)[:, 1:].T
    return golden, outputs, boxes, scores


@pytest.mark.parametrize("name", ["fn_yolact_detect"])
def test_detection(name, small_paper):
    golden, _, boxes, scores = read_detections(name)
    assert torch.allclose(boxes, golden["decoded"], rtol=0, atol=1e-5)
    prior, label, score = small_paper.detect(boxes, scores)
    assert torch.allclose(score, golden["score"], rtol=0, atol=1e-6)
    assert torch.equal(label - 1, golden["cls"])
    assert torch.allclose(boxes[prior], golden["box"], rtol=0, atol=1e-5)
    assert torch.equal(golden["coef"][0, prior], golden["mask_coef"])


@pytest.mark.parametrize("name", ["fn_yolact_detect"])
def test_detection_across_classes(name):
    golden, _, boxes, scores = read_detections(name)
    best, label = scores.max(dim=0)
    sure = (best > 0.25).nonzero()[:, 0]
    _, kept = fast_nms(boxes[sure], best[sure][None], 0.5, 60)
    assert torch.allclose(boxes[sure][kept], golden["cc_box"], rtol=0, atol=1e-5)
    assert torch.allclose(best[sure][kept], golden["cc_score"], rtol=0, atol=1e-6)
    assert torch.equal(label[sure][kept], golden["cc_cls"])


@pytest.mark.parametrize("name", ["fn_yolact_detect"])
def test_mask_assembly(name, small_paper):
    golden, outputs, _, _ = read_detections(name)
    n = golden["masks_lo"].shape[-1]
    masks = assemble(outputs["prototypes"][0], golden["mask_coef"][:n], golden["box"][:n])
    assert torch.allclose(masks.permute(1, 2, 0), golden["masks_lo"], rtol=0, atol=1e-5)

    (found,) = small_paper.decode(outputs, [(41, 53)])
    shape = golden["post_masks_shape"].tolist()
    bits = np.unpackbits(golden["post_masks"].numpy())[: np.prod(shape)].reshape(shape)
    assert torch.equal(found["boxes"].long(), golden["post_box"])
    assert torch.equal(found["labels"] - 1, golden["post_cls"])
    assert torch.allclose(found["scores"], golden["post_score"], rtol=0, atol=1e-6)
    differing = (found["masks"][:, 0] > 0.5) != torch.from_numpy(bits).bool()
    assert differing.float().mean() < 1e-5


@pytest.mark.parametrize("name", ["fn_yolact_losses"])
def test_matching_and_losses(name):
    golden = load(name)
    priors, boxes = corners(golden["p_priors"]), golden["targets"][None, :, :4]
    labels = golden["targets"][:, 4].long() + 1
    matched = match(boxes, priors)
    positive = matched >= 0
    classes = torch.where(positive, labels[matched.clamp(min=0)], matched - B.BACKGROUND)
    assert torch.equal(classes[0], golden["conf_t"])
    assert torch.equal(matched[positive], golden["idx_t"][positive[0]])
    moves = B.encode(boxes[0, matched[positive]], priors[positive[0]], BOX_WEIGHTS)
    assert torch.allclose(moves, golden["loc_t"][positive[0]], rtol=1e-4, atol=1e-5)

    prototypes = golden["p_proto"].permute(0, 3, 1, 2)
    true_masks = [golden["gt_masks"]]
    small = resize_masks(true_masks, prototypes.shape[2:])
    n = positive.sum()
    expected = {letter: float(golden[f"loss_{letter}"]) for letter in "BMCS"}
    box = F.smooth_l1_loss(golden["p_loc"][positive], moves, reduction="sum") / n * 1.5
    assert float(box) == pytest.approx(expected["B"], rel=1e-4)
    mask = mask_loss(prototypes, golden["p_mask"], matched, boxes, small) / n * 6.125
    assert float(mask) == pytest.approx(expected["M"], rel=1e-4)
    assert float(hard_example_loss(golden["p_conf"], classes) / n) == pytest.approx(expected["C"], rel=1e-4)
    semantic = semantic_loss(golden["p_segm"], [labels], resize_masks(true_masks, golden["p_segm"].shape[2:]))
    assert float(semantic) == pytest.approx(expected["S"], rel=1e-4)


@pytest.mark.parametrize("name", ["fn_yolact_losses"])
def test_the_models_loss_is_the_same(name):
    """`YOLACT.loss` on the file's numbers: targets in pixels, everything weighted."""
    golden = load(name)
    outputs = {
        "boxes": golden["p_loc"],
        "classes": golden["p_conf"],
        "coefficients": golden["p_mask"],
        "priors": corners(golden["p_priors"]),
        "prototypes": golden["p_proto"].permute(0, 3, 1, 2),
        "semantic": golden["p_segm"],
    }
    height, width = golden["gt_masks"].shape[1:]
    target = {
        "boxes": golden["targets"][:, :4] * torch.tensor([width, height, width, height]),
        "labels": golden["targets"][:, 4].long() + 1,
        "masks": golden["gt_masks"],
    }
    with torch.device("meta"):
        model = YOLACT.paper()
    losses = model.loss(outputs, [target])
    letters = {"loss_box_reg": "B", "loss_mask": "M", "loss_classifier": "C", "loss_semantic": "S"}
    assert losses.keys() == letters.keys()
    for ours, letter in letters.items():
        assert float(losses[ours]) == pytest.approx(float(golden[f"loss_{letter}"]), rel=1e-4)
