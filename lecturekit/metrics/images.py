"""How good generated pictures are: likeness to the true ones (PSNR, SSIM), and sharpness, which those miss.

Pictures are float tensors [B, 3, H, W] or [3, H, W] with values 0..1, RGB; grey ones [B, 1, H, W] do as well.
Each function gives one number, the mean over the pictures, as a float, and raises ValueError naming what
doesn't fit.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)  # ITU-R BT.601, of red, green, blue in 0..1; black is 16
WINDOW, DEVIATION = 11, 1.5  # SSIM's Gaussian window, in pixels
CUTOFF = 0.25  # cycles per pixel, half of the highest frequency along an axis


def luma(pictures: Tensor) -> Tensor:
    """The brightness [B, 1, H, W] in 16/255..235/255 of pictures [B, 3, H, W], as super-resolution papers
    take it; grey pictures [B, 1, H, W] stay as they are.
    """
    if pictures.shape[1] == 1:
        return pictures
    weights = pictures.new_tensor(LUMA)[:, None, None]
    return (pictures * weights).sum(dim=1, keepdim=True) + 16 / 255


def psnr(pictures: Tensor, truth: Tensor, *, on_luma: bool = False, border: int = 0) -> float:
    """Peak signal-to-noise ratio in dB: -10 log10 of each picture's mean squared error; larger is better.

    Over all channels, or on luma alone; without `border` pixels at each side (super-resolution papers leave
    out as many as their scale). Infinite for pictures equal to the true ones.
    """
    pictures, truth = _pair(pictures, truth, on_luma, border)
    errors = (pictures - truth).square().flatten(1).mean(dim=1)  # [B]
    return float((-10 * errors.log10()).mean())


def ssim(pictures: Tensor, truth: Tensor, *, on_luma: bool = False, border: int = 0) -> float:
    """Structural similarity, -1..1, 1 for equal pictures (Wang et al. 2004): likeness of brightness, contrast
    and structure in Gaussian windows of 11 pixels, the mean over all windows that lie inside.
    """
    x, y = _pair(pictures, truth, on_luma, border)
    if min(x.shape[2:]) < WINDOW:
        raise ValueError(f"pictures must be at least {WINDOW} pixels high and wide, got {tuple(x.shape[2:])}")
    kernel = gaussian_window().to(x.device).expand(x.shape[1], 1, -1, -1)

    def mean(values: Tensor) -> Tensor:
        return F.conv2d(values, kernel, groups=len(kernel))  # [B, C, H - 10, W - 10]

    mean_x, mean_y = mean(x), mean(y)
    variance_x, variance_y = mean(x * x) - mean_x**2, mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    small, smaller = 0.01**2, 0.03**2  # keep flat windows from dividing by zero
    likeness = (2 * mean_x * mean_y + small) * (2 * covariance + smaller)
    likeness = likeness / ((mean_x**2 + mean_y**2 + small) * (variance_x + variance_y + smaller))
    return float(likeness.mean())


def gaussian_window() -> Tensor:
    """SSIM's window [11, 11], float64, whose sum is 1."""
    distance = torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2
    weights = (-distance.square() / (2 * DEVIATION**2)).exp()
    window = weights[:, None] * weights
    return window / window.sum()


def gradient_magnitude(pictures: Tensor) -> float:
    """Sharpness in space: the mean length of luma's gradient, in luma per pixel (differences to the right and
    below). Blur lowers it; so does a picture with little in it.
    """
    x = luma(_batch(pictures, "pictures"))
    right, below = x[..., :-1, 1:] - x[..., :-1, :-1], x[..., 1:, :-1] - x[..., :-1, :-1]
    return float((right.square() + below.square()).sqrt().mean())


def spectrum(pictures: Tensor, bins: int = 32) -> tuple[Tensor, Tensor]:
    """The power of luma by frequency: frequencies [bins] in cycles per pixel, 0..0.5, and mean powers [bins].

    Each picture's mean is taken out, and a Hann window fades its borders, which would else look like edges.
    A bin's power is the mean over the frequencies of all directions in it (NaN where it has none), and over
    the pictures.
    """
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"bins must be a whole number of at least 1, got {bins!r}")
    power, frequency = _power(pictures)
    inside = (frequency > 0) & (frequency <= 0.5)
    bin_of = (frequency[inside] * 2 * bins).ceil().long() - 1
    total = power.new_zeros(bins).index_add_(0, bin_of, power.mean(dim=0)[inside])
    count = power.new_zeros(bins).index_add_(0, bin_of, torch.ones_like(frequency[inside]))
    return (torch.arange(bins, device=power.device) + 0.5) / (2 * bins), total / count


def high_frequency_share(pictures: Tensor, cutoff: float = CUTOFF) -> float | None:
    """Sharpness by frequency: the share, 0..1, of luma's power above `cutoff` cycles per pixel.

    The power is that of `spectrum`. The mean over the pictures that aren't of one colour; None if all are.
    """
    power, frequency = _power(pictures)
    total, high = power.sum(dim=(1, 2)), power[:, frequency > cutoff].sum(dim=1)  # [B]
    seen = total > 1e-12 * power[0].numel()
    return float((high[seen] / total[seen]).mean()) if seen.any() else None


def bicubic(pictures: Tensor, scale: float) -> Tensor:
    """Pictures [B, C, H, W] or [C, H, W] at `scale` times their height and width, clamped to 0..1.

    Bicubic interpolation after Keys (1981) with a = -0.5, antialiased when it shrinks, as Pillow's: the
    baseline of super-resolution, and what makes its small pictures.
    """
    x = _batch(pictures, "pictures")
    sides = [side * scale for side in x.shape[2:]]
    if not scale > 0 or any(not float(side).is_integer() or side < 1 for side in sides):
        raise ValueError(f"scale must make whole pixels of {tuple(x.shape[2:])}, got {scale}")
    sides = [int(side) for side in sides]
    resized = F.interpolate(x, sides, mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)
    return resized if pictures.ndim == 4 else resized[0]


def _power(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Luma's power spectrum [B, H, W], and the frequency [H, W] of its places, in cycles per pixel."""
    x = luma(_batch(pictures, "pictures"))[:, 0].double()
    height, width = x.shape[1:]
    sides = [torch.hann_window(n, periodic=False, dtype=x.dtype, device=x.device) for n in (height, width)]
    window = sides[0][:, None] * sides[1]
    mean = (x * window).sum(dim=(1, 2), keepdim=True) / window.sum()
    power = torch.fft.fft2((x - mean) * window).abs().square()
    rows, columns = (torch.fft.fftfreq(n, dtype=x.dtype, device=x.device) for n in (height, width))
    return power, (rows[:, None].square() + columns.square()).sqrt()


def _pair(pictures: Tensor, truth: Tensor, on_luma: bool, border: int) -> tuple[Tensor, Tensor]:
    """Both as batches of the same shape in double precision, on luma if asked for, without their borders."""
    x, y = _batch(pictures, "pictures").double(), _batch(truth, "truth").double()
    if x.shape != y.shape:
        raise ValueError(f"pictures have shape {tuple(pictures.shape)}, truth has {tuple(truth.shape)}")
    if not 0 <= border < math.ceil(min(x.shape[2:]) / 2):
        raise ValueError(
            f"border must be 0 or more and leave some pixels of {tuple(x.shape[2:])}, got {border}"
        )
    if border:
        x, y = (v[..., border:-border, border:-border] for v in (x, y))
    return (luma(x), luma(y)) if on_luma else (x, y)


def _batch(pictures: Tensor, name: str) -> Tensor:
    """Pictures [B, C, H, W] or [C, H, W] as [B, C, H, W]; ValueError for anything else."""
    if not isinstance(pictures, Tensor) or not pictures.is_floating_point():
        got = pictures.dtype if isinstance(pictures, Tensor) else type(pictures).__name__
        raise ValueError(f"{name} must be a float tensor with values 0..1, got {got}")
    batch = pictures[None] if pictures.ndim == 3 else pictures
    if batch.ndim != 4 or batch.shape[1] not in (1, 3) or 0 in batch.shape:
        raise ValueError(f"{name} must have shape [B, 3, H, W] or [3, H, W], got {tuple(pictures.shape)}")
    low, high = (float(v) for v in batch.aminmax())
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise ValueError(f"{name} must have values 0..1, got {low:g} to {high:g}")
    return batch
