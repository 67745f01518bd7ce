"""The instant checks: every typical mistake gets its own hint, other styles pass, nothing crashes a check."""

import contextlib
import functools
import io

import numpy as np
import pytest
import solution
import torch
from right_answers import RIGHT
from wrong_answers import LOSS_MISTAKES, NETWORK_MISTAKES
from wrong_training import TRAINING_MISTAKES

from lecturekit.homework import check, checks, hidden, reference
from lecturekit.homework.answers import Received

MISTAKES = NETWORK_MISTAKES + LOSS_MISTAKES + TRAINING_MISTAKES
TASKS = [task for task in checks.NAMES if task != "trained"]


def asked(task, found):
    """Whether the check passes, and what it says."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        right = check(task, *(found[name] for name in checks.NAMES[task]))
    return right, told.getvalue()


@functools.cache
def said(mistake):
    return asked(mistake.task, solution.namespace(**{mistake.task: solution.mistaken(mistake)}))


@pytest.mark.parametrize("task", TASKS)
def test_the_solution_passes(task):
    right, told = asked(task, solution.namespace())
    assert right
    assert told == f"{task}: all {len(checks.PROPERTIES[task])} right. Well done!\n"


@pytest.mark.parametrize(("task", "style", "source"), RIGHT, ids=[f"{t}-{s}" for t, s, _ in RIGHT])
def test_other_styles_pass(task, style, source):
    right, told = asked(task, solution.namespace(**{task: source}))
    assert right, told


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_gets_its_own_hint(mistake):
    right, told = said(mistake)
    assert not right
    hint = told.partition("Hint: ")[2]
    assert mistake.hint in hint, told
    others = {m.hint for m in MISTAKES if m.task == mistake.task} - {mistake.hint}
    assert [other for other in others if other in hint] == []
    assert "expected: " in told
    assert "came: " in told
    assert "Traceback" not in told
    assert len(told.splitlines()) <= 4


def test_the_bank_is_large():
    assert len(MISTAKES) >= 100
    assert len({(m.task, m.hint) for m in MISTAKES}) >= 90
    assert {m.task for m in MISTAKES} == {task for task, *_ in RIGHT} == set(TASKS)


STUB = "def f(*_):\n    raise NotImplementedError\n\n\n"


@pytest.mark.parametrize("task", list(checks.NAMES))
def test_what_is_not_written_yet_is_said_politely(task):
    found = {}
    exec(STUB, found)
    right, told = asked(task, dict.fromkeys(checks.NAMES[task], found["f"]))
    assert not right
    assert told == f"{task}: not written yet.\n"


class Sour(Exception):
    def __str__(self):
        raise ValueError("no words")


def sour(*_):
    raise Sour


def leaving(*_):
    raise SystemExit(3)


def endless(*_):
    return endless(*_)


class Odd(torch.nn.Module):
    """Answers of ever other shapes and types."""

    shapes = iter([(3,), (0, 1, 8, 8), (), (2, 2), (1, 1, 1)] * 400)

    def forward(self, *_):
        return torch.full(next(self.shapes), float("nan"))


ODD = [None, 7, "text", sour, leaving, endless, object, Odd, dict, lambda *_: {}, lambda *_: np.zeros(3)]


@pytest.mark.parametrize("task", list(checks.NAMES))
@pytest.mark.parametrize("odd", ODD, ids=lambda o: getattr(o, "__name__", repr(o)))
def test_nothing_crashes_a_check(task, odd):
    right, told = asked(task, dict.fromkeys(checks.NAMES[task], odd))
    assert not right
    assert told.startswith(f"{task}: ")


@pytest.mark.parametrize("task", TASKS)
def test_a_check_leaves_things_as_they_were(task):
    found = solution.namespace()
    before = dict(found)
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    assert asked(task, found) == asked(task, found)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert found.keys() == before.keys()
    assert all(found[name] is before[name] for name in before)


def test_a_student_prints_nothing_into_a_check():
    source = solution.answers()["generator_loss"].replace("    return", "    print('here')\n    return")
    assert "here" not in asked("generator_loss", solution.namespace(generator_loss=source))[1]


def test_unknown_names_and_missing_answers_are_errors():
    with pytest.raises(ValueError, match=r"name must be one of embedding, .*, got 'painter'"):
        check("painter", object)
    with pytest.raises(
        ValueError, match='expected check\\("trained", Generator, Discriminator, train_step\\)'
    ):
        check("trained", object)


# --- the references against torch, which has other formulas


@pytest.mark.parametrize("seed", range(3))
def test_losses_and_slopes_are_torchs(seed):
    given = hidden.discriminator_loss(seed)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    for case in range(int(given["cases"])):
        r, f = (torch.from_numpy(given[f"{s}_{case}"]).double().requires_grad_() for s in ("real", "fake"))
        numbers = r.detach().numpy(), f.detach().numpy()
        loss_d = bce(r, torch.ones_like(r)) + bce(f, torch.zeros_like(f))
        loss_g = bce(f, torch.ones_like(f))
        assert reference.discriminator_loss(*numbers) == pytest.approx(loss_d.item(), rel=1e-12)
        assert reference.generator_loss(numbers[1]) == pytest.approx(loss_g.item(), rel=1e-12)
        for truth, slope in zip(
            torch.autograd.grad(loss_d, (r, f)), reference.discriminator_slopes(*numbers), strict=True
        ):
            np.testing.assert_allclose(slope, truth.numpy(), rtol=1e-9, atol=1e-15)
        (truth,) = torch.autograd.grad(loss_g, f)
        np.testing.assert_allclose(
            reference.generator_slope(numbers[1]), truth.numpy(), rtol=1e-9, atol=1e-15
        )


def test_the_measures_are_sklearns_and_scipys():
    from scipy.spatial.distance import pdist
    from sklearn.metrics import accuracy_score

    given = hidden.conditional_accuracy(4)
    logits, y = given["logits_1"], given["y_1"]
    assert reference.conditional_accuracy(logits, y) == accuracy_score(y, logits.argmax(1))
    given = hidden.diversity(4)
    features, y = given["features_1"].astype(float), given["y_1"]
    truth = np.mean([pdist(features[y == k]).mean() for k in set(y.tolist())])
    assert reference.diversity(features, y) == pytest.approx(truth, rel=1e-12)


@pytest.mark.parametrize("task", TASKS)
def test_a_right_answer_is_right_on_every_seed(task):
    """Margins hold: 20 seeds, none wrong, none doubtful."""
    found = solution.namespace()
    for seed in range(20):
        given = hidden.INPUTS[task](seed)
        received = Received(task, checks.ask(task, found, given))
        wrong = [error.came for _, error in checks.judge(task, given, received) if error]
        assert wrong == [], seed


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_wrong_on_other_seeds(mistake):
    found = solution.namespace(**{mistake.task: solution.mistaken(mistake)})
    for seed in (11, 12):
        given = hidden.INPUTS[mistake.task](seed)
        received = Received(mistake.task, checks.ask(mistake.task, found, given))
        assert any(error for _, error in checks.judge(mistake.task, given, received)), seed
