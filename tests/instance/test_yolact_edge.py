"""YolactEdge: warping against loops, which parts a frame goes through, clips, pairs and the flow's loss."""

import copy

import pytest
import torch
import torch.nn.functional as F

from lecturekit.data import TownClips, TownPairs, collate_frames
from lecturekit.instance.yolact import YOLACT
from lecturekit.instance.yolact_edge import (
    Move,
    YolactEdge,
    flow_loss,
    true_flow,
    warp,
)
from lecturekit.layers.checkpoints import yolact_edge_names


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(4)


@pytest.fixture
def model():
    """Tiny, with some flow and change in its moves, which untrained would leave everything as it was."""
    torch.manual_seed(0)
    model = YolactEdge.tiny(class_threshold=0.0, score_threshold=0.0, detections_per_image=5).eval()
    with torch.no_grad():
        for mover in model.flow.movers:
            mover.flow.weight.normal_(std=0.1)
            mover.scale.weight.normal_(std=0.1)
            mover.bias.weight.normal_(std=0.1)
    return model


@pytest.fixture(scope="module")
def clip():
    return [image for image, _ in TownClips(first=31_000_000, count=1, frames=8)[0]]


@pytest.fixture(scope="module")
def pairs():
    dataset = TownPairs(first=31_000_000, count=3)
    return collate_frames([dataset[i] for i in range(3)])


def same(a, b, tolerance=0.0):
    """Whether two predictions agree."""
    return all(a[k].shape == b[k].shape and torch.allclose(a[k], b[k], rtol=0, atol=tolerance) for k in a)


# warping


def slow_warp(x, flow):
    """Pixel by pixel: where the flow points to, in map pixels, and the four pixels around that."""
    result = torch.zeros_like(x)
    height, width = x.shape[2:]
    for b in range(len(x)):
        for row in range(height):
            for column in range(width):
                u = column + float(flow[b, 0, row, column]) / 16 * (width - 1)
                v = row + float(flow[b, 1, row, column]) / 16 * (height - 1)
                for i in (int(v // 1), int(v // 1) + 1):
                    for j in (int(u // 1), int(u // 1) + 1):
                        if 0 <= i < height and 0 <= j < width:
                            weight = (1 - abs(v - i)) * (1 - abs(u - j))
                            result[b, :, row, column] += weight * x[b, :, i, j]
    return result


def test_warping_is_the_slow_one_and_zero_outside(generator):
    x = torch.randn(2, 3, 6, 9, generator=generator)
    flow = 3 * torch.randn(2, 2, 6, 9, generator=generator)
    assert torch.allclose(warp(x, flow), slow_warp(x, flow), atol=1e-5)
    assert torch.allclose(warp(x, torch.zeros(2, 2, 6, 9)), x, atol=1e-5)
    assert not warp(x, torch.full((2, 2, 6, 9), 40.0)).any()


def test_a_true_flow_of_whole_pixels_shifts_a_map():
    """A flow of (2, -1) map pixels, told in pixels of a picture four times as large."""
    x = torch.arange(48.0).view(1, 1, 6, 8)
    flow = torch.tensor([8.0, -4.0])[:, None, None].expand(2, 24, 32)
    moved = warp(x, true_flow(flow, (6, 8))[None])
    assert torch.allclose(moved[0, 0, 1:, :-2], x[0, 0, :-1, 2:], atol=1e-4)
    assert moved[0, 0, 0].abs().max() < 1e-4


def test_the_key_picture_warped_by_the_true_flow_is_the_current_one():
    dataset = TownPairs(first=31_000_000, count=8, gap=4)
    warped = still = 0.0
    for i in range(8):
        (key, _), (current, target) = dataset[i]
        moved = warp(key[None], true_flow(target["flow"], (128, 128))[None])[0]
        warped += float((moved - current).abs().mean())
        still += float((key - current).abs().mean())
    assert warped < 0.75 * still, (warped, still)  # grain and what was hidden remain


def test_true_flow_is_the_mean_over_a_cell(generator):
    flow = torch.randn(2, 12, 20, generator=generator)
    small = true_flow(flow, (3, 5))
    cell = flow[:, 4:8, 8:12].mean((1, 2))  # row 1, column 2
    assert torch.allclose(small[:, 1, 2], cell * torch.tensor([5 / 20 / 4, 3 / 12 / 2]) * 16)
    assert true_flow(flow, (1, 1)).isfinite().all()


def test_a_move_warps_then_scales_then_shifts(generator):
    x, flow, scale, bias = (torch.randn(1, c, 4, 5, generator=generator) for c in (3, 2, 3, 3))
    assert torch.allclose(Move(flow, scale, bias)(x), slow_warp(x, flow) * scale + bias, atol=1e-5)


def test_flow_loss_skips_what_is_unknown(generator):
    flows = [torch.randn(3, 2, h, h, generator=generator) for h in (2, 4)]
    truth = torch.randn(2, 16, 16, generator=generator)
    slow = sum(
        float((flows[level][i] - true_flow(truth, flows[level].shape[2:])).square().sum()) / (2 * h * h)
        for level, h in enumerate((2, 4))
        for i in (0, 2)
    )
    assert float(flow_loss(flows, [truth, None, truth])) == pytest.approx(slow / 4, rel=1e-5)
    perfect = [torch.stack([true_flow(truth, (h, h))] * 3) for h in (2, 4)]
    assert float(flow_loss(perfect, [truth] * 3)) == 0


# clips


def ran(model, frames):
    """How many frames went through these parts."""
    parts = ("backbone.layer2", "backbone.layer4", "flow", "refine.p4", "prototypes")
    counts = dict.fromkeys(parts, 0)
    hooks = []
    for name in parts:

        def hook(*_, name=name):
            counts[name] += 1

        hooks.append(model.get_submodule(name).register_forward_hook(hook))
    with torch.no_grad():
        model(frames)
    for hook in hooks:
        hook.remove()
    return counts


@pytest.mark.parametrize(("interval", "keys"), [(1, 8), (3, 3), (5, 2), (100, 1)])
def test_only_key_frames_go_through_the_whole_network(model, clip, interval, keys):
    model.interval = interval
    between = len(clip) - keys
    assert ran(model, clip) == {
        "backbone.layer2": len(clip),
        "backbone.layer4": keys,
        "flow": between,
        "refine.p4": between,
        "prototypes": len(clip),
    }


def test_with_key_frames_alone_it_is_yolact(model, clip):
    single = YOLACT.tiny(class_threshold=0.0, score_threshold=0.0, detections_per_image=5).eval()
    own = single.state_dict()
    single.load_state_dict({k: v for k, v in model.state_dict().items() if k in own})
    model.interval = 1
    with torch.no_grad():
        for ours, theirs in zip(model(clip), single(clip), strict=True):
            assert same(ours, theirs, tolerance=1e-5)


def test_step_by_step_it_is_the_clip(model, clip):
    model.interval, state = 3, None
    with torch.no_grad():
        whole = model(clip)
        for number, frame in enumerate(clip):
            prediction, state = model.step(frame, state)
            assert same(prediction, whole[number])
            assert state.number == number
            assert state.size == (128, 128)


def test_a_frame_between_is_of_its_own_picture_and_of_the_key_frame(model, clip):
    with torch.no_grad():
        (_, found) = model([clip[0], clip[1]])
        assert not same(found, model([clip[5], clip[1]])[1], tolerance=1e-3)
        assert not same(found, model([clip[0], clip[5]])[1], tolerance=1e-3)
        assert same(found, model([clip[0], clip[5], clip[1]])[2])  # nothing comes from the frame before


def test_a_new_size_starts_with_a_key_frame(model, clip):
    small = [F.interpolate(frame[None], (64, 96))[0] for frame in clip[:3]]
    frames = [clip[0], clip[1], *small, clip[2]]
    counts = ran(model, frames)
    assert (counts["backbone.layer4"], counts["flow"]) == (3, 3)
    with torch.no_grad():
        found = model(frames)
        for ours, theirs in zip(found[2:5], model(small), strict=True):
            assert same(ours, theirs)
        assert same(found[5], model([clip[2]])[0])


def test_a_state_is_left_as_it_was(model, clip):
    with torch.no_grad():
        _, state = model.step(clip[0])
        kept = copy.deepcopy(state)
        first, after = model.step(clip[1], state)
        again, _ = model.step(clip[1], state)
    assert same(first, again)
    assert after.key is state.key
    assert torch.equal(kept.key.motion, state.key.motion)
    assert all(torch.equal(a, b) for a, b in zip(kept.key.sums, state.key.sums, strict=True))


def test_untrained_it_takes_the_key_frame_as_it_is():
    """Flow about 0, scale about 1, bias and refinement about 0: P4 and P5 stay, P3 is the current one's."""
    torch.manual_seed(0)
    model = YolactEdge.tiny().eval()
    batch = torch.randn(2, 3, 128, 128)
    with torch.no_grad():
        key = model.outputs(batch[:1])["key"]
        sums, flows = model.follow(model.shallow(batch[1:]), key)
        for ours, theirs in zip(sums[1:], key.sums[1:], strict=True):
            assert (ours - theirs).std() < 0.05 * theirs.std()
        own = model.outputs(batch[1:])["key"].sums[0]
        assert F.cosine_similarity(sums[0].flatten(), own.flatten(), dim=0) > F.cosine_similarity(
            sums[0].flatten(), key.sums[0].flatten(), dim=0
        )
    assert [tuple(flow.shape[2:]) for flow in flows] == [tuple(x.shape[2:]) for x in key.sums[:0:-1]]


# training


def test_pairs_are_key_frames_and_the_frames_after_them(model, clip):
    """Three key frames and two frames after the first two, at once and one by one."""
    batch = model.prepare(clip[:5])
    with torch.no_grad():
        together = model.pairs(batch)
        alone = [model.outputs(batch[i : i + 1]) for i in range(3)]
        alone += [model.outputs(batch[3 + i : 4 + i], alone[i]["key"]) for i in range(2)]
    for name in ("boxes", "classes", "coefficients", "prototypes"):
        for i, one in enumerate(alone):
            assert torch.allclose(together[name][i], one[name][0], rtol=0, atol=1e-4), (name, i)
    for level in range(2):
        for i in range(2):
            assert torch.allclose(
                together["flows"][level][i], alone[3 + i]["flows"][level][0], rtol=0, atol=1e-5
            )


def test_the_losses_are_of_the_pairs_as_they_come(pairs):
    """Images come as key, current, key, current; the network sees the key frames first."""
    images, targets = pairs
    order = [0, 2, 4, 1, 3, 5]
    torch.manual_seed(0)
    model = YolactEdge.tiny().train()
    with torch.no_grad():
        torch.manual_seed(5)
        found = model(images, targets)
        torch.manual_seed(5)
        outputs = model.pairs(model.prepare([images[i] for i in order]))
        assert model.loss(outputs, [targets[i] for i in order]) == found
        names = {"loss_classifier", "loss_box_reg", "loss_mask", "loss_semantic", "loss_flow"}
        assert set(found) == names
        truths = [targets[i]["flow"] for i in (1, 3, 5)]
        assert torch.allclose(found["loss_flow"], model.flow_weight * flow_loss(outputs["flows"], truths))
        model.flow_weight = 0.0
        assert model.loss(outputs, [targets[i] for i in order])["loss_flow"] == 0


def without_flow(targets):
    return [{k: v for k, v in target.items() if k != "flow"} for target in targets]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_number_of_frames_is_legal_and_flow_counts_where_it_is_known(model, pairs, count):
    images, targets = (part[:count] for part in pairs)
    model.train()
    assert ("loss_flow" in model(images, targets)) == (count > 1)
    assert "loss_flow" not in model(images, without_flow(targets))
    only_keys = [target | {"flow": torch.zeros(2, 128, 128)} for target in without_flow(targets)[::2]]
    mixed = without_flow(targets)
    mixed[::2] = only_keys
    assert "loss_flow" not in model(images, mixed)  # a key frame has no frame before it


def test_the_flows_loss_teaches_the_flow(pairs):
    torch.manual_seed(0)
    model = YolactEdge.tiny().train()
    model(*pairs)["loss_flow"].backward()
    for name in ("movers.0.flow", "movers.1.flow", "up.0.flow", "up.0.features", "reduce.0", "encoder.0.0.0"):
        assert model.flow.get_submodule(name).weight.grad.any(), name
    assert model.flow.movers[0].scale.weight.grad is None
    assert model.backbone.layer3[0].conv1.weight.grad is None


BAD_FLOWS = {
    "no tensor": [[0.0]],
    "of another size": torch.zeros(2, 64, 64),
    "channels last": torch.zeros(128, 128, 2),
    "of whole numbers": torch.zeros(2, 128, 128, dtype=torch.int64),
}


@pytest.mark.parametrize("flow", BAD_FLOWS.values(), ids=BAD_FLOWS)
def test_bad_flows_are_answered_by_name(model, pairs, flow):
    images, targets = pairs
    wrong = [*targets[:3], targets[3] | {"flow": flow}, *targets[4:]]
    with pytest.raises(ValueError, match=r"targets\[3\]\['flow'\].*\(2, 128, 128\)"):
        model.train()(images, wrong)


# sizes


def test_tiny_is_yolacts_tiny_and_more():
    torch.manual_seed(0)
    edge, single = YolactEdge.tiny().state_dict(), YOLACT.tiny().state_dict()
    assert all(edge[name].shape == value.shape for name, value in single.items())
    assert {name.partition(".")[0] for name in edge.keys() - single.keys()} == {"flow", "refine"}


@pytest.mark.parametrize("changes", [{"size": 77}, {"channels": 24, "flow_width": 8}, {"transformed": 3}])
def test_other_sizes_work(clip, pairs, changes):
    torch.manual_seed(0)
    model = YolactEdge.tiny(**changes).train()
    sum(model(*pairs).values()).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    with torch.no_grad():
        assert len(model.eval()(clip[:3])) == 3


def test_bad_numbers_are_named(model, clip):
    with pytest.raises(ValueError, match="transformed must be 2 or 3 levels, got 1"):
        YolactEdge.tiny(transformed=1)
    model.interval = 0
    with pytest.raises(ValueError, match="interval must be at least 1, got 0"):
        model(clip)


def test_with_three_levels_transformed_p3_is_the_key_frames(generator):
    torch.manual_seed(0)
    model = YolactEdge.tiny(transformed=3).eval()
    batch = torch.randn(2, 3, 128, 128, generator=generator)
    with torch.no_grad():
        key = model.outputs(batch[:1])["key"]
        sums, flows = model.follow(model.shallow(batch[1:]), key)
    assert len(flows) == 3
    assert (sums[0] - key.sums[0]).std() < 0.05 * key.sums[0].std()


def test_an_idle_predictor_is_there_and_does_not_learn(pairs):
    torch.manual_seed(0)
    model = YolactEdge.tiny(movers=3).train()
    idle = {name for name, p in model.named_parameters() if not p.requires_grad}
    assert {name.split(".", 3)[1] + name.split(".", 3)[2] for name in idle} == {"movers2", "up1"}
    sum(model(*pairs).values()).backward()
    assert {name for name, p in model.named_parameters() if p.grad is None} == idle


def test_the_authors_keys_are_renamed():
    some = torch.zeros(1)
    keys = {
        "backbone.layers.0.0.conv1.weight": "backbone.layer1.0.conv1.weight",
        "fpn_phase_1.lat_layers.2.bias": "fpn.lateral.c3.bias",
        "fpn_phase_2.pred_layers.0.weight": "fpn.p5.0.weight",
        "fpn_phase_2.downsample_layers.0.bias": "fpn.p6.bias",
        "spa.refine_convs.1.0.weight": "refine.p5.0.weight",
        "flow_net_pre_convs.convs.0.0.bias": "flow.reduce.0.bias",
        "flow_net.conv3.1.0.weight": "flow.encoder.2.1.0.weight",
        "flow_net.pred3.conv.weight": "flow.movers.0.flow.weight",
        "flow_net.pred2.scale.bias": "flow.movers.1.scale.bias",
        "flow_net.pred1.bias.weight": "flow.movers.2.bias.weight",
        "flow_net.upfeat3.weight": "flow.up.0.features.weight",
        "flow_net.upflow2.weight": "flow.up.1.flow.weight",
        "semantic_seg_conv.bias": "semantic.bias",
    }
    assert set(yolact_edge_names(dict.fromkeys(keys, some))) == set(keys.values())
