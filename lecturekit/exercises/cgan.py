"""The exercises of the lesson on conditional generation."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lecturekit.layers.gan import discriminator_losses, gan_loss
from lecturekit.show.check import Exercise

# --- the non-saturating game: generator_loss(logits) -> a number


def _generator_loss(logits):
    return gan_loss(logits, True)


def _saturating(logits):
    return -F.softplus(logits).mean()


def _discriminators(logits):
    return gan_loss(logits, False)


def _summed(logits):
    return F.softplus(-logits).sum()


def _of_logits(logits):
    """The logarithm of the sigmoid, written so: minus infinity for a logit of -200."""
    return -logits.sigmoid().log().mean()


generator_loss = Exercise(
    name="generator_loss",
    reference=_generator_loss,
    inputs=[
        (torch.tensor([0.0]),),
        (torch.tensor([2.0, -1.0]),),
        (torch.tensor([[[3.0, 0.5], [-2.0, -0.25]]]),),
        (torch.tensor([-200.0, 200.0]),),
    ],
    mistakes={
        "that is log(1 - D), the game that saturates: where D is sure, its slope is 0.": _saturating,
        "that is what the discriminator wants of fakes; the generator wants D to say real.": _discriminators,
        "take the mean over all logits.": _summed,
        "sigmoid(-200) is 0 in floating point, and log(0) infinite: use F.logsigmoid.": _of_logits,
    },
)


# --- the discriminator's turn: discriminator_loss(discriminator, real, fake) -> a number


@dataclass(frozen=True)
class _Slope:
    """A discriminator of a single weight."""

    weight: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return self.weight * x

    def __repr__(self) -> str:
        return "D"


class _Turn(Exercise):
    """An attempt is judged by its loss and by the gradients that this gives to D and to the generator."""

    def check(self, attempt: Callable) -> bool:
        return super().check(_with_gradients(attempt))


def _with_gradients(attempt: Callable) -> Callable:
    """weights [2] of D and G, real and noise -> [loss, its slope by D's weight, its slope by G's weight]."""

    def judged(weights, real, noise):
        d, g = (w.clone().requires_grad_() for w in weights)
        loss = attempt(_Slope(d), real, g * noise)
        if not isinstance(loss, Tensor) or loss.ndim:
            return loss  # the check says what it is
        slopes = torch.autograd.grad(loss, (d, g), allow_unused=True) if loss.requires_grad else (None, None)
        return torch.stack([loss.detach(), *(torch.zeros(()) if s is None else s for s in slopes)])

    return judged


def _discriminator_loss(discriminator, real, fake):
    return sum(discriminator_losses(discriminator, real, fake).values())


def _attached(discriminator, real, fake):
    return gan_loss(discriminator(real), True) + gan_loss(discriminator(fake), False)


def _turned(discriminator, real, fake):
    return gan_loss(discriminator(real), False) + gan_loss(discriminator(fake.detach()), True)


def _both_real(discriminator, real, fake):
    return gan_loss(discriminator(real), True) + gan_loss(discriminator(fake.detach()), True)


def _detached_too_late(discriminator, real, fake):
    return gan_loss(discriminator(real), True) + gan_loss(discriminator(fake).detach(), False)


discriminator_loss = _Turn(
    name="discriminator_loss",
    reference=_with_gradients(_discriminator_loss),
    inputs=[
        (torch.tensor([0.0, 1.0]), torch.tensor([1.0]), torch.tensor([2.0])),
        (torch.tensor([1.5, 0.5]), torch.tensor([1.0, 2.0]), torch.tensor([-1.0, 3.0])),
        (torch.tensor([-0.5, 2.0]), torch.tensor([0.5, 2.5]), torch.tensor([1.0, 0.25])),
    ],
    mistakes={
        "the generator gets a gradient of the discriminator's loss: detach what it made.": _with_gradients(
            _attached
        ),
        "real pictures are to be called real, and made ones not.": _with_gradients(_turned),
        "to call everything real is the generator's wish; fakes are to be called fake.": _with_gradients(
            _both_real
        ),
        "detach the picture, not D's opinion: D itself must learn from fakes, too.": _with_gradients(
            _detached_too_late
        ),
    },
)


# --- channels to pixels: pixel_shuffle(x [C r r, H, W], r) -> [C, r H, r W]


def _pixel_shuffle(x, r):
    return F.pixel_shuffle(x[None], r)[0]


def _only_reshaped(x, r):
    channels, height, width = x.shape
    return x.reshape(channels // r**2, height * r, width * r)


def _shuffled_turned(x, r):
    """Rows and columns of the r x r block exchanged."""
    channels, height, width = x.shape
    x = x.reshape(channels // r**2, r, r, height, width).permute(0, 3, 2, 4, 1)
    return x.reshape(channels // r**2, height * r, width * r)


def _channels_last(x, r):
    """The r x r block before the channels: those of a block lie far apart."""
    channels, height, width = x.shape
    x = x.reshape(r, r, channels // r**2, height, width).permute(2, 3, 0, 4, 1)
    return x.reshape(channels // r**2, height * r, width * r)


def _tiled(x, r):
    """Each of the r x r pictures as a whole beside the others."""
    channels, height, width = x.shape
    x = x.reshape(channels // r**2, r, r, height, width).permute(0, 1, 3, 2, 4)
    return x.reshape(channels // r**2, height * r, width * r)


_STACK = torch.arange(24.0).reshape(8, 1, 3)

pixel_shuffle = Exercise(
    name="pixel_shuffle",
    reference=_pixel_shuffle,
    inputs=[
        (torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1), 2),
        (_STACK[:4], 2),
        (_STACK, 2),
        (torch.arange(72.0).reshape(18, 2, 2), 3),
    ],
    mistakes={
        "a reshape alone leaves the order as it is: permute in between.": _only_reshaped,
        "of an r x r block, the row comes before the column.": _shuffled_turned,
        "the channels of a block are neighbours: [C, r, r, H, W], not [r, r, C, H, W].": _channels_last,
        "that puts small pictures side by side: order to [C, H, r, W, r] before the last reshape.": _tiled,
    },
)


# --- what a logit sees: patch_size([(kernel, stride), ...]) -> pixels


def _patch_size(layers):
    size = 1
    for kernel, stride in reversed(layers):
        size = (size - 1) * stride + kernel
    return size


def _without_strides(layers):
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def _from_the_front(layers):
    return _patch_size(layers[::-1])


def _touching(layers):
    """Patches that don't overlap."""
    size = 1
    for kernel, stride in reversed(layers):
        size = size * stride + kernel
    return size


def _all_strides(layers):
    size = 1
    for _, stride in layers:
        size *= stride
    return size


def _patchgan(down):
    """The layers of a PatchGAN: `down` with stride 2, two without."""
    return [(4, 2)] * down + [(4, 1)] * 2


patch_size = Exercise(
    name="patch_size",
    reference=_patch_size,
    inputs=[
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(4, 2), (4, 1)],),
        (_patchgan(1),),
        (_patchgan(2),),
        (_patchgan(3),),
    ],
    mistakes={
        "a stride counts, too: a step behind a layer of stride 2 is two steps before it.": _without_strides,
        "go from the last layer to the first: one logit, the pixels below it, and so on.": _from_the_front,
        "n neighbours need (n - 1) * stride + kernel pixels: the first one needs no stride.": _touching,
        "that is how far patches lie apart, not how large they are.": _all_strides,
    },
)


# --- there and back: cycle_loss(day, night, to_night, to_day, weight) -> a number


@dataclass(frozen=True)
class _Filter:
    """A translation that is no network: brightness times a factor, cut at 0 and 1."""

    name: str
    factor: float

    def __call__(self, pictures: Tensor) -> Tensor:
        return (pictures * self.factor).clamp(0, 1)

    def __repr__(self) -> str:
        return self.name


def _cycle_loss(day, night, to_night, to_day, weight):
    return weight * (F.l1_loss(to_day(to_night(day)), day) + F.l1_loss(to_night(to_day(night)), night))


def _one_way(day, night, to_night, to_day, weight):
    return weight * F.l1_loss(to_day(to_night(day)), day)


def _half_way(day, night, to_night, to_day, weight):
    return weight * (F.l1_loss(to_night(day), day) + F.l1_loss(to_day(night), night))


def _as_pairs(day, night, to_night, to_day, weight):
    return weight * (F.l1_loss(to_night(day), night) + F.l1_loss(to_day(night), day))


def _squared(day, night, to_night, to_day, weight):
    return weight * (F.mse_loss(to_day(to_night(day)), day) + F.mse_loss(to_night(to_day(night)), night))


def _unweighted(day, night, to_night, to_day, weight):
    return _cycle_loss(day, night, to_night, to_day, 1.0)


_HEAPS = torch.tensor([0.9, 0.5, 0.7, 0.2]), torch.tensor([0.1, 0.35, 0.05, 0.6])
_HALF, _DOUBLE = _Filter("to_night", 0.5), _Filter("to_day", 2.0)

cycle_loss = Exercise(
    name="cycle_loss",
    reference=_cycle_loss,
    inputs=[
        (*_HEAPS, _Filter("to_night", 1.0), _Filter("to_day", 0.8), 1.0),
        (*_HEAPS, _HALF, _DOUBLE, 1.0),
        (*_HEAPS, _HALF, _DOUBLE, 10.0),
        (*_HEAPS, _Filter("to_night", 0.25), _DOUBLE, 10.0),
    ],
    mistakes={
        "two heaps, two cycles: night to day and back counts, too.": _one_way,
        "compare after the way back, not half-way: night need not look like day.": _half_way,
        "there are no pairs: compare each picture with itself, come back.": _as_pairs,
        "the paper takes L1, the absolute error.": _squared,
        "multiply by the weight.": _unweighted,
    },
)
