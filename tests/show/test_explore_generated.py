"""The widgets of conditional generation: walks between noises, loss weights, a repainted town."""

import base64
import io

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

from lecturekit.cgan.conditional_gan import ConditionalGAN
from lecturekit.show import explore
from lecturekit.town import SEMANTIC, Scene

matplotlib.use("agg")
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return ConditionalGAN.tiny().eval()


@pytest.fixture(scope="module")
def real():
    return torch.rand(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class TestDigits:
    def test_a_walk_begins_and_ends_at_its_seeds(self, model):
        facts = explore.digit_walk(model, 4, 2, 9)
        ends = [model.sample([4], seed=seed)[0] for seed in (2, 9)]
        assert torch.allclose(facts["pictures"][0], ends[0], atol=1e-6)
        assert torch.allclose(facts["pictures"][-1], ends[1], atol=1e-6)
        middle = model.generate((model.noise(1, 2) + model.noise(1, 9)) / 2, [4])[0]
        assert torch.allclose(facts["pictures"][3], middle, atol=1e-6)
        assert len(facts["read"]) == len(facts["sure"]) == 7

    def test_the_judge_reads_real_digits(self):
        """What the walk says of its pictures, on pictures whose class is known."""
        from lecturekit.data import Digits

        images, labels = Digits("val").all()

        class Real:
            noise = staticmethod(lambda count, seed: torch.zeros(count, 1))
            generate = staticmethod(lambda noise, asked: images[labels == asked[0]][:7])

        facts = explore.digit_walk(Real(), 6, 0, 1)
        assert facts["read"] == [6] * 7
        assert min(facts["sure"]) > 0.5

    def test_the_widget_draws_and_tells_anew(self, model, real):
        widget = explore.digits(model, real)
        seen = {widget.picture.value}
        for name, value in (("label", 5), ("first", 7), ("second", 8)):
            widget.sliders[name].value = value
            seen.add(widget.picture.value)
        assert len(seen) == 4
        assert "Class 5, from noise 7 to noise 8" in widget.words.value


def strip(values, side=8):
    row = np.concatenate([np.full((side, side, 3), v, np.uint8) for v in values], axis=1)
    file = io.BytesIO()
    Image.fromarray(row).save(file, format="PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def result():
    """What the claim l1_and_gan stores, in small."""
    numbers = {"pixel_accuracy": 0.5, "mean_iou": 0.25, "mae": 0.125, "sharpness": 1.5}
    slider = {weight: numbers | {"mae": k / 10} for k, weight in enumerate(("0", "100", "L1 alone", "10"))}
    pictures = {name: strip([k, 200]) for k, name in enumerate(("label map", "real", *slider))}
    return {"slider": slider, "pictures": pictures}


class TestLossWeight:
    def test_the_weights_come_in_order_and_pictures_from_the_result(self, result):
        widget = explore.loss_weight(result)
        slider = widget.sliders["weight"]
        assert slider.options == ("0", "10", "100", "L1 alone")
        pictures = []
        for weight in slider.options:
            slider.value = weight
            pictures.append(widget.picture.value)
        assert len(set(pictures)) == 4
        assert "L1 alone" in widget.words.value
        assert "error (MAE) <b>0.20</b>" in widget.words.value

    def test_a_picture_holds_what_is_stored(self, result):
        sheet = np.asarray(explore.draw_weight(result, "10"))
        levels = set(np.unique(sheet[..., 0]).tolist())
        assert {0, 5, 1, 200} <= levels, "label map, the weight's own, real"
        assert not {2, 3, 4} & levels - set(range(200, 256)), "nor another weight's"

    def test_what_is_told(self, result):
        assert explore.tell_weight(result, "0").startswith("GAN alone: pixel accuracy <b>0.50</b>")
        assert explore.tell_weight(result, "10").startswith("GAN + 10 L1")


class Mirror:
    """In the place of Pix2Pix: gives the label map back."""

    @staticmethod
    def translate(pictures):
        return pictures


SCENE = Scene.random(10_000_001)
HOUSE, CAR = 1, 4


class TestRepaint:
    def test_as_it_was_nothing_changes(self):
        semantic, region = explore.repainted(SCENE, HOUSE, "house")
        truth = SCENE.render(128, noise=False)
        assert (semantic == truth.semantic).all()
        assert (region == (truth.ids == HOUSE + 1)).all()

    def test_another_colour_changes_its_pixels_alone(self):
        semantic, region = explore.repainted(SCENE, HOUSE, "tree")
        truth = SCENE.render(128, noise=False).semantic
        assert (semantic[region] == SEMANTIC.index("tree")).all()
        assert (semantic[~region] == truth[~region]).all()

    def test_moved_it_shows_what_was_behind(self):
        semantic, region = explore.repainted(SCENE, HOUSE, "house", right=20, down=-3)
        before = SCENE.render(128, noise=False).ids == HOUSE + 1
        assert (region[:-3, 20:] == before[3:, :-20]).all()
        left = before & ~region
        assert left.any()
        assert not (semantic[left] == SEMANTIC.index("house")).any()

    def test_out_of_the_picture_nothing_is_left_to_read(self):
        facts = explore.repaint_facts(Mirror(), SCENE, CAR, "car", -128)
        assert facts["share"] is None

    @pytest.mark.parametrize(("who", "painted", "words"), [(HOUSE, "boat", "painted"), (99, "car", "who")])
    def test_what_is_not_there_is_refused(self, who, painted, words):
        with pytest.raises(ValueError, match=words):
            explore.repainted(SCENE, who, painted)

    def test_the_widget_draws_and_tells_anew(self):
        widget = explore.repaint(Mirror(), SCENE, HOUSE, "house")
        before = widget.picture.value
        widget.sliders["painted"].value = "tree"
        painted = widget.picture.value
        widget.sliders["right"].value = 16
        assert len({before, painted, widget.picture.value}) == 3
        assert "Painted as tree, moved by (16, 0)" in widget.words.value
