"""Helpers that put tensors into pictures: what is drawn is what was given."""

import io

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from lecturekit import show
from lecturekit.show.figure import png

matplotlib.use("agg")
torch.set_num_threads(1)


def test_maps_share_their_limits_and_rgb_is_recognised():
    fig, axes = show.maps([torch.rand(3, 4, 6), torch.rand(2, 2), torch.rand(5, 5)], columns=2, limits=(0, 2))
    assert [ax.images[0].get_array().shape for ax in axes] == [(4, 6, 3), (2, 2), (5, 5)]
    assert axes[1].images[0].get_clim() == axes[2].images[0].get_clim() == (0, 2)
    assert len(fig.axes) == 4


def test_features_are_coloured_alike_where_they_are_alike():
    left, right = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    maps = torch.stack([left, left, right, right], dim=1).reshape(16, 1, 4) * 3
    colours = show.features(maps)
    assert colours.shape == (3, 1, 4)
    assert colours.min() >= 0
    assert colours.max() <= 1
    assert torch.allclose(colours[..., 0], colours[..., 1], atol=1e-5)
    assert (colours[..., 0] - colours[..., 2]).abs().max() > 0.5
    for shift in range(1, 16):  # the order of the channels means nothing
        assert torch.allclose(show.features(maps.roll(shift, 0)), colours, atol=1e-4)
    assert show.features(torch.zeros(8, 2, 2)).isfinite().all()


def test_outlines_lie_on_the_pixels_borders():
    _, (ax,) = show.maps([torch.rand(3, 9, 9)])
    show.outline(ax, torch.tensor([[1.0, 2, 4, 8]]), "#E69F00")
    line = ax.lines[-1]
    assert to_hex(line.get_color()) == "#e69f00"
    # pixel 1 begins at 0.5 where its centre is drawn at 1
    assert set(line.get_xdata()) == {0.5, 3.5}
    assert set(line.get_ydata()) == {1.5, 7.5}


def test_a_table_says_its_numbers():
    fig = show.table(torch.tensor([[0.0, 0.254], [1.0, 0.5]]), ["a", "b"], ["x", "y"])
    assert [text.get_text() for text in fig.axes[0].texts] == ["0.00", "0.25", "1.00", "0.50"]
    assert [label.get_text() for label in fig.axes[0].get_yticklabels()] == ["a", "b"]


def test_the_same_figure_gives_the_same_bytes():
    pictures = [png(show.maps([torch.eye(3)], ["unit"])[0]) for _ in range(2)]
    assert pictures[0] == pictures[1]


@pytest.fixture
def result():
    def comparison(a, b):
        arms = {"new": a, "old": b}
        arms = {k: {"values": v, "mean": sum(v) / len(v), "deviation": 0.1} for k, v in arms.items()}
        return {"what": "AP", "arms": arms, "difference": 0.1, "low": 0.05, "high": 0.15}

    return {"comparisons": [comparison([0.5, 0.6], [0.4, 0.5]), comparison([1.0, 0.9], [0.8, 0.8])]}


def test_evidence_shows_every_seed(result):
    fig = show.evidence(result)
    assert len(fig.axes) == 2
    for ax, comparison in zip(fig.axes, result["comparisons"], strict=True):
        drawn = [dots.get_offsets()[:, 1].tolist() for dots in ax.collections if len(dots.get_offsets()) == 2]
        assert drawn == [arm["values"] for arm in comparison["arms"].values()]
        assert "+0.100" in ax.get_title()
        assert "+0.050 to +0.150" in ax.get_title()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("mask_rcnn", "backbone, region proposal, RoIAlign, box branch, mask branch, K masks, picks"),
        (
            "yolact",
            "backbone, prototype\nnetwork, prediction\nheads, Fast NMS, K coefficients, one product, crop",
        ),
        ("yolact_edge", "key frame, up to C3, C4, flow net, C3 of both, P4 and P5 are warped, P3, heads"),
    ],
)
def test_diagrams_name_every_part(name, parts):
    text = " ".join(t.get_text() for t in getattr(show.diagrams, name)().axes[0].texts)
    assert [part for part in parts.split(", ") if part not in text] == []


def test_findings_count_the_seeds_and_say_where_the_interval_lies(capsys):
    def comparison(low, high, *pairs):
        arms = {
            name: {"values": list(values)}
            for name, values in zip("ab", zip(*pairs, strict=True), strict=True)
        }
        return {"what": f"{low}..{high}", "arms": arms, "low": low, "high": high}

    comparisons = [
        comparison(0.1, 0.3, (3, 2), (4, 1)),
        comparison(-0.1, 0.3, (3, 2), (1, 1)),
        comparison(-0.3, -0.1, (1, 2), (1, 3)),
    ]
    show.findings({"sentence": "S.", "verdict": "V", "seeds": [0, 1], "comparisons": comparisons})
    assert capsys.readouterr().out.splitlines() == [
        "S. -> V (2 seeds)",
        "  0.1..0.3: a above b in 2 of 2; the interval lies above zero",
        "  -0.1..0.3: a above b in 1 of 2; the interval holds zero",
        "  -0.3..-0.1: a above b in 0 of 2; the interval lies below zero",
    ]


def test_grey_pictures_are_written_grey_and_stay_as_they_are():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for pixels in (np.repeat(levels[..., None], 3, 2), np.stack([levels, levels, 255 - levels], 2)):
        read = Image.open(io.BytesIO(png(Image.fromarray(pixels))))
        assert (np.asarray(read.convert("RGB")) == pixels).all()
        assert read.mode == ("L" if (pixels[..., 2] == levels).all() else "RGB")
