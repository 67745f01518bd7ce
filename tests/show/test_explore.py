"""The widgets: their facts are those of the poolings and of NMS, and a slider changes the picture."""

import matplotlib
import pytest
import torch

from lecturekit.show import explore

matplotlib.use("agg")
torch.set_num_threads(1)


@pytest.fixture
def image():
    return torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def feature():
    return torch.randn(16, 16, generator=torch.Generator().manual_seed(1))


def test_roi_facts_are_what_torchvision_reads(feature):
    from torchvision import ops

    box = torch.tensor([9.3, 14.1, 40.7, 50.2])
    facts = explore.roi_facts(feature, box, output_size=3, stride=4)
    rois = torch.cat((torch.zeros(1), box))[None]
    pool = ops.roi_pool(feature[None, None], rois, 3, 0.25)[0, 0]
    align = ops.roi_align(feature[None, None], rois, 3, 0.25, sampling_ratio=2)[0, 0]
    assert torch.allclose(facts["pool"], pool)
    assert torch.allclose(facts["align"], align, atol=1e-5)
    x1, y1, x2, y2 = facts["bins"][1, 2].tolist()
    assert feature[y1:y2, x1:x2].max() == facts["pool"][1, 2]
    assert facts["points"].shape == (3, 3, 2, 2, 2)
    # 9.3 / 4 = 2.3 -> 2, 14.1 / 4 = 3.5 -> 4, 40.7 / 4 = 10.2 -> 10, 50.2 / 4 = 12.6 -> 13
    assert facts["window"].tolist() == [8, 16, 40, 52]
    assert facts["off"].item() == pytest.approx(1.9, abs=1e-4)


def test_a_step_of_a_tenth_of_a_pixel_is_seen_by_align_alone(feature):
    before = explore.roi_facts(feature, [8.5, 8.5, 40.5, 40.5])
    after = explore.roi_facts(feature, [8.6, 8.5, 40.6, 40.5])
    assert torch.equal(before["pool"], after["pool"])
    assert not torch.equal(before["align"], after["align"])
    assert torch.allclose(before["align"], after["align"], atol=0.2)


def test_the_roi_widget_draws_anew_when_the_box_moves(image, feature):
    widget = explore.roi_sampling(image, feature, [9, 14, 41, 50])
    pictures = [bytes(widget.picture.value)]
    for slider in widget.sliders.values():
        slider.value += 2.5
        pictures.append(bytes(widget.picture.value))
    assert all(p.startswith(b"\x89PNG") for p in pictures)
    assert len(set(pictures)) == 5
    assert "11.5, 16.5, 46.0, 55.0" in widget.words.value
    assert "12, 16, 48, 56" in widget.words.value
    widget.sliders["left"].value = 60
    assert "56.0, 16.5, 64.0, 55.0" in widget.words.value, "a box ends with the picture"


@pytest.fixture
def scene():
    """Two overlapping objects of class 1, one of class 2; raw boxes around them, and one around nothing."""
    target = {
        "boxes": torch.tensor([[0.0, 0, 20, 20], [8, 0, 28, 20], [40, 40, 60, 60]]),
        "labels": torch.tensor([1, 1, 2]),
    }
    detections = {
        "boxes": torch.tensor(
            [
                [0.0, 0, 20, 20],
                [1, 0, 21, 20],
                [8, 0, 28, 20],
                [40, 40, 60, 60],
                [40, 40, 60, 60],
                [30, 0, 50, 9],
            ]
        ),
        "labels": torch.tensor([1, 1, 1, 2, 1, 2]),
        "scores": torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
    }
    return detections, target


@pytest.mark.parametrize(
    ("score", "nms", "found", "double", "false", "missed"),
    [
        (0.0, 1.0, 3, 1, 2, 0),  # everything is kept: the second box of the first object is a double
        (0.0, 0.5, 3, 0, 2, 0),  # NMS takes the double away
        (0.0, 0.3, 2, 0, 2, 1),  # ... and, set lower, the neighbour with it (their IoU is 0.43)
        (0.55, 0.5, 3, 0, 0, 0),  # the score takes the false ones away
        (0.65, 0.5, 2, 0, 0, 1),  # ... and, set higher, a true one
        (1.0, 0.5, 0, 0, 0, 3),
    ],
)
def test_what_became_of_every_box(scene, score, nms, found, double, false, missed):
    verdict = explore.judge(*scene, score=score, nms=nms)
    assert [verdict[k] for k in ("found", "double", "false", "missed")] == [found, double, false, missed]
    assert len(verdict["boxes"]) == found + double + false + missed


def test_the_thresholds_widget_draws_anew(image, scene):
    widget = explore.thresholds(image, *scene, names=("person", "car"))
    before = widget.picture.value
    assert "<b>3</b> of 3 objects found" in widget.words.value
    widget.sliders["score"].value = 0.65
    assert "<b>2</b> of 3 objects found" in widget.words.value
    assert widget.picture.value != before


def test_nothing_detected_and_nothing_there():
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "scores": torch.zeros(0)}
    verdict = explore.judge(none, none, score=0.5, nms=0.5)
    assert verdict == {"found": 0, "double": 0, "false": 0, "missed": 0, "boxes": []}


class Thresholded:
    score_threshold, nms_threshold, detections_per_image = 0.3, 0.4, 7

    def __call__(self, images):
        assert (self.nms_threshold, self.detections_per_image) == (1.0, 300)
        if not images:
            raise RuntimeError("no pictures")
        return [{"boxes": torch.ones(1, 4), "labels": torch.ones(1), "scores": torch.ones(1), "masks": 0}]


def test_raw_detections_put_the_thresholds_back(image):
    model = Thresholded()
    assert set(explore.raw_detections(model, image)) == {"boxes", "labels", "scores"}
    with pytest.raises(AttributeError):
        explore.raw_detections(object(), image)
    assert (model.score_threshold, model.nms_threshold, model.detections_per_image) == (0.3, 0.4, 7)
