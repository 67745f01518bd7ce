"""The claims on conditional generation: what they measure, their arms, and what was stored."""

import copy
import math
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lecturekit import claims
from lecturekit.cgan.cyclegan import CycleGAN
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.claims.cgan import arms, averages, blur, cycle_loss, games, l1_and_gan, paired
from lecturekit.data import TownViews
from lecturekit.training import Budget, Recipe

SEEDS = 3


def test_a_number_is_one_with_probability_x():
    asked, answers = (
        torch.cat(parts) for parts in zip(*(games.Numbers()[i] for i in range(40)), strict=True)
    )
    assert set(answers.unique().tolist()) == {-1.0, 1.0}
    for low in (0.0, 0.25, 0.5, 0.75):
        inside = (asked >= low) & (asked < low + 0.25)
        assert (answers[inside] > 0).float().mean() == pytest.approx(low + 0.125, abs=0.04)


def test_a_spot_is_in_the_asked_half_in_any_of_its_places():
    asked, rows = (torch.cat(parts) for parts in zip(*(games.Spots()[i] for i in range(20)), strict=True))
    assert rows.sum(dim=1).eq(1).all()
    assert rows.amax(dim=1).eq(1).all()
    halves = rows.view(-1, 2, 4).sum(dim=2)
    assert torch.equal(halves, asked)
    torch.testing.assert_close(rows.mean(dim=0), torch.full((8,), 1 / 8), atol=0.02, rtol=0)


def test_numbers_that_are_mean_or_median_are_measured_as_such():
    asked = torch.linspace(0, 0.999, 1000)[:, None]
    mean = games.of_numbers(asked, 2 * asked - 1)
    assert mean["to the mean"] == 0
    assert mean["to an answer"] == pytest.approx(0.5, abs=0.01)  # 1 - |2x - 1|, averaged over 0..1
    median = games.of_numbers(asked, torch.where(asked < 0.5, -1.0, 1.0))
    assert median["to the median"] == median["to an answer"] == median["rarer"] == 0
    assert median["rarer in truth"] == pytest.approx(0.25, abs=0.01)
    assert [sum(h) for h in median["histograms"]] == [334, 333, 333]
    assert games.of_numbers(asked, torch.where(asked < 0.5, 1.0, -1.0))["rarer"] == 1


def test_rows_with_one_spot_are_counted():
    asked = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    right = F.one_hot(torch.tensor([0, 3, 4, 7]), 8).float()
    assert games.of_spots(asked, right)["one spot"] == 1
    assert games.of_spots(asked, 0.8 * right + 0.1)["one spot"] == 1
    assert games.of_spots(asked, right.flip(1))["one spot"] == 0  # in the other half
    mean = asked.repeat_interleave(4, dim=1) / 4
    assert games.of_spots(asked, mean)["one spot"] == games.of_spots(asked, mean)["to the mean"] == 0
    assert games.of_spots(asked, torch.zeros(4, 8))["one spot"] == 0
    assert games.of_spots(asked, torch.zeros(4, 8))["to the median"] == 0


@pytest.mark.parametrize("game", list(games.GAMES))
def test_the_arms_of_a_game_have_one_network_and_their_own_losses(game):
    sizes = games.GAMES[game][1]
    batch = games.GAMES[game][0]()[0]
    layouts = []
    for arm in averages.ARMS:
        torch.manual_seed(0)
        model = games.Answerer(arm, *sizes)
        layouts.append([p.shape for p in model.generator.parameters()])
        torch.manual_seed(1)
        answers = model(batch[0])
        torch.manual_seed(1)
        found = model.losses(batch, "generator")
        if arm == "GAN":
            assert list(model.players()) == ["discriminator", "generator"]
            assert model.losses(batch, "discriminator").keys() == {"loss_real", "loss_fake"}
        else:
            assert list(model.players()) == ["generator"]
            expected = (answers - batch[1]).square() if arm == "MSE" else (answers - batch[1]).abs()
            assert found["loss"].item() == pytest.approx(expected.mean().item())
    assert layouts[0] == layouts[1] == layouts[2]


def test_averages_are_learned():
    torch.manual_seed(0)
    found = averages.outcome("spot", "MSE", 0, 300)
    assert found["to the mean"] < 0.03
    assert found["one spot"] == 0


def scenes(**views):
    return TownViews(first=30_000_000, count=3, size=64, **views)


@pytest.mark.parametrize("time", ["day", "night"])
def test_real_pictures_pass_all_judges(time):
    views = scenes(given="labels", wanted=time)
    found = arms.judged(arms.drawn(views)[1], views)
    assert found["pixel_accuracy"] > 0.9
    assert found["convinced"] == found["sharpness"] == found["high_frequency"] == found["variety"] == 1
    assert found["mae"] == 0


def test_judges_see_what_is_wrong():
    views = scenes(given="day", wanted="night")
    day, night, _ = arms.drawn(views)
    assert arms.judged(day, views)["convinced"] == 0
    soft = F.avg_pool2d(F.pad(night, (2, 2, 2, 2), mode="replicate"), 5, 1)
    blurred, other = arms.judged(soft, views), arms.judged(night.roll(1, 0), views)
    assert blurred["sharpness"] < 0.8
    assert blurred["high_frequency"] < 0.5
    assert other["pixel_accuracy"] < 0.8
    assert other["sharpness"] == pytest.approx(1)
    same = arms.judged(night[:1].repeat(3, 1, 1, 1), views)
    assert same["variety"] == pytest.approx(0, abs=1e-4)
    assert same["mae"] == pytest.approx((night[:1] - night).abs().mean().item())


def test_too_sharp_is_as_far_from_real_as_too_dull():
    assert arms.likeness(1) == 1
    assert arms.likeness(0.5) == arms.likeness(2) == 0.5


def test_strips_come_back():
    pictures = torch.randint(0, 256, (4, 3, 16, 16), generator=torch.Generator().manual_seed(0)) / 255
    torch.testing.assert_close(arms.unstrip(arms.strip(pictures)), pictures, atol=1e-6, rtol=0)


@dataclass(frozen=True)
class Nothing:
    first: int = 0
    count: int = 5

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if i >= self.count:
            raise IndexError
        return self.first + i


def toy_score(model, dataset, progress):
    return {"score": model.value, "first": dataset.first}


def test_each_arm_gets_its_own_best_rate_and_a_second_run_finds_all_done(tmp_path, monkeypatch):
    best, fitted = {"here": 2.0, "there": 0.5}, []

    def fit(recipe, steps, seed, progress):
        arm = recipe.model.__name__
        fitted.append((arm, recipe.lr, steps, seed))
        model = nn.Module()
        model.value = -abs(recipe.lr - best[arm]) + seed
        return model, None

    def here():
        return nn.Module()

    def there():
        return nn.Module()

    monkeypatch.setattr(arms, "fit", fit)
    fields = {"paper": None, "paper_model": None, "train": Nothing(), "val": Nothing(10), "metric": "score"}
    budgets = {"quick": Budget(1, 0), "full": Budget(1, 0)}
    base = Recipe("toy", "cgan", model=here, evaluate=toy_score, batch_size=1, lr=1.0, **fields, **budgets)
    here.__qualname__, there.__qualname__ = "here", "there"
    options = {"seeds": range(2), "folder": tmp_path, "progress": False, "steps": 10}
    models = {"here": here, "there": there}
    runs, protocol = arms.tuned(base, models, Nothing(20, 4), lambda found: found["score"], **options)
    assert protocol["learning rate chosen"] == best
    assert runs["here"] == [{"score": 0.0, "first": 10}, {"score": 1.0, "first": 10}]
    tuning = [one for one in fitted if one[2] == 5]
    assert [one[1] for one in tuning] == [0.5, 1.0, 2.0] * 2
    assert len({one[3] for one in tuning}) == 1
    assert tuning[0][3] not in range(10)
    assert [one for one in fitted if one[2] == 10] == [
        (arm, best[arm], 10, seed) for arm in ("here", "there") for seed in range(2)
    ]
    done = len(fitted)
    assert arms.tuned(base, models, Nothing(20, 4), lambda found: found["score"], **options)[0] == runs
    assert len(fitted) == done


def test_samples_are_made_once():
    calls = []

    @dataclass(frozen=True)
    class Counted(Nothing):
        def __getitem__(self, i):
            calls.append(i)
            return super().__getitem__(i)

    dataset = arms.Remembered(Counted(7, 3))
    assert [dataset[2], dataset[0], dataset[2]] == [9, 7, 9]
    assert len(dataset) == len(calls) == 3


def test_the_arms_of_pix2pix_differ_in_their_losses_alone():
    day = torch.rand(2, 3, 64, 64)
    expected = {
        "L1": {"loss_l1"},
        "GAN": {"loss_adversarial"},
        "L1 + GAN": {"loss_l1", "loss_adversarial"},
    }
    recipe = l1_and_gan.base(train=2, held_out=2)
    assert (recipe.train[0][0].shape, recipe.val.first) == ((3, 64, 64), 10_000_000)
    for arm, model in l1_and_gan.ARMS.items():
        net = model()
        assert net.losses((day, day), "generator").keys() == expected[arm]
        assert list(net.players()) == (["generator"] if arm == "L1" else ["discriminator", "generator"])
        assert net.state_dict().keys() == Pix2Pix.tiny().state_dict().keys()
    assert net.l1 == 100


def test_the_arms_of_cyclegan_differ_in_the_cycle_loss_alone():
    batch = cycle_loss.base(train=2, held_out=2).train[0]
    batch = [picture[None] for picture in batch]
    names = {
        arm: {name.rpartition("_")[0] for name in model().losses(batch, "generators")}
        for arm, model in cycle_loss.ARMS.items()
    }
    assert names == {cycle_loss.WITH: {"loss_adversarial", "loss_cycle"}, "without": {"loss_adversarial"}}
    assert cycle_loss.ARMS[cycle_loss.WITH]().cycle == 10


def test_translation_is_measured_in_both_directions():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def translate(self, pictures, to):
            day, night, _ = arms.drawn(views)
            known, answers = (day, night) if to == "night" else (night, day)
            return torch.stack([answers[(known - one).abs().sum((1, 2, 3)).argmin()] for one in pictures])

    views = cycle_loss.day_to_night(first=30_000_000, count=3)
    found = cycle_loss.measure(Other(), views)
    assert found["restored"] == found["night"]["mae"] == found["day"]["mae"] == 0
    assert found["night"]["convinced"] == found["day"]["convinced"] == 1
    assert cycle_loss.score(found) == pytest.approx(found["night"]["mean_iou"] + found["day"]["mean_iou"])


def test_pairs_and_heaps_are_learned_by_the_same_networks():
    pairs, heaps = paired.paired_translator(), cycle_loss.ARMS[cycle_loss.WITH]()
    assert isinstance(heaps, CycleGAN)
    ours, theirs = pairs.generator.state_dict(), heaps.generators["night"].state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}
    ours = [p.shape for p in pairs.discriminator.parameters()][1:]
    assert ours == [p.shape for p in heaps.discriminators["night"].parameters()][1:]
    recipe, other = paired.base(train=2, held_out=2), cycle_loss.base(train=2, held_out=2)
    same = {"train": other.train, "model": other.model, "evaluate": other.evaluate}
    assert replace(recipe, **same) == other
    day, night = (picture[None] for picture in recipe.train[0])
    torch.testing.assert_close(day, other.train[0][0][None])  # of the same scene
    assert pairs.losses((day, night), "generator").keys() == {"loss_adversarial", "loss_l1"}
    assert pairs.losses((day, night), "discriminator").keys() == {"loss_real", "loss_fake"}


def test_the_arms_of_super_resolution_go_on_from_the_same_weights(monkeypatch):
    monkeypatch.setattr(blur, "learn", lambda *arguments: None)
    found = blur.outcome(seed=0, start=1, steps=1, rates=dict.fromkeys(blur.ARMS, 1e-3), patches=None)
    assert list(found) == ["start", *blur.ARMS]
    assert all(found[arm] == found["start"] for arm in blur.ARMS)


def test_sharpness_is_that_of_the_photographs():
    small, large = blur.held_out()
    assert small.shape == (4, 3, 64, 64)
    assert large.shape == (4, 3, 256, 256)
    exact = blur.measure(large)
    assert exact["sharpness"] == exact["high_frequency"] == 1
    assert exact["psnr"] == math.inf
    soft = blur.measure(blur.bicubic(small, 4))
    assert soft["sharpness"] < 0.8
    assert soft["high_frequency"] < 0.5
    assert 15 < soft["psnr"] < 35
    assert soft["spectrum"][-1] < exact["spectrum"][-1]


def measures(**values):
    """The same measures for every seed, all but the same."""
    usual = {"pixel_accuracy": 0.8, "mean_iou": 0.6, "mae": 0.1, "sharpness": 0.9, "variety": 1.0}
    return [{name: value + seed / 1000 for name, value in (usual | values).items()} for seed in range(SEEDS)]


def by_night(**values):
    return [{"night": one, "day": one} for one in measures(**values)]


def of_numbers(answer, mean, median, rarer):
    return {"to an answer": answer, "to the mean": mean, "to the median": median, "rarer": rarer}


RUNS = {  # of each claim, such that its sentence is true
    "averages": {
        "number": {
            "MSE": measures(**of_numbers(0.5, 0.0, 0.5, 0.0), **{"rarer in truth": 0.25}),
            "MAE": measures(**of_numbers(0.1, 0.4, 0.1, 0.0), **{"rarer in truth": 0.25}),
            "GAN": measures(**of_numbers(0.1, 0.7, 0.5, 0.24), **{"rarer in truth": 0.25}),
        },
        "spot": {
            "MSE": measures(**{"one spot": 0.0}),
            "MAE": measures(**{"one spot": 0.0}),
            "GAN": measures(**{"one spot": 0.9}),
        },
    },
    "blur": [
        {
            "MSE": {"psnr": 25.0 + seed, "sharpness": 0.6, "high_frequency": 0.1},
            "MAE": {"psnr": 25.1 + seed, "sharpness": 0.6, "high_frequency": 0.1},
            "SRGAN": {"psnr": 24.0 + seed, "sharpness": 1.2, "high_frequency": 0.8},
        }
        for seed in range(SEEDS)
    ],
    "l1_and_gan": {
        "L1": measures(sharpness=0.6),
        "GAN": measures(pixel_accuracy=0.5, mean_iou=0.3, mae=0.3),
        "L1 + GAN": measures(),
    },
    "cycle_loss": {cycle_loss.WITH: by_night(), "without": by_night(variety=0.2, mean_iou=0.2)},
    "paired": {"pairs": by_night(), "heaps": by_night(mean_iou=0.5, pixel_accuracy=0.7, mae=0.2)},
}
EXPERIMENTS = {"averages": averages, "blur": blur, "l1_and_gan": l1_and_gan}
EXPERIMENTS |= {"cycle_loss": cycle_loss, "paired": paired}


def verdict(name, runs):
    comparisons = EXPERIMENTS[name].comparisons(runs)
    return claims.judge(EXPERIMENTS[name].CLAIM, {"comparisons": comparisons})["verdict"]


@pytest.mark.parametrize("name", list(RUNS))
def test_a_sentence_that_is_true_is_shown(name):
    assert verdict(name, RUNS[name]) == "shown"


@pytest.mark.parametrize(
    ("name", "path", "values"),
    [
        ("averages", ("number", "MSE"), {"to the mean": 0.6}),
        ("averages", ("number", "MAE"), {"to the median": 0.5}),
        ("averages", ("number", "GAN"), {"to an answer": 0.6}),
        ("averages", ("number", "GAN"), {"rarer": 0.6}),
        ("averages", ("spot", "GAN"), {"one spot": -0.1}),
        ("blur", ("MSE",), {"psnr": 20}),
        ("blur", ("MAE",), {"psnr": 20}),
        ("blur", ("SRGAN",), {"sharpness": 2.5}),
        ("blur", ("SRGAN",), {"high_frequency": 20.0}),
        ("l1_and_gan", ("L1",), {"sharpness": 0.95}),
        ("l1_and_gan", ("GAN",), {"sharpness": 0.5}),
        ("l1_and_gan", ("GAN",), {"pixel_accuracy": 0.9}),
        ("l1_and_gan", ("GAN",), {"mean_iou": 0.9}),
        ("l1_and_gan", ("GAN",), {"mae": 0.05}),
        ("l1_and_gan", ("L1",), {"pixel_accuracy": 0.9}),
        ("l1_and_gan", ("L1 + GAN",), {"sharpness": 0.7}),
        ("cycle_loss", ("without",), {"variety": 1.2}),
        ("cycle_loss", ("without",), {"mean_iou": 0.8}),
        ("paired", ("heaps",), {"mean_iou": 0.7}),
        ("paired", ("heaps",), {"pixel_accuracy": 0.9}),
        ("paired", ("heaps",), {"mae": 0.05}),
    ],
)
def test_every_comparison_can_turn_the_verdict(name, path, values):
    runs = copy.deepcopy(RUNS[name])
    if name == "blur":
        own = [run[path[0]] for run in runs]
    else:
        own = runs[path[0]] if len(path) == 1 else runs[path[0]][path[1]]
    for one in own:
        for part in [one["night"], one["day"]] if "night" in one else [one]:
            part.update(values)
    assert verdict(name, runs) == "contradicted"


def test_both_together_may_be_a_little_short_of_the_better():
    runs = copy.deepcopy(RUNS["l1_and_gan"])
    for one in runs["L1 + GAN"]:
        one["pixel_accuracy"] -= 0.02
        one["sharpness"] -= 0.02
    assert verdict("l1_and_gan", runs) == "shown"


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_stored_comparisons_are_those_of_the_stored_runs(name):
    found = claims.stored(name)
    values = {c["what"]: {arm: s["values"] for arm, s in c["arms"].items()} for c in found["comparisons"]}
    assert EXPERIMENTS[name].comparisons(found["runs"]) == values


def test_stored_data_is_there_for_the_plots():
    found = claims.stored("averages")
    questions = found["protocol"]["held-out questions"]
    for runs in found["runs"]["number"].values():
        for run in runs:
            assert [len(h) for h in run["histograms"]] == [len(found["edges"]) - 1] * 3
            assert 0.99 * questions <= sum(map(sum, run["histograms"])) <= questions
    found = claims.stored("blur")
    lines = [found["real"], found["bicubic"], *(run[arm] for run in found["runs"] for arm in blur.ARMS)]
    assert {len(line["spectrum"]) for line in lines} == {len(found["frequencies"])} == {blur.BINS}
    table = claims.stored("l1_and_gan")["table"]
    assert list(table) == ["L1", "GAN", "L1 + GAN", "real"]
    assert all(list(row) == list(l1_and_gan.COLUMNS) for row in table.values())
    assert min(table["real"]["pixel_accuracy"]) > 0.9


def test_stored_pictures_are_of_the_held_out_scenes():
    found = claims.stored("l1_and_gan")
    assert list(found["slider"]) == ["0", "100", "L1 alone", "1", "10"]
    assert found["pictures"].keys() == {"label map", "real", *found["slider"]}
    pictures = {name: arms.unstrip(text) for name, text in found["pictures"].items()}
    assert {tuple(p.shape) for p in pictures.values()} == {(l1_and_gan.SHOWN, 3, arms.SIDE, arms.SIDE)}
    given, wanted, _ = arms.drawn(replace(l1_and_gan.base(1, 1).val, count=l1_and_gan.SHOWN))
    assert (pictures["label map"] - given).abs().mean() < 1e-3
    assert (pictures["real"] - wanted).abs().mean() < 1e-3
    first = found["slider"]["100"]["mae"]
    assert (pictures["100"] - wanted).abs().mean() == pytest.approx(first, rel=0.5)
    assert sum(map(len, found["pictures"].values())) < 300_000


def again(name, tmp_path, **options):
    """What an experiment returns, after seeing that a second run finds all its parts done."""
    run = {"seeds": range(2), "folder": tmp_path / name, "progress": False, **options}
    claim = EXPERIMENTS[name].CLAIM
    first = claim.experiment(**run)
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")}
    assert files
    assert claim.experiment(**run) == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.json")} == files
    assert claims.judge(claim, first)["verdict"] in {"shown", "not shown", "contradicted"}
    return first


@pytest.mark.slow
def test_averages_from_end_to_end(tmp_path):
    again("averages", tmp_path, steps=2)


@pytest.mark.slow
def test_blur_from_end_to_end(tmp_path):
    found = again("blur", tmp_path, start=1, steps=1, count=10, tuned=2)
    assert found["protocol"]["learning rate chosen"].keys() == set(blur.ARMS)


@pytest.mark.slow
def test_l1_and_gan_from_end_to_end(tmp_path):
    found = again("l1_and_gan", tmp_path, steps=1, held_out=4, tuning=2, train=8)
    assert found["slider"]["0"] == found["runs"]["GAN"][0]
    assert found["slider"]["100"] == found["runs"]["L1 + GAN"][0]


@pytest.mark.slow
def test_paired_takes_its_unpaired_arm_from_cycle_loss(tmp_path):
    options = {"steps": 1, "held_out": 3, "tuning": 2, "train": 4}
    cycle = again("cycle_loss", tmp_path, **options)
    before = sorted((tmp_path / "cycle_loss").rglob("*.json"))
    found = again("paired", tmp_path, **options)
    assert found["runs"]["heaps"] == cycle["runs"][cycle_loss.WITH]
    assert sorted((tmp_path / "cycle_loss").rglob("*.json")) == before
