"""The exercises' references are right, and typical wrong answers get the hint that is meant for them."""

import pytest
import torch

from lecturekit import exercises

torch.set_num_threads(1)


def solution(feature, x, y):
    """The worked solution of the lesson."""
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, feature.shape[1] - 1), min(y0 + 1, feature.shape[0] - 1)
    fx, fy = x - x0, y - y0
    top = feature[y0, x0] * (1 - fx) + feature[y0, x1] * fx
    bottom = feature[y1, x0] * (1 - fx) + feature[y1, x1] * fx
    return top * (1 - fy) + bottom * fy


def interpolated(feature, x, y):
    """An oracle: torch's grid_sample."""
    height, width = feature.shape
    grid = torch.tensor([[[[2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1]]]])
    return torch.nn.functional.grid_sample(feature[None, None], grid, align_corners=True)[0, 0, 0, 0]


@pytest.mark.parametrize("answer", [solution, interpolated])
def test_right_answers_pass(answer, capsys):
    assert exercises.bilinear.check(answer)
    assert "all 7 right" in capsys.readouterr().out


def without_border(feature, x, y):
    x0, y0, fx, fy = int(x), int(y), x - int(x), y - int(y)
    top = feature[y0, x0] * (1 - fx) + feature[y0, x0 + 1] * fx
    return top * (1 - fy) + fy * (feature[y0 + 1, x0] * (1 - fx) + feature[y0 + 1, x0 + 1] * fx)


def rows_first(feature, x, y):
    return solution(feature.T, x, y)


def far_counts_more(feature, x, y):
    x0, y0 = int(x), int(y)
    return solution(feature, 2 * x0 + 1 - x, 2 * y0 + 1 - y)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda f, x, y: f[round(y), round(x)], "nearest pixel"),
        (rows_first, "indexed feature[y, x]"),
        (far_counts_more, "the nearer a neighbour"),
        (lambda f, x, y: f[int(y) : int(y) + 2, int(x) : int(x) + 2].mean(), "do not count alike"),
        (without_border, "stopped with IndexError"),
    ],
)
def test_wrong_answers_get_their_hint(answer, words, capsys):
    assert not exercises.bilinear.check(answer)
    assert words in capsys.readouterr().out


# --- assemble -----------------------------------------------------------------------------------


def one_by_one(prototypes, coefficients, boxes):
    """Pixel by pixel."""
    count, height, width = len(prototypes), *prototypes.shape[1:]
    masks = torch.zeros(len(boxes), height, width)
    for n, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        for y in range(height):
            for x in range(width):
                total = sum(coefficients[n, k] * prototypes[k, y, x] for k in range(count))
                if x1 * width <= x < x2 * width and y1 * height <= y < y2 * height:
                    masks[n, y, x] = 1 / (1 + torch.exp(-total))
    return masks


def einsum(prototypes, coefficients, boxes):
    _, height, width = prototypes.shape
    masks = torch.einsum("nk,khw->nhw", coefficients, prototypes).sigmoid()
    left, top, right, bottom = (boxes.T * torch.tensor([width, height, width, height])[:, None])[..., None]
    x, y = torch.arange(width), torch.arange(height)
    masks = masks * ((x >= left) & (x < right))[:, None]
    return masks * ((y >= top) & (y < bottom))[:, :, None]


@pytest.mark.parametrize("answer", [one_by_one, einsum])
def test_assemblies_pass(answer, capsys):
    assert exercises.assemble.check(answer)
    assert "all 5 right" in capsys.readouterr().out


def logits(p, c):
    return (c @ p.flatten(1)).reshape(len(c), *p.shape[1:])


def crop(boxes, p):
    return (einsum(p, torch.zeros(len(boxes), len(p)), boxes) > 0).float()


def transposed(p, c, b):
    return (p.flatten(1).T @ c).sigmoid().reshape(len(b), *p.shape[1:]) * crop(b, p)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda p, c, b: logits(p, c).sigmoid(), "reach beyond their boxes"),
        (lambda p, c, b: logits(p, c) * crop(b, p), "those are logits"),
        (lambda p, c, b: (logits(p, c) * crop(b, p)).sigmoid(), "half a mask"),
        (lambda p, c, b: logits(p.sigmoid(), c) * crop(b, p), "after the sum"),
        (lambda p, c, b: logits(p, c).sigmoid() * crop(b[:, [1, 0, 3, 2]], p), "x counts columns"),
        (lambda p, c, b: logits(p, c.abs()).sigmoid() * crop(b, p), "keep their sign"),
        (transposed, "stopped with RuntimeError"),
    ],
)
def test_wrong_assemblies_get_their_hint(answer, words, capsys):
    assert not exercises.assemble.check(answer)
    assert words in capsys.readouterr().out


# --- fast_nms -----------------------------------------------------------------------------------


def by_loops(overlaps, threshold):
    return [all(overlaps[i, j] <= threshold for i in range(j)) for j in range(len(overlaps))]


def by_maxima(overlaps, threshold):
    return overlaps.triu(1).max(dim=0).values <= threshold


@pytest.mark.parametrize("answer", [by_loops, by_maxima])
def test_fast_suppressions_pass(answer, capsys):
    assert exercises.fast_nms.check(answer)
    assert "all 6 right" in capsys.readouterr().out


def usual(overlaps, threshold):
    kept = []
    for j in range(len(overlaps)):
        if all(overlaps[i, j] <= threshold for i in kept):
            kept.append(j)
    return torch.tensor([j in kept for j in range(len(overlaps))])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (usual, "that is the usual NMS"),
        (lambda o, t: o.triu().amax(0) <= t, "leave the diagonal out"),
        (lambda o, t: o.amax(0) <= t, "leave the diagonal out"),
        (lambda o, t: o.fill_diagonal_(0).amax(0) <= t, "only a better box"),
        (lambda o, t: o.triu(1).amax(1) <= t, "look down the columns"),
        (lambda o, t: o.triu(1).amax(0) > t, "True is for boxes that are kept"),
        (lambda o, t: o.triu(1) <= t, "shape [2, 2]; expected [2]"),
    ],
)
def test_wrong_suppressions_get_their_hint(answer, words, capsys):
    assert not exercises.fast_nms.check(answer)
    assert words in capsys.readouterr().out


# --- warp ---------------------------------------------------------------------------------------


def padded(feature, flow):
    """Four neighbours on a map with a wide border of zeros."""
    _, height, width = feature.shape
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = (x + flow[0]).clamp(-1, width), (y + flow[1]).clamp(-1, height)
    wide = torch.nn.functional.pad(feature, (1, 2, 1, 2))
    x0, y0 = x.floor().long(), y.floor().long()
    u, v = x - x0, y - y0
    top = (1 - u) * wide[:, y0 + 1, x0 + 1] + u * wide[:, y0 + 1, x0 + 2]
    return (1 - v) * top + v * ((1 - u) * wide[:, y0 + 2, x0 + 1] + u * wide[:, y0 + 2, x0 + 2])


def test_a_warp_passes(capsys):
    assert exercises.warp.check(padded)
    assert "all 6 right" in capsys.readouterr().out


def clamped(feature, flow):
    _, height, width = feature.shape
    out = torch.zeros_like(feature)
    for c, own in enumerate(feature):
        for y in range(height):
            for x in range(width):
                at_x = min(max(float(x + flow[0, y, x]), 0), width - 1)
                at_y = min(max(float(y + flow[1, y, x]), 0), height - 1)
                out[c, y, x] = solution(own, at_x, at_y)
    return out


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda f, flow: padded(f, -flow), "read the map at x + dx"),
        (lambda f, flow: padded(f, flow.flip(0)), "flow[0] is dx"),
        (lambda f, flow: padded(f, flow.round()), "weigh the four neighbours"),
        (clamped, "outside the map there is nothing"),
    ],
)
def test_wrong_warps_get_their_hint(answer, words, capsys):
    assert not exercises.warp.check(answer)
    assert words in capsys.readouterr().out


# --- keypoint -----------------------------------------------------------------------------------


def hottest(heat, box):
    x1, y1, x2, y2 = box.tolist()
    y, x = (heat == heat.max()).nonzero()[0].tolist()
    return [x1 + (x + 0.5) * (x2 - x1) / heat.shape[1], y1 + (y + 0.5) * (y2 - y1) / heat.shape[0]]


def test_a_keypoint_passes(capsys):
    assert exercises.keypoint.check(hottest)
    assert "all 5 right" in capsys.readouterr().out


def test_keypoints_are_where_mask_rcnns_branch_puts_them():
    from torchvision.models.detection.roi_heads import heatmaps_to_keypoints

    heat, box = exercises.keypoint.inputs[-1]
    theirs, _ = heatmaps_to_keypoints(heat[None, None], box[None])
    ours = exercises.keypoint.reference(heat, box)
    assert (theirs[0, 0, :2] - ours).abs().max() < 1.5 * (box[3] - box[1]) / 14


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda heat, box: hottest(heat.T, box), "the row is y"),
        (
            lambda heat, box: torch.tensor(hottest(heat, box)) - (box[2:] - box[:2]) / len(heat) / 2,
            "corner of",
        ),
        (lambda heat, box: hottest(heat, torch.tensor([0.0, 0, len(heat), len(heat)])), "pixels of the map"),
        (lambda heat, box: torch.tensor(hottest(heat, box)) - box[:2], "that is inside the box"),
        (lambda heat, box: heat.argmax(), "shape []; expected [2]"),
    ],
)
def test_wrong_keypoints_get_their_hint(answer, words, capsys):
    assert not exercises.keypoint.check(answer)
    assert words in capsys.readouterr().out


# --- conditional generation ---------------------------------------------------------------------


def spelled_out(logits):
    return torch.stack([torch.log1p(torch.exp(-v)) if v > -80 else -v for v in logits.flatten()]).mean()


def both_turns(discriminator, real, fake):
    loss = torch.nn.functional.binary_cross_entropy_with_logits
    right, wrong = discriminator(real), discriminator(fake.detach())
    return loss(right, torch.ones_like(right)) + loss(wrong, torch.zeros_like(wrong))


def pixel_by_pixel(x, r):
    out = torch.zeros(len(x) // r**2, x.shape[1] * r, x.shape[2] * r)
    for c in range(out.shape[0]):
        for i in range(out.shape[1]):
            for k in range(out.shape[2]):
                out[c, i, k] = x[c * r * r + i % r * r + k % r, i // r, k // r]
    return out


def felt_pixels(layers):
    """How many pixels of a row one output in the middle depends on, by autograd."""
    x = torch.zeros(1, 1, 400, requires_grad=True)
    y = x
    for kernel, stride in layers:
        y = torch.nn.functional.conv1d(y, torch.ones(1, 1, kernel), stride=stride)
    y[0, 0, y.shape[2] // 2].backward()
    return int((x.grad != 0).sum())


def there_and_back(day, night, to_night, to_day, weight):
    errors = [to_day(to_night(day)) - day, to_night(to_day(night)) - night]
    return weight * sum(error.abs().mean() for error in errors)


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        (exercises.generator_loss, spelled_out),
        (exercises.discriminator_loss, both_turns),
        (exercises.pixel_shuffle, pixel_by_pixel),
        (exercises.patch_size, felt_pixels),
        (exercises.cycle_loss, there_and_back),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_answers_by_another_way_pass(exercise, answer, capsys):
    assert exercise.check(answer)
    assert "Well done" in capsys.readouterr().out


def mean_log(logits):
    return (1 - logits.sigmoid()).log().mean()


def still_attached(discriminator, real, fake):
    softplus = torch.nn.functional.softplus
    return softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()


@pytest.mark.parametrize(
    ("exercise", "answer", "words"),
    [
        (exercises.generator_loss, lambda v: -v.sigmoid().log().mean(), "log(0) infinite"),
        (exercises.generator_loss, lambda v: mean_log(v.double()), "saturates"),
        (exercises.generator_loss, lambda v: torch.nn.functional.softplus(v).mean(), "D to say real"),
        (exercises.discriminator_loss, still_attached, "detach"),
        (exercises.discriminator_loss, lambda d, r, f: 0.5 * both_turns(d, r, f), "0 of 3 right"),
        (exercises.discriminator_loss, lambda d, r, f: None, "is there a `return`"),
        (exercises.pixel_shuffle, lambda x, r: x.reshape(len(x) // r**2, r * x.shape[1], -1), "permute"),
        (exercises.pixel_shuffle, lambda x, r: pixel_by_pixel(x, r).mT, "returned"),
        (exercises.patch_size, lambda layers: felt_pixels([(k, 1) for k, _ in layers]), "a stride counts"),
        (exercises.patch_size, lambda layers: felt_pixels(layers[::-1]), "from the last layer"),
        (exercises.cycle_loss, lambda d, n, g, f, w: w * (f(g(d)) - d).abs().mean(), "two cycles"),
        (exercises.cycle_loss, lambda d, n, g, f, w: there_and_back(d, n, g, f, 1), "by the weight"),
    ],
)
def test_wrong_answers_of_the_game_get_their_hint(exercise, answer, words, capsys):
    assert not exercise.check(answer)
    assert words in capsys.readouterr().out
