"""Recipes: their hash, their budgets, and fit."""

import dataclasses
import functools

import pytest
import torch
from training_toys import Line, Net, evaluate

from lecturekit.training import Budget, Interrupted, Paper, Recipe, checkpoint, constant, fit

TOY = Recipe(
    name="toy",
    lecture="toys",
    paper=Paper("On Lines", 1805, "0000.00000"),
    model=Net,
    paper_model=functools.partial(Net, width=4000),
    train=Line(60),
    val=Line(20),
    evaluate=evaluate,
    metric="error",
    higher_is_better=False,
    quick=Budget(30, bar=2.0),
    full=Budget(60, bar=1.0),
    batch_size=8,
    lr=1e-2,
    average=0.9,
)


def other_model():
    return Net()


SHAPING = {
    "model": other_model,
    "train": Line(61),
    "val": Line(21),
    "evaluate": other_model,
    "metric": "other",
    "batch_size": 4,
    "lr": 2e-2,
    "weight_decay": 0.5,
    "warmup": 3,
    "clip": 1.0,
    "average": 0.5,
    "schedule": constant,
    "optimiser": torch.optim.SGD,
    "collate": torch.utils.data.default_collate,
    "seed": 1,
    "full": Budget(61, bar=1.0),
}
TELLING = {
    "name": "other",
    "lecture": "other",
    "paper": Paper("Other", 2000, "1"),
    "paper_model": other_model,
    "quick": Budget(31, bar=2.0),
    "full": Budget(60, bar=0.5, note="other"),
    "probe": other_model,
    "higher_is_better": True,
}


def test_every_field_is_known_to_shape_or_to_tell():
    assert {f.name for f in dataclasses.fields(Recipe)} == SHAPING.keys() | TELLING.keys()


@pytest.mark.parametrize("field", SHAPING)
def test_what_shapes_the_result_changes_the_hash(field):
    assert dataclasses.replace(TOY, **{field: SHAPING[field]}).hash() != TOY.hash()


@pytest.mark.parametrize("field", TELLING)
def test_what_only_tells_does_not_change_the_hash(field):
    assert dataclasses.replace(TOY, **{field: TELLING[field]}).hash() == TOY.hash()


def test_the_hash_is_the_same_in_every_process():
    assert TOY.hash() == "00927e64951e"
    assert TOY.hash("quick") != TOY.hash()


@pytest.mark.parametrize("field", ["model", "train", "evaluate"])
@pytest.mark.parametrize("vague", [lambda: Net(), object()], ids=["lambda", "object"])
def test_what_has_no_telling_name_is_refused(field, vague):
    with pytest.raises(ValueError, match=f"{field}: .*says too little"):
        dataclasses.replace(TOY, **{field: vague}).hash()


def test_bars():
    assert TOY.reached({"error": 0.9})
    assert TOY.reached({"error": 1.0})
    assert not TOY.reached({"error": 1.1})
    assert TOY.reached({"error": 1.1}, "quick")
    assert not TOY.reached({"error": None})
    assert not TOY.reached({})
    rising = dataclasses.replace(TOY, higher_is_better=True)
    assert rising.reached({"error": 1.1})
    assert rising.reached({"error": 1.0})
    assert not rising.reached({"error": 0.9})
    expected = {"metric": "error", "at_most": 2.0, "value": 1.5, "reached": True}
    assert TOY.judged({"error": 1.5}, "quick") == expected
    assert rising.judged({}) == {"metric": "error", "at_least": 1.0, "value": None, "reached": False}
    with pytest.raises(ValueError, match="budget: 'quick' or 'full' is expected, got 'fast'"):
        TOY.budget("fast")


def test_fit_makes_trains_and_judges():
    model, history = fit(TOY, "full", progress=False)
    assert len(history) == 60
    assert not model.training
    assert TOY.evaluate(model, TOY.val, False)["error"] < TOY.evaluate(Net().eval(), TOY.val, False)["error"]


def test_fit_depends_on_the_seed_alone():
    weights = []
    for k, seed in enumerate([None, 0, 1]):
        torch.manual_seed(k)
        weights.append(fit(TOY, steps=4, seed=seed, progress=False)[0].head.weight)
        assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(k)))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("arguments", "steps"), [({}, 30), ({"budget": "full"}, 60), ({"budget": "full", "steps": 3}, 3)]
)
def test_fit_takes_its_steps_from_the_budget(arguments, steps):
    assert len(fit(TOY, **arguments, progress=False)[1]) == steps


def test_fit_resumes(tmp_path):
    whole, _ = fit(TOY, progress=False)

    drawn = []

    class Stopping(Line):
        def __getitem__(self, i):
            drawn.append(i)
            if len(drawn) == 100:
                raise KeyboardInterrupt
            return super().__getitem__(i)

        def __repr__(self):
            return repr(TOY.train)

    with pytest.raises(Interrupted, match="step 12 of 30"):
        fit(dataclasses.replace(TOY, train=Stopping(60)), checkpoint=tmp_path / "toy.pt", progress=False)
    model, history = fit(TOY, checkpoint=tmp_path / "toy.pt", resume=True, progress=False)
    assert len(history) == 30
    assert torch.equal(model.head.weight, whole.head.weight)
    other = dataclasses.replace(TOY, model=other_model)
    with pytest.raises(ValueError, match=r"made by was 'training_toys.Net' and is now '.*other_model'"):
        fit(other, checkpoint=tmp_path / "toy.pt", resume=True, progress=False)


def test_further_facts_travel_with_the_checkpoint(tmp_path):
    fit(TOY, steps=2, checkpoint=tmp_path / "toy.pt", about={"classes": "3"}, progress=False)
    assert checkpoint.read(tmp_path / "toy.pt")["settings"]["classes"] == "3"
    with pytest.raises(ValueError, match="classes was '3' and is now '4'"):
        fit(TOY, steps=2, checkpoint=tmp_path / "toy.pt", resume=True, about={"classes": "4"})


def test_parameters_are_counted_without_allocating():
    tiny = 3 * 16 + 16 + 2 * 16 + 16 + 1
    assert TOY.parameters() == {"tiny": tiny, "paper": tiny // 16 * 4000 + 1}
    huge = dataclasses.replace(TOY, paper_model=functools.partial(torch.nn.Linear, 10**6, 10**6))
    assert huge.parameters()["paper"] == 10**12 + 10**6
