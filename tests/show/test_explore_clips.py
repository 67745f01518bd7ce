"""The key-frame widget: what it tells of a clip is what the network does with it."""

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

from lecturekit import show
from lecturekit.data import TownClips
from lecturekit.instance.yolact_edge import YolactEdge
from lecturekit.show import explore

matplotlib.use("agg")
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def clip():
    return TownClips(first=30_000_000, count=1, frames=5, size=64)[0]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return YolactEdge.tiny(size=64).eval()


def test_every_third_frame_is_a_key_frame(model, clip):
    seen = explore.watch_clip(model, clip, 3)
    assert [frame["key"] for frame in seen] == [True, False, False, True, False]
    assert model.interval == 5, "put back"


def test_the_answers_are_the_networks(model, clip):
    frames = [image for image, _ in clip]
    with torch.no_grad():
        theirs = model(frames)
    for one, other in zip(explore.watch_clip(model, clip, model.interval), theirs, strict=True):
        assert torch.equal(one["answer"]["scores"], other["scores"])


def test_the_interval_is_put_back_after_an_error(model):
    with pytest.raises(ValueError, match="images"):
        explore.watch_clip(model, [(torch.zeros(64, 64, 3), {})], 2)
    assert model.interval == 5


def masks(*rows):
    """Masks [N, 4, 4] that fill these rows."""
    made = torch.zeros(len(rows), 4, 4)
    for mask, row in zip(made, rows, strict=True):
        mask[row] = 1
    return made


def answer(*rows, labels, scores):
    return {
        "masks": masks(*rows)[:, None],
        "labels": torch.tensor(labels),
        "scores": torch.tensor(scores),
    }


def test_coverage():
    target = {"masks": masks([0], [1, 2]), "labels": torch.tensor([1, 2])}
    both = answer([0], [1], [1, 2], labels=[1, 2, 1], scores=[0.9, 0.9, 0.9])
    assert explore.coverage(both, target) == pytest.approx((1 + 1 / 2) / 2), "the last is of another class"
    unsure = answer([0], [1, 2], labels=[1, 2], scores=[0.9, 0.4])
    assert explore.coverage(unsure, target) == pytest.approx(1 / 2)
    nothing = {"masks": torch.zeros(0, 1, 4, 4), "labels": torch.zeros(0), "scores": torch.zeros(0)}
    assert explore.coverage(nothing, target) == 0
    assert explore.coverage(nothing, {"masks": torch.zeros(0, 4, 4), "labels": torch.zeros(0)}) == 1


def test_a_summary():
    seen = [{"key": True, "iou": 0.8}, {"key": False, "iou": 0.6}, {"key": False, "iou": 0.1}]
    assert explore.summary(seen, (4.0, 2.5)) == pytest.approx({"keys": 1, "cost": 9.0, "iou": 0.5})


def test_the_parts_of_a_frame_cost_what_the_whole_costs(model):
    costs = explore.frame_costs(model, 64)
    with torch.no_grad():
        key = model.outputs(torch.zeros(1, 3, 64, 64))["key"]
    for kind, state in (("key frame", None), ("in between", key)):
        whole = show.multiply_adds(lambda state=state: model.outputs(torch.zeros(1, 3, 64, 64), state))
        assert sum(costs[kind].values()) == whole


def test_costs_need_no_memory():
    with torch.device("meta"):
        large = YolactEdge.paper()
    costs = explore.frame_costs(large, 550)
    assert sum(costs["in between"].values()) < 0.85 * sum(costs["key frame"].values())


def test_bars_stand_on_one_another():
    parts = {"backbone up to C3": 3e9, "C4, C5, pyramid": 2e9, "prototypes, heads": 1e9}
    fig = explore.draw_costs({"paper": {"key frame": parts}})
    assert [(bar.get_y(), bar.get_height()) for bar in fig.axes[0].patches] == [(0, 3), (3, 2), (5, 1)]
    plt.close(fig)


def test_the_time_line_shows_every_frames_cost():
    seen = [{"key": n % 2 == 0, "iou": 0.5 + n / 10} for n in range(4)]
    fig = explore.draw_time_line(seen, (4.0, 3.0), best=seen, frame=1)
    bars = sorted((bar.get_x(), bar.get_height()) for group in fig.axes[0].containers for bar in group)
    assert [height for _, height in bars] == [1, 0.75, 1, 0.75]
    assert fig.axes[1].lines[-1].get_ydata() == pytest.approx([0.5, 0.6, 0.7, 0.8])
    plt.close(fig)


def test_the_key_frame_widget(model, clip):
    widget = explore.key_frames(model, clip, (4.0, 3.0), interval=2, frame=1)
    assert "every <b>2</b> frames: 3 of 5" in widget.words.value
    before = widget.picture.value
    widget.sliders["frame"].value = 2
    shown = widget.picture.value
    assert shown != before
    widget.sliders["interval"].value = 9
    assert "every <b>9</b> frames: 1 of 5" in widget.words.value
    assert widget.picture.value != shown
    assert "80%" in widget.words.value  # (4 + 4 * 3) / (5 * 4)
    widget.sliders["interval"].value = 1
    assert "100%" in widget.words.value
