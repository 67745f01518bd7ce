"""What a computation costs, counted instead of timed: the same on every machine."""

from collections.abc import Callable


def multiply_adds(call: Callable[[], object]) -> int:
    """The multiply-adds of the convolutions and matrix products that `call()` runs; it is run once."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() // 2
