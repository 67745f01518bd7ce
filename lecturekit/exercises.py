"""The exercises of the lessons, each with an instant check: `exercises.bilinear.check(your_function)`."""

import torch

from lecturekit.layers import roi
from lecturekit.show.check import Exercise


def _bilinear(feature, x, y):
    return roi.bilinear(feature[None], torch.tensor([x, y]))[0]


def _nearest(feature, x, y):
    return feature[round(y), round(x)]


def _average(feature, x, y):
    x, y = int(x), int(y)
    return feature[y : y + 2, x : x + 2].mean()


def _swapped(feature, x, y):
    return _bilinear(feature.T.contiguous(), x, y)


def _mirrored(feature, x, y):
    """The weights of near and far pixels mixed up."""
    fx, fy = x - int(x), y - int(y)
    return _bilinear(feature, int(x) + (1 - fx), int(y) + (1 - fy))


_MAP = torch.tensor([[0.0, 1, 4, 9, 16], [2, 3, 5, 7, 11], [1, 0, 1, 0, 1], [8, 6, 7, 5, 3]])

bilinear = Exercise(
    name="bilinear",
    reference=_bilinear,
    inputs=[
        (_MAP, 2.0, 1.0),
        (_MAP, 2.5, 1.0),
        (_MAP, 1.0, 1.25),
        (_MAP, 3.2, 0.6),
        (_MAP, 0.1, 2.9),
        (_MAP, 4.0, 2.0),
        (_MAP, 4.0, 3.0),
    ],
    mistakes={
        "x counts columns and y counts rows: a map is indexed feature[y, x].": _swapped,
        "that is the value of the nearest pixel; weigh the four neighbours instead.": _nearest,
        "the nearer a neighbour, the more it weighs: x0 gets the weight 1 - (x - x0).": _mirrored,
        "the four neighbours do not count alike; weigh each by how near it is.": _average,
    },
)
