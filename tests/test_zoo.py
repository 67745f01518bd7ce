"""Shipped weights: that they fit today's recipes and models, and that they are noticed when they don't."""

import dataclasses
import json
import re
import struct
from functools import partial

import pytest
import torch
from torch import nn

from lecturekit import recipes, zoo
from lecturekit.recipes import instance
from lecturekit.training import Budget, History, Paper, Recipe, fit


class Toy(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x, y=None):
        out = self.body(x)
        return out if y is None else (out - y).square().mean()


@dataclasses.dataclass(frozen=True)
class Sums:
    first: int = 0
    count: int = 30

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        x = torch.randn(2, generator=torch.Generator().manual_seed(self.first + i))
        return x, x.sum()[None]


def evaluate(model, dataset, progress):
    x, y = (torch.stack(t) for t in zip(*(dataset[i] for i in range(len(dataset))), strict=True))
    with torch.no_grad():
        return {"error": (model(x) - y).square().mean().item()}


def probe(model, dataset):
    with torch.no_grad():
        return {"out": model(torch.stack([dataset[i][0] for i in range(20)]))}


RECIPE = Recipe(
    name="toy",
    lecture="instance",
    paper=Paper("On Sums", 1202, "0000.00000"),
    model=Toy,
    paper_model=partial(Toy, width=64),
    train=Sums(),
    val=Sums(first=1000),
    evaluate=evaluate,
    probe=probe,
    metric="error",
    higher_is_better=False,
    quick=Budget(10, bar=5.0),
    full=Budget(20, bar=4.0),
    batch_size=8,
    lr=1e-2,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A system "toy" in the catalogue, trained and shipped to an empty folder; gives its card and model."""
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    entry = recipes.Entry("instance", "On Sums", 1202, "0000.00000", tiny=0, paper=0)
    monkeypatch.setitem(recipes.CATALOGUE, "toy", entry)
    monkeypatch.setattr(instance, "TOY", RECIPE, raising=False)
    monkeypatch.setitem(recipes.CATALOGUE, "unshipped", entry)
    model, history = fit(RECIPE, "full", progress=False)
    return zoo.save(model, RECIPE, history, folder=tmp_path, progress=False), model


def change(monkeypatch, **fields):
    monkeypatch.setattr(instance, "TOY", dataclasses.replace(RECIPE, **fields))


def test_what_was_saved_is_loaded(toy):
    card, trained = toy
    assert zoo.names() == ["toy"]
    torch.manual_seed(3)
    loaded = zoo.load("toy")
    assert torch.equal(torch.rand(2), torch.rand(2, generator=torch.Generator().manual_seed(3)))
    assert not loaded.training
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    for (name, ours), theirs in zip(loaded.state_dict().items(), trained.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)
    assert any(not torch.equal(a, b) for a, b in zip(loaded.parameters(), trained.parameters(), strict=True))
    norm = loaded.body[1]
    assert (norm.num_batches_tracked.dtype, int(norm.num_batches_tracked)) == (torch.int64, 20)
    assert zoo.stale("toy") == []
    assert card["metrics"] == evaluate(loaded, RECIPE.val, False)  # of the rounded weights
    assert card["metrics"] != evaluate(trained, RECIPE.val, False)


def test_the_card_tells_how_the_weights_came_about(toy):
    card, trained = toy
    assert zoo.card("toy") == card
    assert (card["system"], card["recipe"], card["seed"], card["steps"]) == ("toy", RECIPE.hash(), 0, 20)
    assert card["parameters"] == sum(p.numel() for p in trained.parameters())
    assert card["bar"] == {
        "metric": "error",
        "at_most": 4.0,
        "value": card["metrics"]["error"],
        "reached": True,
    }
    assert card["versions"]["torch"] in torch.__version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card["date"])
    assert card["outputs"]["out"]["shape"] == [20, 1]
    assert len(card["outputs"]["out"]["values"]) == 16


def test_the_file_is_float16(toy, tmp_path):
    with open(tmp_path / "toy.safetensors", "rb") as file:
        head = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    head.pop("__metadata__")
    assert {k: v["dtype"] for k, v in head.items() if "num_batches" in k} == {
        "body.1.num_batches_tracked": "I64"
    }
    assert {v["dtype"] for k, v in head.items() if "num_batches" not in k} == {"F16"}


def test_another_recipe_is_noticed(toy, monkeypatch):
    change(monkeypatch, lr=2e-2)
    assert len(zoo.stale("toy")) == 1
    assert re.search(f"recipe's hash is .*, the weights were made with {RECIPE.hash()}", zoo.stale("toy")[0])
    assert zoo.load("toy") is not None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (lambda: Toy(width=9), r"body.0.weight has shape \[8, 2\], the model's has \[9, 2\]"),
        (lambda: nn.ModuleDict({"body": nn.Linear(2, 1)}), "body.weight is missing"),
    ],
)
def test_another_model_is_noticed_and_not_loaded(toy, monkeypatch, body, words):
    change(monkeypatch, model=body)
    monkeypatch.setattr(Recipe, "hash", lambda self: RECIPE_HASH)
    assert any(re.search(words, reason) for reason in zoo.stale("toy"))
    with pytest.raises(
        ValueError, match=f"weights: those of 'toy' are for another model .*{words}.*--full --ship"
    ):
        zoo.load("toy")


RECIPE_HASH = RECIPE.hash()


@pytest.mark.parametrize("shift", [3e-3, -3e-3, float("nan")])
def test_other_outputs_are_noticed(toy, monkeypatch, shift):
    change(monkeypatch, probe=lambda model, data: {"out": probe(model, data)["out"] + shift})
    assert any(reason.startswith("output 'out' on the fixed input was") for reason in zoo.stale("toy"))


def test_outputs_within_a_thousandth_are_the_same(toy, monkeypatch):
    change(monkeypatch, probe=lambda model, data: {"out": probe(model, data)["out"] + 5e-4})
    assert zoo.stale("toy") == []


@pytest.mark.parametrize("outputs", [{}, {"other": torch.zeros(20, 1)}, {"out": torch.zeros(5)}])
def test_missing_outputs_are_noticed(toy, monkeypatch, outputs):
    change(monkeypatch, probe=lambda model, data: outputs)
    assert any("output 'out'" in reason for reason in zoo.stale("toy"))


def test_unknown_names_and_missing_weights_are_answered(toy):
    for ask in (zoo.load, zoo.card, zoo.stale):
        with pytest.raises(ValueError, match=r"'toyy' is no system of the catalogue.*mask_rcnn"):
            ask("toyy")
        with pytest.raises(
            ValueError, match=r"none are shipped for 'unshipped' \(there are: toy\).*train unshipped"
        ):
            ask("unshipped")


def interrupted():
    return History([{"step": 3, "player": "model", "total": 1.0, "lr": 0.1}], interrupted=True)


def overflowing():
    model = Toy()
    nn.init.constant_(model.body[0].bias, 1e5)
    return model


@pytest.mark.parametrize(
    ("model", "history", "words"),
    [
        (Toy, interrupted, "interrupted at step 3"),
        (overflowing, History, r"body\.0\.bias has values that float16 can't hold"),
        (partial(Toy, width=500_000), History, r"8\.0 MB in float16, at most 2\.5"),
    ],
)
def test_what_is_not_shipped(tmp_path, model, history, words):
    with pytest.raises(ValueError, match=words):
        zoo.save(
            model(), dataclasses.replace(RECIPE, model=model), history(), folder=tmp_path, progress=False
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", zoo.names() + zoo.extras())
class TestShipped:
    """The weights that lie in the package."""

    def test_are_not_stale(self, name):
        assert zoo.stale(name) == []

    def test_reached_the_bar(self, name):
        card, recipe = zoo.card(name), recipes.get(name)
        assert card["bar"]["reached"]
        assert recipe.reached(card["metrics"])
        assert card["steps"] == recipe.full.steps

    def test_are_small(self, name):
        assert (zoo.FOLDER / f"{name}.safetensors").stat().st_size <= 2.5e6

    @pytest.mark.slow
    def test_have_the_metrics_that_the_card_tells(self, name):
        recipe = recipes.get(name)
        metrics = recipe.evaluate(zoo.load(name), recipe.val, False)
        assert metrics == pytest.approx(zoo.card(name)["metrics"], abs=0.005)


def test_shipped_weights_are_small_together():
    assert sum(file.stat().st_size for file in zoo.FOLDER.glob("*")) <= 30e6


def test_every_shipped_file_belongs_to_a_recipe():
    known = {*recipes.names(), *recipes.EXTRAS}
    assert {file.stem for file in zoo.FOLDER.glob("*.safetensors")} <= known
    assert [recipes.get(name).name for name in recipes.EXTRAS] == list(recipes.EXTRAS)
