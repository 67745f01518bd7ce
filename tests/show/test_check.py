"""The instant check of an exercise: what it says about right, wrong, broken and unfinished answers."""

import pytest
import torch

from lecturekit.show.check import Exercise

double = Exercise(
    "double",
    lambda x: 2 * x,
    [(torch.tensor(0.0),), (torch.tensor([1.0, 2.0]),), (torch.tensor([3.0]),)],
    {"that is the square": lambda x: x * x},
)


def said(capsys, attempt):
    return double.check(attempt), capsys.readouterr().out


def test_a_right_answer(capsys):
    assert said(capsys, lambda x: x + x) == (True, "double: all 3 right. Well done!\n")


def test_a_wrong_answer_is_shown_beside_the_true_one(capsys):
    right, text = said(capsys, lambda x: 3 * x)
    assert not right
    assert "1 of 3 right, then double([1.0, 2.0])" in text
    assert "returned [3.0, 6.0]; expected [2.0, 4.0]" in text
    assert "Hint" not in text


def test_a_usual_mistake_is_recognised(capsys):
    right, text = said(capsys, lambda x: x**2)
    assert not right
    assert "Hint: that is the square" in text


def wrong_shape(x):
    return torch.cat((2 * x.reshape(-1), x.reshape(-1)))


def unfinished(x):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (unfinished, "not written yet"),
        (lambda x: None, "is there a `return`"),
        (lambda x: "2x", "returned a str"),
        (wrong_shape, "shape [2]; expected []"),
        (lambda x: 2 / 0, "stopped with ZeroDivisionError: division by zero"),
        (lambda x: x.mul_(2) / 2 * 1.01, "1 of 3 right"),
    ],
)
def test_what_else_can_go_wrong(capsys, attempt, words):
    right, text = said(capsys, attempt)
    assert not right
    assert words in text


def test_the_inputs_stay_as_they_are(capsys):
    assert said(capsys, lambda x: x.mul_(2))[0]
    assert double.inputs[1][0].tolist() == [1, 2]
