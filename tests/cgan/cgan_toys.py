"""The systems of the lecture at sizes that train a step in an instant, and batches for them."""

from dataclasses import dataclass

import torch

from lecturekit.cgan.conditional_gan import ConditionalGAN
from lecturekit.cgan.cyclegan import CycleGAN
from lecturekit.cgan.pix2pix import Pix2Pix
from lecturekit.cgan.srgan import SRGAN
from lecturekit.cgan.super_resolution import SuperResolution

SYSTEMS = {
    "conditional_gan": (ConditionalGAN, {"gan": "bce"}),
    "super_resolution": (SuperResolution, {"channels": 8, "blocks": 2}),
    "srgan": (SRGAN, {"channels": 8, "blocks": 2, "size": 32, "widths": (4, 8, 8, 8), "hidden": 8}),
    "pix2pix": (Pix2Pix, {"widths": (4, 8, 8, 8, 8), "patch_width": 4}),
    "cyclegan": (CycleGAN, {"width": 4, "blocks": 2, "patch_width": 4, "pool": 3}),
}


@dataclass(frozen=True)
class Pairs:
    """Training samples of a system: random pictures, of which sample i is always the same."""

    system: str
    count: int = 12

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        source = torch.Generator().manual_seed(30_000_000 + i)
        if self.system == "conditional_gan":
            return torch.rand(1, 8, 8, generator=source), i % 10
        large = torch.rand(3, 32, 32, generator=source)
        if self.system in ("super_resolution", "srgan"):
            return torch.nn.functional.avg_pool2d(large, 4), large
        return large, torch.rand(3, 32, 32, generator=source)

    def batch(self, count=3):
        return torch.utils.data.default_collate([self[i] for i in range(count)])


def make(system, seed=0, **changes):
    torch.manual_seed(seed)
    cls, sizes = SYSTEMS[system]
    return cls.tiny(**sizes | changes)
