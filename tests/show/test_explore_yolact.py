"""The widgets of YOLACT: mixing prototypes by hand, and Fast NMS beside NMS."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

from lecturekit.instance.yolact import fast_nms
from lecturekit.show import explore

matplotlib.use("agg")
torch.set_num_threads(1)


@pytest.fixture
def world():
    """One object, the left upper quarter; prototype 0 knows the left half, prototype 1 the lower half."""
    prototypes = torch.zeros(2, 16, 16)
    prototypes[0, :, :8] = 10
    prototypes[1, 8:] = 20
    truth = torch.zeros(32, 32)
    truth[:16, :16] = 1
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    return image, prototypes, torch.tensor([0.8, -0.9]), torch.tensor([0.0, 0, 0.5, 0.5]), truth


def test_a_mixture_adds_and_takes_away(world):
    _, prototypes, coefficients, box, truth = world
    facts = explore.mixture(prototypes, coefficients, box, truth)
    assert facts["sum"][0, 0].item() == pytest.approx(8)
    assert facts["sum"][15, 0].item() == pytest.approx(8 - 18)
    assert facts["mask"].shape == truth.shape
    assert facts["iou"] > 0.85
    assert facts["spilt"] == 0
    everything_left = explore.mixture(prototypes, torch.tensor([0.8, 0.0]), box, truth)
    assert everything_left["spilt"] == pytest.approx(7 / 16)  # of 16 rows, the box and its rim keep 9


def test_a_mixture_of_nothing_is_no_mask(world):
    _, prototypes, coefficients, box, truth = world
    facts = explore.mixture(prototypes, 0 * coefficients, box, truth)
    assert facts["iou"] == 0
    assert facts["spilt"] == 0
    assert (facts["mask"] <= 0.5).all()


def test_a_mixture_is_yolacts_own_mask(world):
    from lecturekit.layers.prototypes import assemble

    _, prototypes, coefficients, box, truth = world
    mask = assemble(prototypes, coefficients[None], box[None])
    large = torch.nn.functional.interpolate(mask[None], truth.shape, mode="bilinear")[0, 0]
    assert torch.equal(explore.mixture(prototypes, coefficients, box, truth)["mask"], large)


def test_the_mixing_widget(world):
    widget = explore.mixing(*world)
    assert [slider.value for slider in widget.sliders.values()] == [0, 0]
    assert "0 of 2 prototypes" in widget.words.value
    blank = widget.picture.value
    widget.buttons["network's answer"].click()
    assert [slider.value for slider in widget.sliders.values()] == pytest.approx([0.8, -0.9])
    assert "2 of 2 prototypes" in widget.words.value
    answer = widget.picture.value
    assert answer != blank
    widget.sliders["c1"].value = 0
    assert widget.picture.value != answer
    widget.buttons["all zero"].click()
    assert widget.picture.value == blank


def test_a_button_draws_once():
    from lecturekit.show.explore.live import live

    drawn = []

    def draw(**values):
        drawn.append(values)
        return plt.figure(figsize=(1, 1))

    widget = live(
        draw,
        lambda **values: repr(values),
        {"a": ("a", 0, 9, 1, 0), "b": ("b", 0, 9, 1, 0)},
        {"far": {"a": 5, "b": 6}},
    )
    widget.buttons["far"].click()
    assert drawn == [{"a": 0, "b": 0}, {"a": 5, "b": 6}]


def test_coefficients_are_bars_in_the_colour_of_their_sign():
    fig = explore.draw_coefficients(torch.tensor([[0.5, -0.5, 0.0], [1.0, 0.2, -0.1]]), ["cat", "ball"])
    bars = fig.axes[0].patches
    assert [bar.get_height() for bar in bars] == [0.5, -0.5, 0.0]
    assert bars[0].get_facecolor() != bars[1].get_facecolor() == bars[2].get_facecolor()
    assert [ax.get_ylabel() for ax in fig.axes] == ["cat", "ball"]
    plt.close(fig)


CHAIN = torch.tensor([[0.0, 0, 20, 10], [5, 0, 25, 10], [10, 0, 30, 10]])  # IoU 0.6, 0.6; ends 1/3


def test_a_chain_of_boxes_sets_the_two_ways_apart():
    facts = explore.suppression(CHAIN, torch.tensor([0.9, 0.8, 0.7]), 0.5)
    assert facts["usual"].tolist() == [True, False, True]
    assert facts["fast"].tolist() == [True, False, False]
    assert facts["steps"] == [(0, [1]), (2, [])]
    assert facts["maxima"].tolist() == pytest.approx([0, 0.6, 0.6])
    assert explore.tell_steps(facts) == ["A is kept and removes B", "C is kept"]


def test_boxes_are_sorted_by_their_scores():
    facts = explore.suppression(CHAIN, torch.tensor([0.7, 0.9, 0.8]), 0.5)
    assert facts["scores"].tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert facts["boxes"][0].tolist() == CHAIN[1].tolist()
    assert facts["usual"].tolist() == facts["fast"].tolist() == [True, False, False]
    assert facts["steps"] == [(0, [1, 2])]


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_suppression_is_what_torchvision_and_yolact_do(threshold):
    from torchvision import ops

    generator = torch.Generator().manual_seed(3)
    corner = 40 * torch.rand(30, 2, generator=generator)
    boxes = torch.cat((corner, corner + 10 + 30 * torch.rand(30, 2, generator=generator)), dim=1)
    scores = torch.rand(30, generator=generator)
    facts = explore.suppression(boxes, scores, threshold)
    order = scores.argsort(descending=True)
    assert set(order[facts["usual"]].tolist()) == set(ops.nms(boxes, scores, threshold).tolist())
    assert set(order[facts["fast"]].tolist()) == set(fast_nms(boxes, scores[None], threshold)[1].tolist())
    assert (facts["usual"] | ~facts["fast"]).all(), "Fast NMS keeps nothing that NMS removes"


def test_the_suppression_widget_slides_the_middle_box():
    image = torch.zeros(3, 32, 32)
    widget = explore.suppressions(image, CHAIN[0], CHAIN[2])
    assert "NMS keeps <b>A, C</b>, Fast NMS keeps <b>A</b>" in widget.words.value
    before = widget.picture.value
    widget.sliders["threshold"].value = 0.7
    assert "NMS keeps <b>A, B, C</b>, Fast NMS keeps <b>A, B, C</b>" in widget.words.value
    assert widget.picture.value != before
    widget.sliders["place"].value = 0.0
    assert "A is kept and removes B; C is kept" in widget.words.value
    assert "Fast NMS keeps <b>A, C</b>" in widget.words.value


def test_the_figure_of_a_suppression_shows_its_numbers():
    fig = explore.draw_suppression(torch.zeros(3, 32, 32), CHAIN, torch.tensor([0.9, 0.8, 0.7]), 0.5)
    texts = [text.get_text() for text in fig.axes[1].texts]
    assert texts.count("0.60") == 4  # two pairs, and two columns' maxima
    assert texts.count("kept") == 3
    plt.close(fig)
