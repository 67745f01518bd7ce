"""Counted cost is what a pencil says."""

import torch
from torch import nn

from lecturekit import show


def test_convolutions_and_products_are_counted():
    conv = nn.Conv2d(3, 8, 3, padding=1)
    assert show.multiply_adds(lambda: conv(torch.zeros(2, 3, 10, 12))) == 2 * 8 * 10 * 12 * 3 * 9
    assert show.multiply_adds(lambda: torch.zeros(5, 7) @ torch.zeros(7, 11)) == 5 * 7 * 11
    assert show.multiply_adds(lambda: torch.zeros(5).exp()) == 0


def test_it_runs_once_and_leaves_gradients_alone():
    calls = []
    conv = nn.Conv2d(1, 1, 1)
    show.multiply_adds(lambda: calls.append(conv(torch.zeros(1, 1, 2, 2))))
    assert len(calls) == 1
    assert not calls[0].requires_grad
    assert conv(torch.zeros(1, 1, 2, 2)).requires_grad
