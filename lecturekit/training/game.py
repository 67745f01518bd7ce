"""A training is a game: players take turns at one model, each with losses and parameters of its own."""

import contextlib
import math
from collections.abc import Iterator, Mapping

import torch
from torch import nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from lecturekit.training import processes
from lecturekit.training.history import FIXED


class NonFiniteLoss(RuntimeError):
    """A loss or a gradient became infinite or not a number; the weights are still those of the step before.

    Attributes: `step` (from 1), `player`, `name` (of the loss, or "gradient of PARAMETER"), `value`.
    """

    def __init__(self, step: int, player: str, name: str, value: float):
        self.step, self.player, self.name, self.value = step, player, name, value
        whose = "" if player == "model" else f" of player {player!r}"
        super().__init__(
            f"step {step}: {name}{whose} is {value}. Training stopped before it could spoil the weights. "
            "A smaller lr, a longer warmup or gradient clipping may help; so may a look at its samples."
        )


def players(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The players of the game that trains `model`, in the order of their turns: name -> the parameters it
    moves.

    `model.players()` says so (parameters, or modules); without that method there is one player, "model".
    Parameters that don't require gradients (frozen ones) belong to nobody. ValueError for a player without
    any.
    """
    named = model.players() if hasattr(model, "players") else {"model": model}
    found = {
        name: [p for p in (part.parameters() if isinstance(part, nn.Module) else part) if p.requires_grad]
        for name, part in named.items()
    }
    if empty := [name for name, parameters in found.items() if not parameters]:
        raise ValueError(f"model: player {empty[0]!r} has no parameter that requires a gradient")
    return found


def losses(model: nn.Module, batch, player: str = "model") -> dict[str, torch.Tensor]:
    """The named scalar losses of `player`: `model.losses(batch, player)`, or `model(*batch)` where there is
    no such method. A single tensor counts as {"loss": tensor}. ValueError when it is anything else."""
    if hasattr(model, "losses"):
        found = model.losses(batch, player)
    else:
        found = model(*batch) if isinstance(batch, (tuple, list)) else model(batch)
    if torch.is_tensor(found):
        found = {"loss": found}
    if not isinstance(found, Mapping) or not found:
        raise ValueError(
            f"model: a dict of named losses is expected in training mode, got {type(found).__name__}"
        )
    for name, value in found.items():
        if not torch.is_tensor(value) or value.ndim:
            got = f"shape {list(value.shape)}" if torch.is_tensor(value) else type(value).__name__
            raise ValueError(f"model: loss {name!r} must be a scalar tensor, got {got}")
        if name in FIXED:
            raise ValueError(f"model: a loss can't be named {name!r}; the history keeps {', '.join(FIXED)}")
    return dict(found)


class Turn(nn.Module):
    """A player's losses as a module's forward, which is what DistributedDataParallel can wrap."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, batch, player: str) -> dict[str, torch.Tensor]:
        return losses(self.model, batch, player)


@contextlib.contextmanager
def holding(parameters: list[nn.Parameter], but: list[nn.Parameter]) -> Iterator[None]:
    """Inside, no parameter requires a gradient but those of `but`; afterwards all of them do again."""
    for parameter in parameters:
        parameter.requires_grad_(False)
    for parameter in but:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def gradients(
    turn: nn.Module, batch, player: str, game: Mapping[str, list], clip: float, step: int
) -> dict[str, float]:
    """Fill in the gradients of `player`'s parameters, clipped to the norm `clip` (0: as they are).

    The other players' parameters hold still meanwhile: they require no gradients. Returns the losses' values,
    the mean over all processes. Raises NonFiniteLoss.
    """
    for parameter in game[player]:
        parameter.grad = None
    with holding([p for parameters in game.values() for p in parameters], but=game[player]):
        found = turn(batch, player)
        values = processes.mean(torch.stack([v.detach().float() for v in found.values()])).tolist()
        for name, value in zip(found, values, strict=True):
            if not math.isfinite(value):
                raise NonFiniteLoss(step, player, name, value)
        sum(found.values()).backward()
    grads = [p.grad for p in game[player] if p.grad is not None]
    norm = get_total_norm(grads)
    if not math.isfinite(norm):
        names = {id(p): name for name, p in turn.named_parameters()}
        bad = next((p for p in game[player] if p.grad is not None and not p.grad.isfinite().all()), None)
        where = "all parameters" if bad is None else names[id(bad)].split("model.", 1)[-1]
        raise NonFiniteLoss(step, player, f"the gradient of {where}", float(norm))
    if clip:
        clip_grads_with_norm_(game[player], clip, norm)
    return dict(zip(found, values, strict=True))
