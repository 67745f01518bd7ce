"""The benchmarks' runner: what it calls a ratio, what it picks up, and that its arms do the same work."""

import dataclasses
import json

import pytest
import torch
from torch import nn

import benchmarks
from benchmarks import __main__ as command
from benchmarks import parts, report, systems
from lecturekit import recipes
from lecturekit.claims import timing


class Clock:
    """Processor time that passes only where an arm says so."""

    def __init__(self, monkeypatch):
        self.now, self.order = 0.0, []
        monkeypatch.setattr(timing.time, "process_time", lambda: self.now)

    def arm(self, name, *durations):
        """A call that takes these durations, one after the other."""
        left = list(durations)

        def call():
            self.order.append(name)
            self.now += left.pop(0)

        return call


def case(ours, others):
    return benchmarks.Case("toy", "tiny", "work", "a note", lambda: (ours, others))


def test_a_ratio_is_the_others_seconds_over_ours_turn_by_turn(monkeypatch):
    clock = Clock(monkeypatch)
    ours, other = clock.arm("ours", 9, 1, 1, 2), clock.arm("other", 9, 2, 3, 20)
    (row,) = benchmarks.measure(case({"ours": ours}, {"other": other}), repeats=3)
    assert row["ratios"] == [2, 3, 10]
    assert row["ratio"] == {"median": 3, "low": 2.5, "high": 6.5}
    assert row["ms"] == {"ours": 1000, "other": 3000}
    assert (row["name"], row["size"], row["what"], row["note"]) == ("toy", "tiny", "work", "a note")


def test_arms_take_turns_and_each_comes_first_in_its_turn(monkeypatch):
    clock = Clock(monkeypatch)
    arms = {name: clock.arm(name, *[1] * 5) for name in "abc"}
    benchmarks.measure(case({"a": arms["a"]}, {"b": arms["b"], "c": arms["c"]}), repeats=3)
    assert clock.order == list("abc" + "abc" + "bca" + "cab")


def test_short_calls_are_repeated_within_a_measurement(monkeypatch):
    clock = Clock(monkeypatch)
    found = timing.interleaved({"short": clock.arm("short", *[0.001] * 100)}, repeats=2)
    assert len(clock.order) == 2 + 2 * 20
    assert found["short"] == pytest.approx([0.001, 0.001])


def test_a_call_that_treats_several_pictures_is_charged_for_one(monkeypatch):
    clock = Clock(monkeypatch)
    arms = {"clip": (clock.arm("clip", 8, 8), 4)}, {"picture": clock.arm("picture", 6, 6)}
    (row,) = benchmarks.measure(case(*arms), repeats=1)
    assert row["ratio"]["median"] == 3


def test_the_command_measures_parts_at_tiny_size(tmp_path, capsys):
    options = ["nms", "--size", "tiny", "--repeats", "1", "--json"]
    assert command.main([*options, "--out", str(tmp_path / "r.json"), "--plot", str(tmp_path / "p.png")]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "r.json").read_text())
    assert told["repeats"] == told["threads"] == 1
    assert [row["name"] for row in told["rows"]] == ["nms"] * 3
    for row in told["rows"]:
        assert row["ratio"]["median"] == pytest.approx(
            row["ms"][row["other"]] / row["ms"][row["ours"]], rel=0.02
        )
    assert (tmp_path / "p.png").stat().st_size > 10_000


@pytest.mark.parametrize("options", [["no_such"], ["nms", "--repeats", "0"], ["--size", "huge"]])
def test_wrong_options_are_answered(options, capsys):
    with pytest.raises(SystemExit):
        command.main(options)
    assert options[-1] in capsys.readouterr().err


def test_every_system_of_the_catalogue_has_its_cases():
    cases = command.cases(command.names(), ["tiny", "paper"])
    for name in recipes.names():
        own = {(c.size, c.what) for c in cases if c.name == name}
        assert {("tiny", "training step")} < own
        assert {size for size, _ in own} == {"tiny", "paper"}
    assert {c.name for c in cases} == {*recipes.names(), "assembly", "nms", "roi_align"}


class Drawer(nn.Module):
    """A system that is no detector; it also counts what it is called with."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 3, 1)
        self.seen = []

    def forward(self, images, targets=None):
        self.seen.append(len(images))
        return {"loss": self.layer(images[0]).mean()}


class Watcher(Drawer):
    """A video system."""

    def step(self, frame, state):
        """Its being there makes it one."""


def newcomer(monkeypatch, model):
    """The cases of a catalogue of one system, against a cheap network in torchvision's place."""
    recipe = dataclasses.replace(
        recipes.get("mask_rcnn"),
        model=model,
        paper_model=model,
        probe=lambda model, data: model(data[0][0][None]),
    )
    monkeypatch.setattr(recipes, "names", lambda: ["newcomer"])
    monkeypatch.setattr(recipes, "get", lambda name: recipe)
    monkeypatch.setattr(systems, "reference", lambda side, num_classes=91: Drawer())
    monkeypatch.setattr(systems, "ready", lambda model, image, size: model)
    return command.cases(["newcomer"], ["tiny", "paper"])


def test_a_newcomer_that_is_no_detector_is_picked_up(monkeypatch):
    cases = newcomer(monkeypatch, Drawer)
    assert [(c.size, c.what) for c in cases] == [("tiny", "inference"), ("tiny", "training step")]
    rows = [row for c in cases for row in benchmarks.measure(c, repeats=1)]
    assert [(row["ours"], row["other"]) for row in rows] == [("newcomer", systems.TORCHVISION)] * 2


def test_a_video_newcomer_is_timed_by_its_key_intervals(monkeypatch):
    cases = newcomer(monkeypatch, Watcher)
    assert {(c.size, c.what) for c in cases} >= {("tiny", "video"), ("paper", "video")}
    made = []
    monkeypatch.setattr(systems, "network", lambda make, side: made.append(make()) or made[0])
    ours, others = cases[0].make()
    for call, _ in ours.values():
        call()
    assert [share for _, share in ours.values()] == made[0].seen == list(systems.INTERVALS)
    assert made[0].interval == 9
    assert list(others) == ["newcomer, key frames only", systems.TORCHVISION]


@pytest.mark.parametrize("name", ["mask_rcnn", "keypoint_rcnn", "yolact"])
def test_detectors_find_equally_much_untrained(name):
    make, image = systems.maker(name, "tiny"), torch.rand(3, 128, 128)
    with timing.one_thread():
        model = systems.ready(systems.network(make, 128), image, "tiny")
        assert len(model([image])[0]["boxes"]) == 5
        scores = timing.candidate_scores(model, image)
        assert int((scores > model.score_threshold).sum()) == 50


def test_torchvisions_network_finds_as_much():
    from torchvision.models.detection import maskrcnn_resnet50_fpn

    sizes = {"min_size": 64, "max_size": 64, "num_classes": 7, "rpn_post_nms_top_n_test": 50}
    sizes |= {"weights": None, "weights_backbone": None}
    image = torch.rand(3, 64, 64)
    with timing.one_thread():
        model = systems.ready(maskrcnn_resnet50_fpn(**sizes), image, "tiny")
        assert len(model([image])[0]["masks"]) == 5
        with pytest.raises(ValueError, match="detections"):
            timing.equal_detections(model, image, candidates=1, detections=5)


def test_settled_norms_leave_maps_of_unit_size():
    image = torch.rand(3, 128, 128)
    with timing.one_thread():
        model = systems.network(systems.maker("yolact", "tiny"), 128)
        timing.settle(model, [image])
        norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm2d))
        seen = []
        norm.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
        model([image])
    assert not norm.training
    assert norm.momentum == 0.1
    assert seen[0].mean().abs() < 0.05
    assert seen[0].std() == pytest.approx(1, abs=0.05)


def test_arms_of_the_assembly_draw_the_same_masks():
    generator = torch.Generator().manual_seed(0)
    prototypes = torch.rand(8, 34, 30, generator=generator)
    coefficients = torch.randn(20, 8, generator=generator)
    boxes = timing.random_boxes(20, 1.0).clamp(0, 1)
    torch.testing.assert_close(
        parts.loop_assembly(prototypes, coefficients, boxes), parts.assemble(prototypes, coefficients, boxes)
    )


def test_arms_of_roi_align_give_the_same_gradients():
    ours, others = parts.alignment("tiny", 7)
    (ours,), (theirs,) = ours.values(), others.values()
    torch.testing.assert_close(ours(), theirs(), atol=1e-4, rtol=1e-4)


def test_arms_of_suppression_judge_the_same_boxes():
    ours, others = parts.suppression("tiny")
    loop, by_class, batched = (call() for call in others.values())
    assert [own.tolist() for own in loop] == [own.tolist() for own in by_class]
    assert sorted(batched.tolist()) == sorted(200 * c + i for c, own in enumerate(loop) for i in own.tolist())
    rows, boxes = ours["fast_nms"]()  # drops what a dropped box overlaps, too
    kept = set(zip(rows.tolist(), boxes.tolist(), strict=True))
    assert kept < {(c, i) for c, own in enumerate(loop) for i in own.tolist()}


def test_every_row_has_its_place_in_the_plot():
    kinds = [("mask_rcnn", "inference"), ("mask_rcnn", "training step"), ("yolact_edge", "video")]
    kinds += [("nms", "suppression"), ("assembly", "10 masks"), ("roi_align", "7 x 7 cells")]
    rows = [
        {"name": name, "size": "tiny", "what": what, "ours": f"{name}, interval 3", "other": "b"}
        for name, what in kinds
    ]
    found = report.panels(rows, ["mask_rcnn", "yolact_edge"])
    assert {panel: [row["name"] for row in own] for panel, own in found.items()} == {
        "Inference": ["mask_rcnn"],
        "Training step": ["mask_rcnn"],
        "YOLACT's mask assembly": ["assembly"],
        "Fast NMS": ["nms"],
        "RoIAlign as matrix products": ["roi_align"],
        "yolact_edge": ["yolact_edge"],
    }
    assert report.label(rows[2]) == "tiny, interval 3"
    assert {*report.PARTS} == {*parts.NAMES}
