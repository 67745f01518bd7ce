"""Pictures of predictions: every mark is where it belongs, texts are readable, colours stay apart."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from lecturekit.show import draw, paint
from lecturekit.show.colours import NATURAL, OKABE_ITO, class_colours, colour, on

GREY = torch.full((3, 96, 128), 0.5)


def result(boxes, labels=None, scores=None, size=(96, 128)):
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    masks = torch.zeros(len(boxes), 1, *size)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[:, y1:y2, x1:x2] = 1
    labels = torch.tensor(labels or [1] * len(boxes), dtype=torch.int64)
    scores = torch.tensor(scores if scores is not None else [0.9] * len(boxes))
    return {"boxes": boxes, "labels": labels, "scores": scores, "masks": masks}


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


def count(image, tint) -> int:
    return int((pixels(image) == tint).all(2).sum())


def test_a_mask_is_filled_inside_outlined_on_its_edge_and_leaves_the_rest_alone():
    one = result([[40, 30, 90, 70]])
    image = pixels(draw.detections(GREY, one, scale=4))
    assert image.shape == (384, 512, 3)
    tint = np.array(colour(0))
    np.testing.assert_allclose(image[200, 260], 0.6 * 128 + 0.4 * tint, atol=2)  # the middle
    np.testing.assert_array_equal(image[200, 160], tint)  # the left edge, x = 40
    np.testing.assert_array_equal(image[279, 240], tint)  # the lower edge, y = 70
    far = np.ones((384, 512), bool)
    far[90:290, 150:370] = False  # the object with its outline and caption
    assert (np.abs(image[far] - 128) <= 1).all()


def test_the_truth_is_not_filled_and_its_box_is_dashed():
    one = result([[40, 30, 90, 70]])
    del one["scores"]
    image = pixels(draw.detections(GREY, one, truth=True, scale=4))
    np.testing.assert_allclose(image[200, 260], 128, atol=1)
    np.testing.assert_array_equal(image[200, 161], colour(0))
    only_box = {name: one[name] for name in ("boxes", "labels")}
    row = pixels(draw.detections(GREY, only_box, truth=True, scale=4))[279, 165:355]
    drawn = (row == colour(0)).all(1)
    assert 0.3 < drawn.mean() < 0.7
    solid = pixels(draw.detections(GREY, only_box, scale=4))[279, 165:355]
    assert (solid == colour(0)).all()


def test_only_instances_that_reach_the_score_are_shown():
    two = result([[10, 40, 40, 70], [80, 40, 110, 70]], scores=[0.9, 0.3])
    image = pixels(draw.detections(GREY, two, scale=1))
    assert (image[40:70, 80:110] == 128).all()
    assert (image[40:70, 10:40] != 128).any()
    both = pixels(draw.detections(GREY, two, scale=1, score=0.3))
    assert (both[40:70, 80:110] != 128).any()


def test_two_of_the_same_class_have_two_colours_from_left_to_right():
    two = result([[80, 40, 110, 70], [10, 40, 40, 70]])
    image = draw.detections(GREY, two, scale=1)
    np.testing.assert_array_equal(pixels(image)[60, 10], colour(0))
    np.testing.assert_array_equal(pixels(image)[60, 80], colour(1))
    same = pixels(draw.detections(GREY, two, scale=1, colour_by="class"))
    np.testing.assert_array_equal(same[60, 10], same[60, 80])


def test_a_prediction_takes_the_colours_of_the_truth_it_covers():
    truth = result([[10, 40, 40, 70], [80, 40, 110, 70]])
    prediction = result([[79, 41, 109, 71], [50, 5, 70, 30]])  # the second object, and one that is not there
    image = pixels(draw.detections(GREY, prediction, scale=1, like=truth))
    np.testing.assert_array_equal(image[60, 79], colour(1))
    np.testing.assert_array_equal(image[20, 50], colour(2))


def test_small_pictures_are_enlarged_and_photos_are_not():
    for size, expected in [((128, 128), (512, 512)), ((30, 50), (300, 500)), ((427, 640), (427, 640))]:
        image = draw.detections(torch.rand(3, *size), result([], size=size))
        assert image.size == expected[::-1]


def test_masks_of_another_resolution_lie_over_the_whole_picture():
    fine, coarse = result([[40, 30, 90, 70]]), result([[40, 30, 90, 70]])
    coarse["masks"] = result([[20, 15, 45, 35]], size=(48, 64))["masks"]
    a, b = (pixels(draw.detections(GREY, r, scale=1)) for r in (fine, coarse))
    assert (np.abs(a - b).max(2) > 30).mean() < 0.02
    coarse["masks"] = torch.zeros(1, 1, 48, 48)
    with pytest.raises(ValueError, match="masks of 48 x 48 don't lie over a picture of 128 x 96"):
        draw.detections(GREY, coarse)


def test_an_empty_mask_and_an_empty_result_draw_nothing():
    plain = pixels(draw.detections(GREY, result([]), scale=1))
    assert (plain == 128).all()
    one = result([[40, 30, 90, 70]])
    one["masks"].zero_()
    image = pixels(draw.detections(GREY, one, scale=1))
    assert (image[40:60, 50:80] == 128).all()


def test_key_points_are_dots_hollow_where_hidden_and_absent_where_unlabelled():
    points = torch.zeros(1, 17, 3)
    points[0, 5] = torch.tensor([30.0, 40.0, 2])
    points[0, 7] = torch.tensor([60.0, 40.0, 1])
    points[0, 9] = torch.tensor([90.0, 40.0, 0])
    one = {"boxes": torch.tensor([[2.0, 20, 120, 90]]), "labels": torch.tensor([1]), "keypoints": points}
    image = pixels(draw.detections(GREY, one, scale=4))
    np.testing.assert_array_equal(image[160, 122], paint.BLUE)  # the left shoulder
    np.testing.assert_array_equal(image[160, 242], (255, 255, 255))  # the left elbow, hidden
    np.testing.assert_array_equal(image[160, 182], paint.BLUE)  # the bone between
    assert (image[150:170, 290:400] == 128).all()
    del one["keypoints"]
    assert (pixels(draw.detections(GREY, one, scale=4))[160, 122] == 128).all()


def test_marks_choose_what_is_drawn():
    one = result([[40, 30, 90, 70]]) | {"keypoints": torch.tensor([[[60.0, 50.0, 2.0]]])}
    middle, corner, edge = (200, 240), (120, 160), (119, 165)

    def drawn(*places, **more):
        image = pixels(draw.detections(GREY, one, scale=4, **more))
        return [bool((image[place] != 128).any()) for place in places]

    assert drawn(middle, corner, edge) == [True, True, True]
    assert drawn(middle, corner, marks=["boxes"]) == [False, True]
    assert drawn(middle, corner, edge, marks=["keypoints"]) == [True, False, False]
    assert drawn((200, 280), marks=["masks"]) == [True]
    assert drawn(middle, corner, (110, 165), marks=["captions"]) == [False, False, True]
    with pytest.raises(ValueError, match="marks: some of masks, boxes"):
        draw.detections(GREY, one, marks=["mask"])


def test_an_unsure_key_point_is_left_out():
    points = torch.tensor([[[30.0, 40.0, 1], [90.0, 40.0, 1]]])
    one = {"boxes": torch.tensor([[2.0, 20, 120, 90]]), "labels": torch.tensor([1]), "keypoints": points}
    one["keypoints_scores"] = torch.tensor([[3.0, -2.0]])
    image = pixels(draw.detections(GREY, one, scale=4))
    np.testing.assert_array_equal(image[160, 122], paint.YELLOW)
    assert (image[150:170, 350:370] == 128).all()


def test_captions_say_class_and_score(monkeypatch):
    written = []
    monkeypatch.setattr(
        paint, "labels", lambda canvas, boxes, captions, *rest, **more: written.extend(captions)
    )
    two = result([[10, 40, 40, 70], [80, 40, 110, 70]], labels=[2, 5], scores=[0.987, 0.5])
    draw.detections(GREY, two, ("cat", "dog"))
    draw.detections(GREY, {name: two[name] for name in ("boxes", "labels")}, ("cat", "dog"))
    assert written == ["dog 0.99", "class 5 0.50", "dog", "class 5"]


def test_captions_of_objects_in_one_place_do_not_cover_each_other():
    def area(boxes):
        canvas = Image.new("RGB", (512, 384))
        tints = [colour(k) for k in range(len(boxes))]
        paint.labels(canvas, np.array(boxes, float), ["elephant"] * len(boxes), tints, plain=False)
        return [count(canvas, tint) for tint in tints]

    alone = area([[200, 150, 330, 260]])[0]
    assert min(area([[200, 150, 330, 260], [202, 152, 330, 260], [204, 151, 330, 260]])) > 0.95 * alone
    assert area([[-20, -10, 60, 40]])[0] > 0.95 * alone  # inside the picture even at its corner
    assert area([[490, 370, 530, 400]])[0] > 0.95 * alone


def test_text_can_be_read_on_every_colour():
    def luminance(rgb):
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
        return np.dot(linear, [0.2126, 0.7152, 0.0722])

    for k in range(21):
        light, dark = sorted([luminance(colour(k)), luminance(on(colour(k)))], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.1, level AA


COLOUR_BLIND = {  # Machado, Oliveira, Fernandes (2009), severity 1, on linear RGB
    "normal": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}


@pytest.mark.parametrize("eyes", COLOUR_BLIND)
def test_colours_stay_apart_for_all_eyes(eyes):
    def lab(rgb):
        linear = np.array(
            [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in np.array(rgb) / 255]
        )
        seen = np.clip(COLOUR_BLIND[eyes] @ linear, 0, 1)
        xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]] @ seen
        f = np.cbrt(xyz / [0.9505, 1.0, 1.089])
        return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])

    def nearest(colours):
        return min(np.linalg.norm(lab(a) - lab(b)) for a, b in itertools.combinations(colours, 2))

    assert nearest(OKABE_ITO) > 12
    assert nearest([colour(k) for k in range(3)]) > 30  # the ones that are used most
    town = class_colours(
        ["sky", "grass", "road", "pavement", "person", "car", "tree", "ball", "cat", "house"]
    )
    assert nearest(town) > 16.9


def test_the_first_21_colours_are_different():
    assert len({colour(k) for k in range(21)}) == 21
    assert all(0 <= c <= 255 for k in range(21) for c in colour(k))


def test_semantic_map_has_the_colours_of_its_legend():
    names = ["sky", "grass", "person", "car"]
    labels = np.zeros((96, 128), np.uint8)
    labels[50:] = 1
    labels[40:80, 60:70] = 2
    bare = pixels(draw.semantic(labels, names, legend=False))
    assert bare.shape == (384, 512, 3)
    palette = class_colours(names)
    assert palette[0] == NATURAL["sky"]
    for row, column, k in [(10, 10, 0), (300, 10, 1), (200, 260, 2)]:
        np.testing.assert_array_equal(bare[row, column], palette[k])
    with_legend = draw.semantic(labels, names)
    assert with_legend.height > 384
    strip = with_legend.crop((0, 384, *with_legend.size))
    assert [count(strip, tint) > 50 for tint in palette] == [True, True, True, False]
    over = pixels(draw.semantic(labels, names, image=torch.zeros(3, 96, 128), opacity=0.5, legend=False))
    np.testing.assert_allclose(over[10, 10], np.array(palette[0]) / 2, atol=1)


def test_panel_sets_pictures_under_their_titles():
    parts = [Image.new("RGB", (100, 80), tint) for tint in ("red", "lime", "blue")]
    sheet = draw.panel(parts, ["a", "b", "c"], columns=2)
    assert [count(sheet, tint) for tint in [(255, 0, 0), (0, 255, 0), (0, 0, 255)]] == [8000] * 3
    where = [
        np.argwhere((pixels(sheet) == tint).all(2)).min(0) for tint in [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    ]
    assert where[0][0] == where[1][0] < where[2][0]
    assert where[0][1] == where[2][1] < where[1][1]
    above = pixels(sheet)[: where[0][0]]
    assert (above.sum(2) < 300).any()  # dark ink of the titles
    assert draw.panel(parts).height < draw.panel(parts, "abc").height
    with pytest.raises(ValueError, match="titles: got 1 for 3 pictures"):
        draw.panel(parts, ["a"])


def test_pictures_in_every_form_are_the_same():
    bytes_ = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    forms = [
        bytes_,
        torch.from_numpy(bytes_).permute(2, 0, 1),
        torch.from_numpy(bytes_).permute(2, 0, 1) / 255,
        bytes_ / 255,
        Image.fromarray(bytes_),
    ]
    for form in forms:
        np.testing.assert_array_equal(np.asarray(draw.picture(form)), bytes_)
    for grey in (bytes_[..., 0], bytes_[None, ..., 0], torch.from_numpy(bytes_[..., :1])):
        np.testing.assert_array_equal(np.asarray(draw.picture(grey)), np.stack([bytes_[..., 0]] * 3, 2))


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match=r"image: expected \[3,H,W\] or \[H,W,3\], got \(4, 5, 6\)"):
        draw.picture(torch.zeros(4, 5, 6))
    with pytest.raises(ValueError, match=r"floats in 0..1 or uint8, got 0..255"):
        draw.picture(torch.linspace(0, 255, 300).reshape(3, 10, 10))
    broken = result([[1, 2, 3, 4]])
    with pytest.raises(ValueError, match="2 scores for 1 boxes"):
        draw.detections(GREY, broken | {"scores": torch.ones(2)})
    with pytest.raises(ValueError, match=r"boxes .* and labels"):
        draw.detections(GREY, broken | {"labels": torch.ones(2)})
    with pytest.raises(ValueError, match="colour_by: 'instance' or 'class', got 'score'"):
        draw.detections(GREY, broken, colour_by="score")
    with pytest.raises(ValueError, match=r"expected \[H,W\] with 0..1, got \(4, 4\) with 7..7"):
        draw.semantic(np.full((4, 4), 7), ["a", "b"])
    with pytest.raises(ValueError, match="the image has"):
        draw.semantic(np.zeros((4, 4), int), ["a"], image=GREY)


def test_texts_beyond_latin_take_the_systems_font_if_there_is_one(monkeypatch):
    own = paint.font(20).getname()
    asked = []

    def truetype(name, size):
        asked.append(name)
        if name != paint.CJK_FONTS[1]:
            raise OSError("cannot open resource")
        return (name, size)

    monkeypatch.setattr(paint.ImageFont, "truetype", truetype)
    paint.font.cache_clear()
    assert paint.font(21, "사람 0.97") == (paint.CJK_FONTS[1], 21)
    assert asked == list(paint.CJK_FONTS[:2])
    monkeypatch.setattr(paint, "CJK_FONTS", ("gone.ttf",))
    paint.font.cache_clear()
    monkeypatch.undo()
    assert paint.font(20, "naïve · 0.97").getname() == own
    paint.font.cache_clear()
