"""Pictures that a model makes while it trains: kept, and shown as they come."""

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from lecturekit.show.draw import picture
from lecturekit.show.figure import png


class Album:
    """What `snapshots` fills: `pictures`, {steps taken: Pillow image}, and `screen`, an ipywidgets Image of
    the last one.
    """

    def __init__(self):
        import ipywidgets

        self.pictures: dict[int, object] = {}
        self.screen = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%"))

    def add(self, step: int, made) -> None:
        self.pictures[step] = picture(made)
        self.screen.value = png(self.pictures[step])


@contextlib.contextmanager
def snapshots(model: nn.Module, make: Callable[[], object], every: int) -> Iterator[Album]:
    """Inside, `make()` draws a picture before the first and after every so many steps of `model`'s training.

    `make` returns what `draw.picture` takes. A step is over when every player of the model has moved; other
    models' trainings don't count. The random generators are as if nothing had been drawn. ValueError for
    `every` below 1.
    """
    if every < 1:
        raise ValueError(f"every: a number of steps of at least 1 is expected, got {every}")
    own = {id(p) for p in model.parameters()}
    players = len(model.players()) if hasattr(model, "players") else 1
    album, moves = Album(), 0

    def look(step: int) -> None:
        with torch.random.fork_rng(devices=[]):
            album.add(step, make())

    def moved(optimiser, *_) -> None:
        nonlocal moves
        if id(optimiser.param_groups[0]["params"][0]) not in own:
            return
        moves += 1
        if moves % (players * every) == 0:
            look(moves // players)

    look(0)
    hook = register_optimizer_step_post_hook(moved)
    try:
        yield album
    finally:
        hook.remove()
