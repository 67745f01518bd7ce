"""A conditional GAN in hand: which class, which noise, and the way from one noise to another."""

import torch
from torch import Tensor

from lecturekit.metrics.judges import judge
from lecturekit.show.explore.live import live
from lecturekit.show.generated import closest, sheet

STEPS = 7  # pictures on the way from one noise to the other


@torch.no_grad()
def digit_walk(model, label: int, first: int, second: int) -> dict:
    """The way from the noise of seed `first` to that of seed `second`, for one class.

    Returns `pictures` [7, 1, H, W] at equal steps, `read` (the class that the judge reads in each) and `sure`
    (its probability of `label`), both lists.
    """
    ends = model.noise(1, first), model.noise(1, second)
    way = torch.cat([torch.lerp(*ends, share) for share in torch.linspace(0, 1, STEPS)])
    pictures = model.generate(way, [label] * STEPS)
    probabilities = judge("digit_judge")(pictures).softmax(dim=1)
    return {
        "pictures": pictures,
        "read": probabilities.argmax(dim=1).tolist(),
        "sure": probabilities[:, label].tolist(),
    }


def draw_digit_walk(model, real: Tensor, label: int, first: int, second: int):
    """A picture: the walk, what the judge reads in each, and below the nearest of `real` [N, 1, H, W]."""
    facts = digit_walk(model, label, first, second)
    nearest = real[closest(facts["pictures"], real)[:, 0]]
    shares = [f"noise {first}", *[f"{k}/{STEPS - 1}" for k in range(1, STEPS - 1)], f"noise {second}"]
    notes = [[f"read as {r}" for r in facts["read"]], [""] * STEPS]
    names = [f"asked for: {label}", "nearest real"]
    return sheet([facts["pictures"], nearest], names, shares, notes=notes, size=120, letters=15, smooth=True)


def digits(model, real: Tensor, *, label: int = 3, first: int = 0, second: int = 1):
    """The widget: sliders for the class and for the two ends' noise. `real`: the digits of training."""

    def draw(**values):
        return draw_digit_walk(model, real, **{name: int(value) for name, value in values.items()})

    def describe(**values):
        label, first, second = (int(values[name]) for name in ("label", "first", "second"))
        facts = digit_walk(model, label, first, second)
        right = sum(r == label for r in facts["read"])
        return (
            f"Class {label}, from noise {first} to noise {second}: the judge reads <b>{right}</b> of {STEPS} "
            f"as a {label}; where it is least sure, it gives the {label} {min(facts['sure']):.0%}."
        )

    sliders = {
        "label": ("class", 0, 9, 1, label),
        "first": ("from noise", 0, 50, 1, first),
        "second": ("to noise", 0, 50, 1, second),
    }
    return live(draw, describe, sliders)
