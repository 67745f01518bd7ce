"""What a right grid of samples has, property by property."""

import numpy as np

from lecturekit.homework import reference
from lecturekit.homework.answers import Property, Received, Wrong
from lecturekit.homework.hidden import CLASSES
from lecturekit.homework.properties_training import asked_for, new_each_call


def _grid(given, got: Received):
    count = CLASSES * int(given["columns"])
    return got.array("x", (count, 1, 8, 8)), got.array("y", (count,), "iu")


def grid_shape(given, got):
    columns, raw = int(given["columns"]), got.raw("x")
    if raw.shape == (CLASSES, columns, 1, 8, 8):
        raise Wrong(
            f"the shape {list(raw.shape)}",
            "one batch of pictures, row after row: x.flatten(0, 1) is [10 n, 1, 8, 8].",
        )
    _grid(given, got)


def grid_order(given, got):
    columns, y = int(given["columns"]), _grid(given, got)[1]
    if (y == np.repeat(np.arange(CLASSES), columns)).all():
        return
    if (y == np.tile(np.arange(CLASSES), columns)).all():
        raise Wrong(
            "labels 0, 1, 2, ... again and again",
            "row k of the grid is class k: torch.arange(10).repeat_interleave(n) is 0, 0, ..., 1, 1, ...",
        )
    raise Wrong(
        f"the labels {y[: 2 * columns].tolist()}, ...",
        "row k of the grid is class k: n times 0, then n times 1, ...",
    )


def grid_condition(given, got):
    x, y = _grid(given, got)
    if (asked_for(got, x) != y).any():
        raise Wrong(
            "pictures that were drawn for another label than the one beside them",
            "give the same y to G and back: x[i] is G(z_i|y_i).",
        )


def grid_eval(given, got):
    _grid(given, got)
    if got.array("modes", kinds="b").any():
        raise Wrong(
            "a generator that was in training mode while it drew",
            "generator.eval() first: dropout and batch norm behave differently in training.",
        )


def grid_restored(given, got):
    _grid(given, got)
    if not got.flag("mode_after_training"):
        raise Wrong(
            "a generator that stays in eval mode",
            "put back what you found: training goes on after a look at the samples, so train() again.",
        )
    if got.flag("mode_after_eval"):
        raise Wrong(
            "a generator that is in training mode afterwards, though it was in eval mode before",
            "remember `generator.training` first, and end with generator.train(that).",
        )


def grid_free(given, got):
    _grid(given, got)
    if got.flag("hangs"):
        raise Wrong(
            "pictures that drag the generator's graph along",
            "to look is not to learn: draw under torch.no_grad().",
        )


def grid_noise(given, got):
    _grid(given, got)
    z = new_each_call(got, "second_z", "z")
    gaps = reference.distances(z, z) + np.eye(len(z))
    if gaps.min() < 1e-6:
        raise Wrong(
            "the same noise in several places of the grid",
            "draw a z for each of the 10 n pictures; one set for all classes hides how varied each is.",
        )


SAMPLING: dict[str, tuple[Property, ...]] = {
    "sample_grid": (
        Property(1, "pictures x [10 n, 1, 8, 8] and labels y [10 n]", grid_shape),
        Property(1, "row k of the grid is class k", grid_order),
        Property(1, "each picture is G(z|y) of the label beside it", grid_condition),
        Property(1, "the generator draws in eval mode", grid_eval),
        Property(1, "afterwards the generator is in the mode it was in", grid_restored),
        Property(1, "no gradients are kept", grid_free),
        Property(2, "new noise z ~ N(0, 1) for every picture and every call", grid_noise),
    ),
}
