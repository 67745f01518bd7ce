"""The catalogue and what each of its recipes promises."""

import dataclasses
import json
import math
import re
import signal

import pytest
import torch

from lecturekit import recipes, zoo
from lecturekit.data import TownClips, TownPeople, TownScenes
from lecturekit.recipes.instance import (
    evaluate_clips,
    evaluate_detection,
    evaluate_keypoints,
    predict,
    probe_detection,
    tiny_yolact_edge,
)
from lecturekit.training import Interrupted, Recipe, fit

NAMES = recipes.names()


def test_the_catalogue_tells_a_row_for_each_system():
    assert "mask_rcnn" in NAMES
    row = recipes.row("mask_rcnn")
    assert json.loads(json.dumps(row)) == row
    assert list(row) == ["system", "lecture", "paper", "year", "arxiv", "params"]
    assert (row["paper"], row["year"], row["arxiv"]) == ("Mask R-CNN", 2017, "1703.06870")
    for name in NAMES:
        assert re.fullmatch(r"\d{4}\.\d{4,5}", recipes.row(name)["arxiv"])


@pytest.mark.parametrize("ask", [recipes.get, recipes.row])
def test_an_unknown_system_is_answered_with_the_known_ones(ask):
    with pytest.raises(ValueError, match=r"'maskrcnn' is no system of the catalogue.*mask_rcnn"):
        ask("maskrcnn")


@pytest.mark.parametrize("name", NAMES)
class TestRecipe:
    def test_agrees_with_the_catalogue(self, name):
        recipe, row = recipes.get(name), recipes.row(name)
        assert isinstance(recipe, Recipe)
        assert recipe.name == name
        assert recipe.lecture == row["lecture"]
        assert (recipe.paper.title, recipe.paper.year) == (row["paper"], row["year"])
        assert recipe.parameters() == row["params"]

    def test_has_a_hash(self, name):
        assert re.fullmatch("[0-9a-f]{12}", recipes.get(name).hash())
        assert recipes.get(name).hash("quick") != recipes.get(name).hash()

    def test_is_judged_on_what_it_never_saw(self, name):
        recipe = recipes.get(name)
        train, val = recipe.train, recipe.val
        if recipe.lecture != "cgan":
            assert len(val) * getattr(val, "frames", 1) >= 200  # pictures
        assert repr(train) != repr(val)
        if hasattr(val, "first"):
            assert train.first + train.count <= val.first
        assert recipe.full.steps > recipe.quick.steps
        assert recipe.full.bar >= recipe.quick.bar > 0

    def test_evaluates_and_probes_an_untrained_model(self, name):
        recipe = recipes.get(name)
        torch.manual_seed(0)
        model = recipe.model()
        few = recipe.val
        if hasattr(few, "first"):
            few = dataclasses.replace(few, first=30_000_000, count=3, size=64)
        elif hasattr(few, "names"):
            few = [tuple(x[:, : x.shape[1] // 4, : x.shape[1] // 4] for x in few[0])]
        metrics = recipe.evaluate(model, few, False)
        assert recipe.metric in metrics
        assert all(v is None or math.isfinite(v) for v in metrics.values())
        if recipe.lecture != "cgan":
            assert all(v is None or 0 <= v <= 1 for v in metrics.values())
        outputs = recipe.probe(model, few)
        assert outputs
        assert all(torch.is_tensor(v) for v in outputs.values())


class Oracle(torch.nn.Module):
    """Knows the answers: the targets of the pictures it is shown, found by their content."""

    def __init__(self, dataset, score=1.0):
        super().__init__()
        self.known = [dataset[i] for i in range(len(dataset))]
        self.weight, self.score = torch.nn.Parameter(torch.zeros(())), score
        self.seen = []

    def forward(self, images):
        assert not self.training
        self.seen.append(len(images))
        targets = [next(t for i, t in self.known if torch.equal(i, image)) for image in images]
        return [
            {
                "boxes": t["boxes"],
                "labels": t["labels"],
                "scores": torch.full((len(t["labels"]),), self.score),
                "masks": t["masks"][:, None].float(),
            }
            for t in targets
        ]


def test_evaluation_pairs_every_picture_with_its_target():
    few = TownScenes(first=30_000_000, count=5, size=64)
    model = Oracle(few).train()
    predictions, targets = predict(model, few, batch_size=2)
    assert model.seen == [2, 2, 1]
    assert len(predictions) == len(targets) == 5
    assert predictions[0]["masks"].shape == targets[0]["masks"].shape
    assert evaluate_detection(model, few)["mask_ap"] == pytest.approx(1.0)
    assert evaluate_detection(Oracle(few), few)["box_ap"] == pytest.approx(1.0)


def test_clips_are_judged_in_all_frames_at_the_interval_asked_for():
    clips = TownClips(first=30_000_000, count=2, frames=4, size=64)
    frames = [frame for i in range(2) for frame in clips[i]]
    model = Oracle(frames)
    assert evaluate_clips(model, clips)["mask_ap"] == pytest.approx(1.0)
    assert model.seen == [4, 4]
    model.interval, used = 5, []
    model.register_forward_hook(lambda model, *_: used.append(model.interval))
    assert evaluate_clips(model, clips, interval=2)["mask_ap"] == pytest.approx(1.0)
    assert (used, model.interval) == ([2, 2], 5)


def test_yolact_edge_starts_with_yolacts_weights():
    shipped, started = zoo.load("yolact").state_dict(), tiny_yolact_edge().state_dict()
    assert all(torch.equal(started[name], value) for name, value in shipped.items())
    other = tiny_yolact_edge(num_classes=3).state_dict()
    assert torch.equal(other["fpn.p3.0.weight"], shipped["fpn.p3.0.weight"])
    assert other["semantic.weight"].shape[0] == 2


def test_the_probe_tells_the_sure_detections_from_left_to_right():
    few = TownScenes(first=30_000_000, count=2, size=64)
    found = probe_detection(Oracle(few, score=0.9), few)
    boxes = few[0][1]["boxes"]
    assert torch.equal(found["boxes"], boxes[boxes[:, 0].argsort(stable=True)])
    assert found["masks"].shape == found["scores"].shape == found["labels"].shape == (len(boxes),)
    assert len(probe_detection(Oracle(few, score=0.4), few)["boxes"]) == 0


def test_the_probe_of_a_clip_tells_its_last_frame():
    clips = TownClips(first=30_000_000, count=1, frames=3, size=64)
    boxes = clips[0][-1][1]["boxes"]
    found = probe_detection(Oracle(clips[0]), clips)
    assert torch.equal(found["boxes"], boxes[boxes[:, 0].argsort(stable=True)])


class KnowsJoints(Oracle):
    """The same for people, without masks."""

    def forward(self, images):
        targets = [next(t for i, t in self.known if torch.equal(i, image)) for image in images]
        answers = super().forward(images)
        for answer, target in zip(answers, targets, strict=True):
            del answer["masks"]
            answer["keypoints"] = torch.cat(
                (target["keypoints"][..., :2], torch.ones_like(target["keypoints"][..., 2:])), dim=2
            )
            answer["keypoints_scores"] = target["keypoints"][..., 0]
        return answers


def test_people_are_evaluated_by_their_joints_and_boxes():
    few = TownPeople(first=30_000_000, count=5, size=64)
    metrics = evaluate_keypoints(KnowsJoints(few), few)
    assert set(metrics) == {"oks_ap", "oks_ap50", "oks_ap75", "box_ap", "box_ap50", "box_ap75"}
    assert list(metrics.values()) == pytest.approx([1.0] * 6)
    found = probe_detection(KnowsJoints(few, score=0.9), few)
    target = few[0][1]
    order = target["boxes"][:, 0].argsort(stable=True)
    assert len(order)
    assert torch.equal(found["keypoints_scores"], target["keypoints"][order, :, 0])
    assert "masks" not in found


class Interrupting:
    """The same dataset, which presses Ctrl-C when its n-th sample is drawn."""

    def __init__(self, dataset, draw):
        self.dataset, self.draw = dataset, draw

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        self.draw -= 1
        if self.draw == 0:
            signal.raise_signal(signal.SIGINT)
        return self.dataset[i]

    def __repr__(self):
        return repr(self.dataset)


@pytest.fixture
def ctrl_c_as_usual():
    """A shell that runs the tests in the background has them ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_system_resumes_bit_for_bit(name, tmp_path, ctrl_c_as_usual):
    results = []
    for draw in (0, 9):  # the ninth sample belongs to the third step
        recipe = recipes.get(name)
        fewer = {"count": 100, "size": 64} if hasattr(recipe.train, "first") else {}
        train = Interrupting(dataclasses.replace(recipe.train, **fewer), draw)
        recipe = dataclasses.replace(recipe, train=train, batch_size=4)
        settings = {"steps": 6, "checkpoint": tmp_path / f"{draw}.pt", "progress": False}
        if draw:
            with pytest.raises(Interrupted, match="step 3 of 6"):
                fit(recipe, **settings)
        results.append(fit(recipe, **settings, resume=bool(draw)))
    (whole, history), (parts, resumed) = results
    assert resumed.rows == history.rows
    pairs = zip(whole.state_dict().values(), parts.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs if torch.is_tensor(a))
