"""The exchangeable parts of the loop: optimisers, schedules, the sampler, averaged weights."""

import functools
import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


def adamw(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float, **options) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2017, 1711.05101) that decays weights, but neither biases nor norms."""
    parameters = list(parameters)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=lr, **{"fused": True, **options})


def warm(step: int, warmup: int) -> float:
    """The linear warm-up's factor at `step` (counted from 0): 1 from step `warmup` on."""
    return min(1.0, (step + 1) / (warmup + 1))


def constant(step: int, steps: int, warmup: int) -> float:
    """Schedule: warm-up, then the learning rate as it is."""
    return warm(step, warmup)


def cosine(step: int, steps: int, warmup: int) -> float:
    """Schedule: warm-up, then half a cosine down to nearly 0 (Loshchilov and Hutter 2016, 1608.03983)."""
    through = max(0, step - warmup) / max(1, steps - warmup)
    return warm(step, warmup) * 0.5 * (1 + math.cos(math.pi * through))


def linear(step: int, steps: int, warmup: int) -> float:
    """Schedule: warm-up, constant for the first half, then straight down to nearly 0 (as CycleGAN's)."""
    return warm(step, warmup) * min(1.0, 2 * (1 - step / max(1, steps)))


class Permutations:
    """Endless batches of a dataset's indices: one seeded permutation after the other, every batch full.

    Batch k depends on (length, batch_size, seed, k) alone, so that the sampler's whole state is the step's
    number.
    """

    def __init__(self, length: int, batch_size: int, seed: int):
        self.length, self.batch_size, self.seed = length, batch_size, seed
        self._epoch, self._order = -1, []

    def _permutation(self, epoch: int) -> list[int]:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epoch, self._order = epoch, torch.randperm(self.length, generator=generator).tolist()
        return self._order

    def batch(self, step: int) -> list[int]:
        """The indices of batch `step`, counted from 0."""
        places = range(step * self.batch_size, (step + 1) * self.batch_size)
        return [self._permutation(place // self.length)[place % self.length] for place in places]


def averaged(model: nn.Module, decay: float) -> AveragedModel:
    """A copy of `model` that follows it as an exponential moving average of its weights and buffers.

    The decay grows to `decay` over the first steps, as (1 + n) / (10 + n), so that the average forgets the
    untrained weights. Integer buffers (batch norm's counters) can't be averaged and are copied.
    """

    @torch.no_grad()
    def follow(average: Sequence[torch.Tensor], current: Sequence[torch.Tensor], n: torch.Tensor) -> None:
        if average[0].is_floating_point():
            torch._foreach_lerp_(average, current, 1 - min(decay, (1 + int(n)) / (10 + int(n))))
        else:
            torch._foreach_copy_(average, current)

    return AveragedModel(model, multi_avg_fn=follow, use_buffers=True)


def describe(thing, strict: str | None = None) -> str:
    """What shapes a result, as text that is the same tomorrow: a callable by its name and bound arguments,
    anything else by its repr (an object without a repr of its own by its class).

    strict: the field's name, to refuse by ValueError what tells too little (a lambda, such an object).
    """
    if isinstance(thing, functools.partial):
        bound = [describe(a, strict) for a in thing.args]
        bound += [f"{k}={describe(v, strict)}" for k, v in sorted(thing.keywords.items())]
        return f"{describe(thing.func, strict)}({', '.join(bound)})"
    named = hasattr(thing, "__qualname__")
    text = f"{thing.__module__}.{thing.__qualname__}" if named else repr(thing)
    if strict and ("<lambda>" in text or " at 0x" in text):
        raise ValueError(f"{strict}: {text} says too little; a function, partial or dataclass is expected")
    return f"{type(thing).__module__}.{type(thing).__qualname__}" if " at 0x" in text else text
