"""The Conditional GAN homework: source notebook, points, and marks by behaviour."""

import importlib
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import solution
import torch
from wrong_answers import LOSS_MISTAKES, NETWORK_MISTAKES
from wrong_training import TRAINING_MISTAKES

from lecturekit.data import Digits
from lecturekit.homework import checks, hidden, loop
from lecturekit.homework.assignment import CONDITIONAL_GAN, mark
from lecturekit.homework.tasks import assignment

TASKS = {task.name: task for task in CONDITIONAL_GAN.tasks}
SEED = 1234


def source():
    return nbformat.read(CONDITIONAL_GAN.source, as_version=4)


# --- the source notebook


def test_cells_and_points_are_the_assignments():
    assert assignment("conditional_gan") is CONDITIONAL_GAN
    graded = [c.metadata.nbgrader for c in source().cells if c.metadata.nbgrader.grade]
    automatic = {told.grade_id: told.points for told in graded if not told.solution}
    assert automatic == {name: task.points for name, task in TASKS.items()}
    assert [*automatic] == [*TASKS]
    assert [(told.grade_id, told.points) for told in graded if told.solution] == [*CONDITIONAL_GAN.written]
    assert sum(automatic.values()) == 80
    assert sum(points for _, points in CONDITIONAL_GAN.written) == 20


def test_nbgrader_finds_nothing_wrong_with_the_source():
    from nbgrader.preprocessors import CheckCellMetadata

    CheckCellMetadata().preprocess(source(), {})
    ids = [c.metadata.nbgrader.grade_id for c in source().cells]
    assert len(set(ids)) == len(ids)


def test_every_cell_was_run_in_order_and_every_check_passed():
    cells = [c for c in source().cells if c.cell_type == "code"]
    assert [c.execution_count for c in cells] == [*range(1, len(cells) + 1)]
    for cell in cells:
        outputs = "".join(out.get("text", "") for out in cell.outputs)
        assert not any(out.output_type == "error" or out.get("name") == "stderr" for out in cell.outputs)
        if cell.metadata.nbgrader.grade:
            name = cell.metadata.nbgrader.grade_id
            assert cell.source.startswith(f'check("{name}", ')
            assert outputs == f"{name}: all {len(checks.PROPERTIES[name])} right. Well done!\n"


def test_sections_add_up_to_three_hours():
    text = "\n".join(c.source for c in source().cells if c.cell_type == "markdown")
    minutes = [int(m) for m in re.findall(r"^## .*\((\d+) min\)$", text, re.MULTILINE)]
    assert sum(minutes) == 180
    assert "(180 minutes;" in text
    assert f"{loop.STEPS:,} steps" in text


def test_what_lies_in_the_sandbox_gives_no_answers_away():
    """The modules that tasks run import none of the homework but each other, and hold no solution."""
    modules = {task.run.partition(":")[0] for task in CONDITIONAL_GAN.tasks}
    assert modules == {f"lecturekit.homework.{name}" for name in ("probes", "probes_training", "loop")}
    for name in sorted(modules):
        text = Path(importlib.import_module(name).__file__).read_text()
        assert set(re.findall(r"from (lecturekit\S*)", text)) <= modules
        assert not re.search(r"cross_entropy|softplus|logsigmoid|argmax|pdist|cdist|nn\.Embedding", text)


# --- marks


def answered(task, seed=SEED, **changed):
    found = solution.namespace(**changed)
    given = TASKS[task].inputs(seed)
    return TASKS[task].mark(given, checks.ask(task, found, given))


@pytest.mark.parametrize("task", [name for name in TASKS if name != "trained"])
def test_the_solution_earns_all_points(task):
    got = answered(task)
    assert (got.points, got.out_of) == (TASKS[task].points, TASKS[task].points)
    assert got.comment == "All as expected."
    assert not got.doubtful


@pytest.mark.parametrize("task", [name for name in TASKS if name != "trained"])
def test_hidden_inputs_are_a_function_of_the_seed(task):
    one, two, three = (TASKS[task].inputs(seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert any(not np.array_equal(one[name], three[name]) for name in one)


@pytest.mark.parametrize("mistake", NETWORK_MISTAKES + LOSS_MISTAKES + TRAINING_MISTAKES, ids=str)
def test_a_mistake_costs_points_of_its_task_and_says_why(mistake):
    got = answered(mistake.task, **{mistake.task: solution.mistaken(mistake)})
    assert 0 <= got.points < got.out_of
    assert "Expected: " in got.comment
    assert "Came: " in got.comment


# what is left of a task's points with a mistake in it
PARTLY = {
    ("generator", "condition forgotten"): 9,
    ("generator", "tanh"): 10,
    ("discriminator", "sigmoid at the end"): 8,
    ("discriminator", "condition forgotten"): 7,
    ("discriminator_loss", "log of sigmoid"): 7,
    ("generator_loss", "saturating"): 1,
    ("train_step", "no detach, graph retained"): 11,
    ("train_step", "D's gradients not zeroed"): 12,
    ("sample_grid", "eval() never called"): 7,
    ("diversity", "all ten classes"): 2,
}


@pytest.mark.parametrize(("task", "name"), list(PARTLY))
def test_partial_credit(task, name):
    mistakes = NETWORK_MISTAKES + LOSS_MISTAKES + TRAINING_MISTAKES
    (mistake,) = (m for m in mistakes if (m.task, m.name) == (task, name))
    assert answered(task, **{task: solution.mistaken(mistake)}).points == PARTLY[task, name]


def test_a_wrong_loss_costs_no_points_in_the_training_step():
    source = solution.answers()["generator_loss"].replace("ones_like", "zeros_like")
    assert answered("train_step", generator_loss=source).points == 14


def test_an_answer_in_another_precision_is_for_a_person():
    source = solution.answers()["generator_loss"].replace(
        "(fake_logits, torch", "(1.0005 * fake_logits, torch"
    )
    got = answered("generator_loss", generator_loss=source)
    assert got.doubtful
    assert got.points < got.out_of


def hostile(rng, value):
    """An array in the place of a true one, of another type, shape or with other values."""
    kinds = [
        lambda: np.array("text"),
        lambda: np.array([None]),
        lambda: value[..., None],
        lambda: value.ravel()[:-1],
        lambda: np.full(value.shape, np.nan),
        lambda: np.full(value.shape, np.inf),
        lambda: np.full(value.shape, 1e300),
        lambda: value.astype(np.complex64),
        lambda: np.zeros((0, 32)),
        lambda: np.zeros(1_000_000, np.float32),
        lambda: np.zeros(value.shape, bool),
        lambda: "no array",
    ]
    return kinds[rng.integers(len(kinds))]()


@pytest.mark.parametrize("task", list(TASKS))
def test_no_answer_upsets_the_mark(task):
    given = TASKS[task].inputs(SEED)
    if task == "trained":
        true = {name: np.zeros((len(given["y"]), 1, 8, 8), np.float32) for name in ("x", "again", "near")}
    else:
        true = checks.ask(task, solution.namespace(), given)
    rng = np.random.default_rng(0)
    whole = mark(task, given, true).points
    for trial in range(8 if task == "trained" else 60):
        names = [name for name in true if rng.random() < 0.4] or [next(iter(true))]
        bad = true | {name: hostile(rng, true[name]) for name in names}
        with np.errstate(all="ignore"):
            got = mark(task, given, bad)
        assert 0 <= got.points <= whole, (trial, names)
    for nothing in ({}, {"x": None}, {7: np.zeros(3)}, {"x.error": np.zeros(9, np.uint8)}):
        assert mark(task, given, nothing).points == 0


# --- the trained generator


@pytest.fixture(scope="module")
def task():
    return TASKS["trained"].inputs(SEED)


def marked(task, x, near=None):
    x = np.clip(x, 0, 1).astype(np.float32)
    return mark("trained", task, {"x": x, "again": x, "near": x if near is None else near})


def pick(task, part="val", seed=0, same=False):
    """Real digits of the classes that a trained generator would be asked for."""
    images, digits = (t.numpy() for t in Digits(part).all())
    order = np.array(
        [np.flatnonzero((task["images"] == image).all(axis=(1, 2, 3)))[0] for image in train10()]
    )
    rng, name = np.random.default_rng(seed), task["labels"][order]
    places = [np.flatnonzero(digits == np.flatnonzero(name == k)[0]) for k in task["y"]]
    return images[[p[0] if same else rng.choice(p) for p in places]]


def train10():
    """The first training picture of each digit."""
    images, digits = (t.numpy() for t in Digits("train").all())
    return [images[np.flatnonzero(digits == k)[0]] for k in range(10)]


def test_new_real_digits_earn_all_points(task):
    got = marked(task, pick(task))
    assert (got.points, got.doubtful) == (8, False)


def test_other_labels_earn_nothing(task):
    assert marked(task, np.roll(pick(task), hidden.PER_CLASS, axis=0)).points == 0


def test_a_generator_that_was_trained_elsewhere_earns_nothing(task):
    """Its 3 is a 3; here the label 3 means another digit."""
    images, digits = (t.numpy() for t in Digits("val").all())
    usual = images[[np.flatnonzero(digits == k)[i % 20] for i, k in enumerate(task["y"])]]
    assert marked(task, usual).points <= 1


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1, 0.15, 0.2])
def test_stored_pictures_earn_nothing_and_a_person_looks(task, noise):
    stored = pick(task, "train")
    got = marked(task, stored + noise * np.random.default_rng(1).normal(size=stored.shape))
    assert (got.points, got.doubtful) == (0, True)
    assert "look up" in got.comment or "looks up" in got.comment or "doesn't look up" in got.comment


def test_a_blend_of_stored_pictures_is_noticed(task):
    got = marked(task, 0.8 * pick(task, "train", 1) + 0.2 * pick(task, "train", 2))
    assert (got.points, got.doubtful) == (0, True)


def test_a_table_that_noise_is_looked_up_in_jumps(task):
    got = marked(task, pick(task), near=pick(task, seed=5))
    assert (got.points, got.doubtful) == (0, True)


def test_one_picture_for_each_class_has_collapsed(task):
    rng = np.random.default_rng(0)
    once = pick(task, same=True)
    got = marked(task, once + 0.01 * rng.normal(size=once.shape))
    assert got.points == 5
    assert "collapsed" in got.comment


def test_noise_earns_nothing(task):
    assert marked(task, np.random.default_rng(0).uniform(size=(500, 1, 8, 8))).points == 0


def test_near_a_threshold_a_person_looks(task):
    real, wrong = pick(task), np.roll(pick(task), hidden.PER_CLASS, axis=0)
    count = round(0.84 * len(real))
    mixed = real.copy()
    places = np.random.default_rng(0).permutation(len(real))[count:]
    mixed[places] = wrong[places]
    got = marked(task, mixed)
    assert got.doubtful
    assert got.points == 6


@pytest.mark.slow
def test_the_solution_trained_as_the_grader_trains_it_earns_all_points(task):
    found = solution.namespace()
    got = mark("trained", task, loop.trained(found, task))
    assert (got.points, got.doubtful, got.comment) == (8, False, "All as expected.")


def test_training_starts_politely_without_its_parts(capsys):
    def unwritten(*_):
        raise NotImplementedError

    images = torch.zeros(4, 1, 8, 8)
    assert loop.train(unwritten, unwritten, unwritten, images, torch.arange(4)) is None
    assert "come first" in capsys.readouterr().out
