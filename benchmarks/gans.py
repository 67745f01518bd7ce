"""The systems of the lecture on conditional generation against their plainest writing, see `plain_gans`.

A step is a whole one, of all players with Adam; ours is the training loop's own, with its checks. Ours makes
new fakes for every player's turn, the plain one doesn't.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import Case, plain_gans
from benchmarks.plain_gans import Plain
from lecturekit import recipes
from lecturekit.training import adamw, players
from lecturekit.training.game import Turn
from lecturekit.training.loop import play
from lecturekit.training.state import State

PLAIN = "plain PyTorch"
PATCH = {"tiny": {"patch_width": 16, "patch_layers": 2}, "paper": {"patch_width": 64, "patch_layers": 3}}
SIZES = {  # of the plain networks
    "conditional_gan": {
        "tiny": {
            "noise": 32,
            "widths": (64, 64, 256),
            "layers": ((128, 2), (32, 2), (128, 2)),
            "size": 8,
            "dropout": (0.0, 0.0),
            "wasserstein": True,
        },
        "paper": {
            "noise": 100,
            "widths": (200, 1000, 1200),
            "layers": ((240, 5), (50, 5), (240, 4)),
            "size": 28,
            "dropout": (0.5, 0.5),
            "wasserstein": False,
        },
    },
    "super_resolution": {"tiny": {"channels": 24, "blocks": 5}, "paper": {"channels": 64, "blocks": 16}},
    "srgan": {
        "tiny": {"channels": 24, "blocks": 5, "widths": (16, 32, 64, 128), "hidden": 64, "size": 64},
        "paper": {"channels": 64, "blocks": 16, "widths": (64, 128, 256, 512), "hidden": 1024, "size": 96},
    },
    "pix2pix": {
        "tiny": {"widths": (16, 32, 64, 64, 64, 64), **PATCH["tiny"]},
        "paper": {"widths": (64, 128, 256, 512, 512, 512, 512, 512), **PATCH["paper"]},
    },
    "cyclegan": {
        "tiny": {"width": 16, "blocks": 4, **PATCH["tiny"]},
        "paper": {"width": 64, "blocks": 9, **PATCH["paper"]},
    },
}
BATCHES = {  # samples a step, and the side of their (large) pictures
    "conditional_gan": {"tiny": (64, 8), "paper": (100, 28)},
    "super_resolution": {"tiny": (8, 64), "paper": (2, 96)},
    "srgan": {"tiny": (8, 64), "paper": (2, 96)},
    "pix2pix": {"tiny": (4, 128), "paper": (1, 256)},
    "cyclegan": {"tiny": (2, 64), "paper": (1, 128)},
}
NAMES = tuple(SIZES)


def cases(name: str, size: str) -> Iterator[Case]:
    """Inference and a training step of a system at a size."""
    count, side = BATCHES[name][size]
    seen = f"{count} of {side} x {side} pixels"
    yield Case(name, size, "inference", seen, partial(inference, name, size))
    yield Case(name, size, "training step", seen, partial(training, name, size))


def batch(name: str, size: str) -> tuple[Tensor, Tensor]:
    """Random pictures of the right shapes."""
    count, side = BATCHES[name][size]
    source = torch.Generator().manual_seed(0)
    if name == "conditional_gan":
        return torch.rand(count, 1, side, side, generator=source), torch.arange(count) % 10
    large = torch.rand(count, 3, side, side, generator=source)
    if name in ("super_resolution", "srgan"):
        return torch.nn.functional.avg_pool2d(large, 4), large
    return large, torch.rand(count, 3, side, side, generator=source)


def pair(name: str, size: str) -> tuple[nn.Module, Plain]:
    """Our network, and the plain one."""
    recipe = recipes.get(name)
    torch.manual_seed(0)
    ours = recipe.paper_model() if size == "paper" else recipe.model()
    return ours, getattr(plain_gans, name)(**SIZES[name][size])


def inference(name: str, size: str) -> tuple[dict, dict]:
    """Pictures of a batch; ours by the verb that users know."""
    (ours, plain), (first, second) = pair(name, size), batch(name, size)
    ours.eval()
    plain.nets.eval()
    given = second if name == "conditional_gan" else first
    verb = next(getattr(ours, verb) for verb in ("sample", "upscale", "translate") if hasattr(ours, verb))
    return {name: partial(verb, given)}, {PLAIN: partial(plain.make, given)}


def training(name: str, size: str) -> tuple[dict, dict]:
    """A step of the training loop, and of the plain one."""
    (ours, plain), samples = pair(name, size), batch(name, size)
    game = players(ours.train())
    optimisers = {
        player: adamw(own, lr=2e-4, weight_decay=0.0, betas=(0.5, 0.999)) for player, own in game.items()
    }
    state = State(ours, optimisers, None, {}, torch.device("cpu"))
    steps = {
        name: lambda: play(state, Turn(ours), game, samples, 1.0, 0.0),
        PLAIN: lambda: plain.step(*samples),
    }
    with_gradients = {arm: torch.enable_grad()(call) for arm, call in steps.items()}
    return {name: with_gradients[name]}, {PLAIN: with_gradients[PLAIN]}
