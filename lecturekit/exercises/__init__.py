"""The exercises of the lessons, each with an instant check: `exercises.bilinear.check(your_function)`."""

from lecturekit.exercises.cgan import (
    cycle_loss,
    discriminator_loss,
    generator_loss,
    patch_size,
    pixel_shuffle,
)
from lecturekit.exercises.instance import assemble, bilinear, fast_nms, keypoint, warp

__all__ = [
    "assemble",
    "bilinear",
    "cycle_loss",
    "discriminator_loss",
    "fast_nms",
    "generator_loss",
    "keypoint",
    "patch_size",
    "pixel_shuffle",
    "warp",
]
