"""The rows of a training, and the picture of them."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest

from lecturekit.training import History
from lecturekit.training.history import smooth


@pytest.fixture
def single():
    history = History(seconds=1.5)
    for step in range(1, 101):
        history.add(step, "model", {"loss_box": 1 / step, "loss_mask": 2 / step}, lr=0.1)
    return history


@pytest.fixture
def game():
    history = History()
    for step in range(1, 21):
        history.add(step, "discriminator", {"loss_real": 1.0, "loss_fake": 0.5}, lr=0.2)
        history.add(step, "generator", {"loss_fool": float(step)}, lr=0.1)
    return history


def test_rows(single, game):
    assert single.rows[1] == {
        "step": 2, "player": "model", "total": 1.5, "loss_box": 0.5, "loss_mask": 1.0, "lr": 0.1
    }  # fmt: skip
    assert len(single) == 100
    assert len(game) == 20
    assert len(game.rows) == 40
    assert len(History()) == 0
    assert game.players == ["discriminator", "generator"]
    assert game.losses() == game.losses("discriminator") == ["loss_real", "loss_fake"]
    assert game.losses("generator") == ["loss_fool"]


def test_columns(single, game):
    assert single.values()[:2] == [3.0, 1.5]
    assert single.values("loss_mask")[:2] == [2.0, 1.0]
    assert game.values("lr", "generator") == [0.1] * 20
    assert game.values("loss_fool", "generator")[-1] == 20
    assert History().values() == []
    with pytest.raises(
        ValueError, match=r"'loss_fool' is none of \['total', 'lr', 'loss_real', 'loss_fake'\]"
    ):
        game.values("loss_fool")
    with pytest.raises(ValueError, match=r"player: 'judge' is none of \['discriminator', 'generator'\]"):
        game.values("total", "judge")


def test_a_row_without_a_loss_is_left_out():
    history = History()
    history.add(1, "model", {"a": 1.0}, 0.1)
    history.add(2, "model", {"a": 3.0, "b": 2.0}, 0.1)
    assert history.losses() == ["a", "b"]
    assert history.values("b") == [2.0]


def test_fell(single, game):
    assert single.fell()
    assert single.fell("loss_mask", to=0.05)
    assert not single.fell(to=0.001)
    assert not game.fell("loss_fool", "generator")
    assert not game.fell()  # it stayed
    assert not History().fell()


def test_json_there_and_back(game):
    game.seconds, game.interrupted = 2.5, True
    back = History.from_json(game.to_json())
    assert (back.rows, back.seconds, back.interrupted) == (game.rows, 2.5, True)


def test_in_words(single, game):
    assert single.news() == "box 0.01, mask 0.02"
    assert game.news() == "discriminator 1.5, generator 20"
    assert repr(single) == "History(100 steps; model: loss_box, loss_mask)"
    assert History().news() == ""


def test_smooth():
    assert smooth([]) == []
    assert smooth([1.0, 5.0]) == [3.0, 3.0]
    values = [float(i) for i in range(100)]
    assert smooth(values)[10:90] == pytest.approx(values[10:90])  # a straight line stays
    assert smooth(values, 0.05)[0] == pytest.approx((0 + 1 + 2 + 3) / 4)  # reach of ceil(2.5) to the right
    zigzag = smooth([0.0, 1.0] * 50)
    assert max(zigzag) - min(zigzag) < 0.2


def test_plot_draws_every_loss_and_the_total(single):
    figure = single.plot("Mask R-CNN")
    (axis,) = figure.axes
    assert axis.get_title() == "Mask R-CNN"
    assert [t.get_text() for t in axis.get_legend().get_texts()] == ["total", "loss_box", "loss_mask"]
    curves = {line.get_label(): line for line in axis.lines if not line.get_label().startswith("_")}
    assert list(curves["loss_box"].get_xdata()) == list(range(1, 101))
    assert list(curves["loss_box"].get_ydata()) == smooth(single.values("loss_box"))
    raw = [line for line in axis.lines if line.get_label().startswith("_")]
    assert [list(line.get_ydata()) for line in raw] == [
        single.values(name) for name in ("total", "loss_box", "loss_mask")
    ]
    assert axis.get_ylim()[0] == 0
    plt.close(figure)


def test_plot_has_a_panel_for_each_player(game):
    figure = game.plot("A game")
    assert [axis.get_title() for axis in figure.axes] == ["discriminator", "generator"]
    labels = [[t.get_text() for t in axis.get_legend().get_texts()] for axis in figure.axes]
    assert labels == [["total", "loss_real", "loss_fake"], ["loss_fool"]]
    plt.close(figure)


def test_plot_of_nothing():
    plt.close(History().plot())
