"""The claims on YOLACT and YolactEdge: what they count and time, and their experiments with a few steps."""

import pytest
import torch

from lecturekit import claims, zoo
from lecturekit.claims import timing
from lecturekit.claims.instance import key_frames, memory, prototypes, speed
from lecturekit.data import TownScenes
from lecturekit.instance.mask_rcnn import MaskRCNN
from lecturekit.instance.yolact import YOLACT
from lecturekit.instance.yolact_edge import YolactEdge

VERDICTS = {"shown", "not shown", "contradicted"}


def again(claim, tmp_path, **options):
    """What an experiment returns, after seeing that a second run finds all its parts done."""
    first = claim.experiment(seeds=range(2), folder=tmp_path, progress=False, **options)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert files
    assert claim.experiment(seeds=range(2), folder=tmp_path, progress=False, **options) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")} == files
    return first


def test_peak_is_what_is_held_at_once():
    def call():
        a = torch.zeros(250_000)  # 1 MB
        b = a + 1  # 2 MB
        del a
        c = torch.cat((b, b))  # 3 MB
        del b
        return c[:1].clone()

    assert memory.peak_bytes(call) == pytest.approx(3_000_000, abs=1000)
    kept = torch.zeros(1_000_000)
    assert memory.peak_bytes(lambda: kept.sum()) < 1000


def test_counted_bytes_are_the_tensors_own():
    net = YOLACT.tiny(prototypes=8).eval()
    with torch.no_grad():
        outputs = net.outputs(torch.zeros(1, 3, 128, 128))
    assert memory.yolact_bytes(8, detections=5, side=outputs["prototypes"].shape[-1]) == {
        "prototypes": outputs["prototypes"].nbytes,
        "coefficients": outputs["coefficients"][0, :5].nbytes,
    }
    net = MaskRCNN.tiny().eval()
    seen = []
    net.roi_heads["mask_predictor"].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        features = net.backbone(torch.zeros(1, 3, 128, 128))
        taken = net.mask_branch(features, torch.tensor([[0.0, 0, 0, 50, 50]] * 5), torch.ones(5).long())
    assert memory.mask_rcnn_bytes(7, detections=5) == {
        "masks of all classes": seen[0].nbytes,
        "masks taken": taken.nbytes,
    }


def test_counted_bytes_are_of_the_paper_sizes():
    with torch.device("meta"):
        one_stage, two_stage = YOLACT.paper(), MaskRCNN.paper()
        finest = one_stage.fpn(list(one_stage.backbone(torch.zeros(1, 3, 550, 550)).values())[1:])[0]
        shape = one_stage.prototypes(finest).shape
        masks = two_stage.roi_heads["mask_predictor"](torch.zeros(100, 256, 14, 14)).shape
    assert memory.yolact_bytes(32)["prototypes"] == 4 * shape.numel()
    assert memory.mask_rcnn_bytes()["masks of all classes"] == 4 * masks.numel()


def test_the_stages_are_those_of_the_networks():
    image, _ = TownScenes(first=10_000_000, count=1)[0]
    torch.manual_seed(0)
    with torch.no_grad():
        one_stage, two_stage = speed.networks("tiny", image)
        boxes = two_stage([image])[0]["boxes"]
        stages = speed.mask_stages(one_stage, two_stage, image, boxes)
        outputs = one_stage.outputs(one_stage.prepare([image]))
        torch.testing.assert_close(stages["prototypes"](), outputs["prototypes"])
        assert stages["assembly"]().shape == (len(boxes), *outputs["prototypes"].shape[2:])
        assert stages["resizing"]().shape == (len(boxes), 1, 128, 128)
        assert stages["pasting"]().shape == (len(boxes), 128, 128)
        assert stages["mask branch"]().shape == (len(boxes), 28, 28)


def test_mask_cost_adds_up_the_stages():
    stages = {
        "prototypes": 5,
        "assembly": [0, 1],
        "resizing": [0, 2],
        "mask branch": [0, 30],
        "pasting": [0, 4],
    }
    assert speed.mask_cost(stages) == {"YOLACT": [5, 8], "Mask R-CNN": [0, 34]}


def test_speed_of_a_period_by_hand():
    seconds = {"YOLACT": 2.0, "key": 3.0, "between": 1.0}
    # five frames take 3 + 4 * 1 = 7 s, YOLACT's 10 s
    assert key_frames.speed(seconds, 5) == pytest.approx(10 / 7)
    assert key_frames.speed(seconds, 1) == pytest.approx(2 / 3)


def test_a_prototype_that_is_zero_everywhere_is_dead():
    torch.manual_seed(0)
    model = YOLACT.tiny(prototypes=4).eval()
    last = model.prototypes[-2]
    with torch.no_grad():
        last.bias.copy_(torch.tensor([1e4, -1e4, -1e4, 1e4]))
    assert prototypes.alive(model, TownScenes(first=10_000_000, count=2)) == 2


@pytest.mark.slow
def test_yolact_speed_from_end_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "SHORTEST", 0.001)
    found = again(speed.CLAIM, tmp_path, size="tiny", repeats=1)
    assert claims.judge(speed.CLAIM, found)["verdict"] in VERDICTS
    for cost in found["curves"]:
        assert len(cost["YOLACT"]) == len(cost["Mask R-CNN"]) == len(found["instances"]) == 8
        assert cost["Mask R-CNN"][0] == 0 < cost["YOLACT"][0]
    # of whole pictures, the part that isn't masks stays the same
    run, cost, left = (
        found["whole"][0],
        found["curves"][0]["YOLACT"],
        found["comparisons"]["speed left when 100 masks are drawn"]["YOLACT"][0],
    )
    by_count = dict(zip(found["instances"], cost, strict=True))
    without = run["YOLACT"] - by_count[20] + by_count[0]
    assert left == pytest.approx(without / (without + by_count[100] - by_count[0]))


@pytest.mark.slow
def test_few_prototypes_from_end_to_end(tmp_path):
    found = again(prototypes.CLAIM, tmp_path, steps=2, held_out=2, size="tiny")
    judged = claims.judge(prototypes.CLAIM, found)
    assert judged["verdict"] in VERDICTS
    assert [c["what"] for c in judged["comparisons"]][:3] == [f"mask AP, {k} prototypes" for k in (4, 8, 16)]
    eight = found["comparisons"]["mask AP, 8 prototypes"]
    plain = [prototypes.mean_ap(c) for c in found["curves"]["8"]]
    assert eight["8, + 0.03"] == pytest.approx([ap + 0.03 for ap in plain])
    assert all(0 <= n <= int(k) for k, own in found["prototypes alive"].items() for n in own)
    assert eight["32"] == [prototypes.mean_ap(c) for c in found["curves"]["32"]]


@pytest.mark.slow
def test_key_frames_from_end_to_end(tmp_path, monkeypatch):
    torch.manual_seed(0)
    networks = {"yolact_edge": YolactEdge.tiny().eval(), "yolact": YOLACT.tiny().eval()}
    monkeypatch.setattr(zoo, "load", networks.get)
    monkeypatch.setattr(zoo, "card", lambda name: {"recipe": name})
    seen = []
    networks["yolact_edge"].register_forward_hook(
        lambda module, inputs, output: seen.append((module.interval, len(inputs[0])))
    )
    found = again(key_frames.CLAIM, tmp_path, clips=2, frames=3, repeats=1, sizes=("tiny",))
    clips = [(interval, 3) for _ in range(2) for _ in range(2) for interval in key_frames.INTERVALS]
    assert [one for one in seen if one[1] == 3] == clips
    assert claims.judge(key_frames.CLAIM, found)["verdict"] in VERDICTS
    gained = found["comparisons"]["frames per second, interval 3"]["YolactEdge"]
    assert gained == [one["3"] for one in found["speed"]["tiny"]]
