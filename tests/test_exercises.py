"""The exercises' references are right, and typical wrong answers get the hint that is meant for them."""

import pytest
import torch

from lecturekit import exercises

torch.set_num_threads(1)


def solution(feature, x, y):
    """The worked solution of the lesson."""
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, feature.shape[1] - 1), min(y0 + 1, feature.shape[0] - 1)
    fx, fy = x - x0, y - y0
    top = feature[y0, x0] * (1 - fx) + feature[y0, x1] * fx
    bottom = feature[y1, x0] * (1 - fx) + feature[y1, x1] * fx
    return top * (1 - fy) + bottom * fy


def interpolated(feature, x, y):
    """An oracle: torch's grid_sample."""
    height, width = feature.shape
    grid = torch.tensor([[[[2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1]]]])
    return torch.nn.functional.grid_sample(feature[None, None], grid, align_corners=True)[0, 0, 0, 0]


@pytest.mark.parametrize("answer", [solution, interpolated])
def test_right_answers_pass(answer, capsys):
    assert exercises.bilinear.check(answer)
    assert "all 7 right" in capsys.readouterr().out


def without_border(feature, x, y):
    x0, y0, fx, fy = int(x), int(y), x - int(x), y - int(y)
    top = feature[y0, x0] * (1 - fx) + feature[y0, x0 + 1] * fx
    return top * (1 - fy) + fy * (feature[y0 + 1, x0] * (1 - fx) + feature[y0 + 1, x0 + 1] * fx)


def rows_first(feature, x, y):
    return solution(feature.T, x, y)


def far_counts_more(feature, x, y):
    x0, y0 = int(x), int(y)
    return solution(feature, 2 * x0 + 1 - x, 2 * y0 + 1 - y)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda f, x, y: f[round(y), round(x)], "nearest pixel"),
        (rows_first, "indexed feature[y, x]"),
        (far_counts_more, "the nearer a neighbour"),
        (lambda f, x, y: f[int(y) : int(y) + 2, int(x) : int(x) + 2].mean(), "do not count alike"),
        (without_border, "stopped with IndexError"),
    ],
)
def test_wrong_answers_get_their_hint(answer, words, capsys):
    assert not exercises.bilinear.check(answer)
    assert words in capsys.readouterr().out
