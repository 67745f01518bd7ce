"""Image metrics against plain NumPy loops, Pillow, and signals whose answer is known."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from lecturekit.metrics.images import (
    bicubic,
    gradient_magnitude,
    high_frequency_share,
    luma,
    psnr,
    spectrum,
    ssim,
)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def pair():
    """Smooth pictures with an edge and a noisy version of them, [2, 3, 20, 17]."""
    truth = bicubic(noise(2, 3, 5, 5, seed=1), 4)[..., :17].contiguous()
    truth[:, :, 4:9, 3:8] = 0.9
    return (truth + 0.4 * (noise(2, 3, 20, 17, seed=2) - 0.5)).clamp(0, 1), truth


def grey(picture):
    """BT.601's luma of a picture [3, H, W] in 0..1, as 0..255, rounded nowhere."""
    red, green, blue = picture.double().numpy()
    return 16 + 65.481 * red + 128.553 * green + 24.966 * blue


def test_psnr_is_the_formula(pair):
    pictures, truth = pair
    each = [
        10 * math.log10(1 / np.square((p - t).double().numpy()).mean())
        for p, t in zip(pictures, truth, strict=True)
    ]
    assert psnr(pictures, truth) == pytest.approx(np.mean(each), abs=1e-4)
    assert psnr(pictures[0], truth[0]) == pytest.approx(each[0], abs=1e-4)
    assert psnr(truth, truth) == math.inf
    flat = torch.full((3, 8, 8), 0.5)
    assert psnr(flat + 0.1, flat) == pytest.approx(20, abs=1e-4)


def test_psnr_of_luma_and_without_border(pair):
    pictures, truth = pair
    pairs = list(zip(pictures, truth, strict=True))
    each = [10 * math.log10(255**2 / np.square(grey(p) - grey(t)).mean()) for p, t in pairs]
    assert psnr(pictures, truth, on_luma=True) == pytest.approx(np.mean(each), abs=1e-3)
    spoilt = truth.clone()
    spoilt[..., 0, :] = 1 - spoilt[..., 0, :]
    spoilt[..., -2] = 1 - spoilt[..., -2]
    assert psnr(spoilt, truth, border=2) == math.inf
    assert psnr(spoilt, truth, border=1) < 60
    assert luma(torch.ones(1, 3, 1, 1)).item() == pytest.approx(235 / 255, abs=1e-6)
    assert luma(torch.zeros(1, 3, 1, 1)).item() == pytest.approx(16 / 255, abs=1e-6)


def by_loops(x, y):
    """SSIM of two planes [H, W] as Wang et al. write it, window by window."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    found = []
    for i in range(x.shape[0] - 10):
        for j in range(x.shape[1] - 10):
            a, b = x[i : i + 11, j : j + 11], y[i : i + 11, j : j + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            both = (window * (a - mean_a) * (b - mean_b)).sum()
            found.append(
                (2 * mean_a * mean_b + 1e-4)
                * (2 * both + 9e-4)
                / ((mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4))
            )
    return np.mean(found)


def test_ssim_is_the_formula(pair):
    pictures, truth = pair
    each = [
        by_loops(x.double().numpy(), y.double().numpy())
        for p, t in zip(pictures, truth, strict=True)
        for x, y in zip(p, t, strict=True)
    ]
    assert 0.3 < np.mean(each) < 0.98
    assert ssim(pictures, truth) == pytest.approx(np.mean(each), abs=1e-5)
    assert ssim(truth, truth) == pytest.approx(1, abs=1e-6)
    plain = [by_loops(grey(p) / 255, grey(t) / 255) for p, t in zip(pictures, truth, strict=True)]
    assert ssim(pictures, truth, on_luma=True) == pytest.approx(np.mean(plain), abs=1e-5)


@pytest.mark.parametrize("scale", [4, 0.25, 0.5])
def test_bicubic_is_pillows(scale):
    pictures = 0.2 + 0.6 * noise(2, 3, 16, 24, seed=3)
    found = bicubic(pictures, scale)
    size = (int(24 * scale), int(16 * scale))
    for picture, own in zip(pictures, found, strict=True):
        for plane, ours in zip(picture, own, strict=True):
            theirs = Image.fromarray(plane.numpy()).resize(size, Image.Resampling.BICUBIC)
            assert np.abs(np.asarray(theirs).clip(0, 1) - ours.numpy()).max() < 1e-5
    assert torch.equal(bicubic(pictures[0], scale), found[0])


def test_bicubic_stays_within_0_and_1():
    edge = torch.zeros(1, 3, 8, 8)
    edge[..., 4:] = 1
    assert bicubic(edge, 4).aminmax() == (0, 1)


def waves(frequency, size=64, direction=(1, 0)):
    """A picture [3, size, size] of waves, so many cycles per pixel."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    phase = 2 * math.pi * frequency * (direction[0] * columns + direction[1] * rows)
    return (0.5 + 0.4 * phase.sin()).expand(3, -1, -1).contiguous()


@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (0.6, 0.8)])
@pytest.mark.parametrize("frequency", [0.1, 0.2, 0.3, 0.42])
def test_spectrum_peaks_at_the_waves_frequency(frequency, direction):
    picture = waves(frequency, direction=direction)
    frequencies, power = spectrum(picture, bins=25)
    assert frequencies.shape == power.shape == (25,)
    assert abs(float(frequencies[power.argmax()]) - frequency) <= 0.5 / 25
    share = high_frequency_share(picture)
    assert share == pytest.approx(float(frequency > 0.25), abs=0.01)


def test_spectrum_is_a_plain_loop():
    picture = noise(1, 3, 12, 9, seed=4)
    plane = grey(picture[0]) / 255
    window = np.hanning(12)[:, None] * np.hanning(9)
    power = np.abs(np.fft.fft2((plane - (plane * window).sum() / window.sum()) * window)) ** 2
    expected, high = [[] for _ in range(5)], 0.0
    for i, y in enumerate(np.fft.fftfreq(12)):
        for j, x in enumerate(np.fft.fftfreq(9)):
            frequency = math.hypot(x, y)
            high += power[i, j] * (frequency > 0.25)
            if 0 < frequency <= 0.5:
                expected[math.ceil(frequency * 10 - 1e-12) - 1].append(power[i, j])
    frequencies, found = spectrum(picture, bins=5)
    assert frequencies.tolist() == pytest.approx([0.05, 0.15, 0.25, 0.35, 0.45])
    for own, theirs in zip(found.tolist(), expected, strict=True):
        assert (math.isnan(own) and not theirs) or own == pytest.approx(np.mean(theirs), rel=1e-4)
    assert high_frequency_share(picture) == pytest.approx(high / power.sum(), rel=1e-4)


def test_white_noise_has_its_area_above_the_cutoff():
    inside = math.pi * 0.25**2  # the disc of radius 0.25 in the square of frequencies of area 1
    assert high_frequency_share(noise(4, 1, 64, 64)) == pytest.approx(1 - inside, abs=0.02)


def test_blur_lowers_sharpness_in_every_measure():
    sharp = noise(2, 3, 32, 32, seed=5)
    blurred = bicubic(bicubic(sharp, 0.25), 4)
    assert gradient_magnitude(blurred) < 0.5 * gradient_magnitude(sharp)
    assert high_frequency_share(blurred) < 0.1 * high_frequency_share(sharp)


def test_gradient_magnitude_of_a_ramp():
    """3 levels of 255 a pixel to the right and 4 below: 5 in red, green and blue, luma's 219/255 of that."""
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    ramp = ((3 * columns + 4 * rows) / 255).expand(3, -1, -1)
    assert gradient_magnitude(ramp) == pytest.approx(5 / 255 * 219 / 255, rel=1e-4)


def test_pictures_of_one_colour_have_no_sharpness():
    flat = torch.full((2, 3, 16, 16), 0.3)
    assert gradient_magnitude(flat) == 0
    assert high_frequency_share(flat) is None
    mixed = torch.cat((flat[:1], waves(0.4, 16)[None]))
    assert high_frequency_share(mixed) == high_frequency_share(waves(0.4, 16))


MISTAKES = {
    "no tensor": (lambda: psnr(np.zeros((3, 8, 8)), noise(3, 8, 8)), r"pictures.*ndarray"),
    "bytes": (lambda: psnr(noise(3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.uint8)), r"truth.*uint8"),
    "0 to 255": (lambda: ssim(noise(3, 16, 16), 255 * noise(3, 16, 16)), r"truth.*0\.\.1"),
    "not a number": (lambda: psnr(noise(3, 8, 8), noise(3, 8, 8) * math.nan), r"truth.*nan"),
    "channels last": (lambda: gradient_magnitude(noise(8, 8, 3)), r"pictures.*\(8, 8, 3\)"),
    "other size": (lambda: psnr(noise(3, 8, 8), noise(3, 8, 9)), r"\(3, 8, 8\).*\(3, 8, 9\)"),
    "too small for a window": (lambda: ssim(noise(3, 10, 12), noise(3, 10, 12)), r"at least 11"),
    "nothing but border": (lambda: psnr(noise(3, 8, 8), noise(3, 8, 8), border=4), r"border.*4"),
    "parts of a pixel": (lambda: bicubic(noise(3, 10, 8), 0.25), r"scale.*\(10, 8\).*0\.25"),
    "no bins": (lambda: spectrum(noise(3, 8, 8), bins=0), r"bins.*0"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_answered_by_name(mistake):
    call, words = MISTAKES[mistake]
    with pytest.raises(ValueError, match=words):
        call()
