"""Several processes that train one model: what `torchrun` starts, seen from the loop. One process is the
usual case."""

import contextlib
import os
from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch import nn


def rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world() -> int:
    """The number of processes."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Inside, the processes that torchrun started know each other; nothing happens where there is only
    one."""
    mine = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized()
    if mine:
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        if mine:
            dist.destroy_process_group()


def shared(step: nn.Module) -> nn.Module:
    """`step` wrapped so that every process sees the mean of all processes' gradients."""
    if world() == 1 or not any(p.requires_grad for p in step.parameters()):
        return step
    return nn.parallel.DistributedDataParallel(step, find_unused_parameters=True)


def mean(values: torch.Tensor) -> torch.Tensor:
    """The mean over all processes."""
    if world() > 1:
        dist.all_reduce(values)
        values = values / world()
    return values


def any_of(flag: bool) -> bool:
    """Whether any process says so."""
    return flag if world() == 1 else float(mean(torch.tensor(float(flag)))) > 0


def share(items: list) -> list:
    """This process's part of a batch; ValueError when it can't be divided evenly."""
    if len(items) % world():
        raise ValueError(f"batch_size: {len(items)} samples can't be shared evenly by {world()} processes")
    return items[rank() :: world()]


def gather(thing) -> list:
    """Everyone's `thing`, by rank."""
    if world() == 1:
        return [thing]
    things = [None] * world()
    dist.all_gather_object(things, thing)
    return things


def from_first(tensors) -> None:
    """Overwrite the tensors by those of the first process."""
    if world() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, 0)
