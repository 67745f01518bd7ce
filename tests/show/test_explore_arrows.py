"""Arrows of optical flow: their lengths are pixels."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

from lecturekit.instance.yolact_edge import true_flow
from lecturekit.show import explore

matplotlib.use("agg")


def test_pixels_and_back():
    flow = torch.tensor([3.0, -5.0])[:, None, None].expand(2, 96, 128)
    units = true_flow(flow, (6, 16))
    assert torch.allclose(explore.to_pixels(units, (96, 128)), flow[:, :6, :16])


def test_arrows_stand_where_something_moves():
    flow = torch.zeros(2, 64, 64)
    flow[0, :, 32:] = 4
    flow[1, :, :32] = 1
    fig, ax = plt.subplots()
    explore.draw_arrows(ax, flow, (64, 64), cells=4)
    arrows = ax.collections[-1]
    assert set(arrows.U.tolist()) == {4.0}
    assert sorted(set(arrows.X.tolist())) == pytest.approx([39.5, 55.5])
    assert sorted(set(ax.lines[0].get_xdata().tolist())) == pytest.approx([7.5, 23.5])
    plt.close(fig)
