"""The inputs of each task, a pure function of a seed: another one for every student, and 0 for the checks."""

from collections.abc import Callable

import numpy as np

Arrays = dict[str, np.ndarray]
NOISE, CLASSES = 32, 10  # as the notebook has them
PER_CLASS = 50  # pictures of each class that the trained generator draws
NEARBY = 1e-3  # how far the noise is moved to see whether pictures jump


def _floats(rng, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def _labels(rng, count: int) -> np.ndarray:
    """Every class at least once, in any order."""
    y = np.concatenate((np.arange(CLASSES), rng.integers(CLASSES, size=count - CLASSES)))
    return rng.permutation(y)


def _seeded(seed: int, name: str) -> tuple[np.random.Generator, Arrays]:
    rng = np.random.default_rng([seed, *name.encode()])
    return rng, {"seed": np.array(rng.integers(2**31))}


def embedding(seed: int) -> Arrays:
    rng, given = _seeded(seed, "embedding")
    classes, size = 10, int(rng.integers(12, 20))
    y = _labels(rng, 24)
    return given | {
        "classes": np.array(classes),
        "size": np.array(size),
        "y": y,
        "weight": _floats(rng, len(y), size),
    }


def generator(seed: int) -> Arrays:
    rng, given = _seeded(seed, "generator")
    y = _labels(rng, 16)
    shift = rng.integers(1, CLASSES, size=len(y))
    return given | {
        "z": _floats(rng, len(y), NOISE),
        "other_z": _floats(rng, len(y), NOISE),
        "y": y,
        "other_y": (y + shift) % CLASSES,
        "weight": _floats(rng, len(y), 1, 8, 8),
    }


def discriminator(seed: int) -> Arrays:
    rng, given = _seeded(seed, "discriminator")
    y = _labels(rng, 16)
    shift = rng.integers(1, CLASSES, size=len(y))
    pictures = rng.uniform(size=(2, len(y), 1, 8, 8)).astype(np.float32)
    return given | {
        "x": pictures[0],
        "other_x": pictures[1],
        "y": y,
        "other_y": (y + shift) % CLASSES,
        "weight": _floats(rng, len(y), 1),
    }


SIZES = (4, 7, 16)  # batches of logits; then come very large ones


def _cases(seed: int, name: str, sides: tuple[str, ...]) -> Arrays:
    rng, given = _seeded(seed, name)
    for case, size in enumerate(SIZES):
        given |= {f"{side}_{case}": 1.5 * _floats(rng, size, 1) + 0.3 for side in sides}
    large = np.array([-150, 150, -3, 2], np.float32)
    given |= {f"{side}_{len(SIZES)}": rng.permutation(large)[:, None] for side in sides}
    return given | {"cases": np.array(len(SIZES) + 1)}


def discriminator_loss(seed: int) -> Arrays:
    return _cases(seed, "discriminator_loss", ("real", "fake"))


def generator_loss(seed: int) -> Arrays:
    return _cases(seed, "generator_loss", ("fake",))


def _painter(rng) -> Arrays:
    return {
        "mix": 0.2 * _floats(rng, NOISE, 64),
        "shift": 0.5 * _floats(rng, 64),
        "tilt": np.array(0.05 + 0.05 * rng.uniform(), np.float32),
    }


def train_step(seed: int) -> Arrays:
    rng, given = _seeded(seed, "train_step")
    y = rng.permutation(_labels(rng, 12))
    return (
        given
        | _painter(rng)
        | {
            "weight": 0.15 * _floats(rng, 64),
            "slope": np.array(0.1 * rng.normal(), np.float32),
            "bias": np.array(0.1 * rng.normal(), np.float32),
            "x": rng.uniform(size=(len(y), 1, 8, 8)).astype(np.float32),
            "y": y,
            "lr": np.array(5e-4),  # small, for the stand-ins would run away from each other
        }
    )


def sample_grid(seed: int) -> Arrays:
    rng, given = _seeded(seed, "sample_grid")
    return given | _painter(rng) | {"columns": np.array(rng.integers(3, 7))}


def conditional_accuracy(seed: int) -> Arrays:
    """A batch of ten, in which a wrong dimension goes unnoticed, and a longer one with uneven classes."""
    rng, given = _seeded(seed, "conditional_accuracy")
    for case, size in enumerate((CLASSES, int(rng.integers(20, 30)))):
        y = _labels(rng, size)
        logits = _floats(rng, size, CLASSES)
        right = rng.permutation(size)[: round(0.6 * size)]
        logits[right, y[right]] += 3
        given |= {f"logits_{case}": logits, f"y_{case}": y}
    return given | {"cases": np.array(2)}


def diversity(seed: int) -> Arrays:
    """All ten classes; then some only, of uneven sizes."""
    rng, given = _seeded(seed, "diversity")
    y = np.concatenate((np.repeat(np.arange(CLASSES), 3), rng.integers(3, size=6)))
    few = np.repeat(rng.permutation(CLASSES)[:4], (2, 3, 5, 7))
    for case, labels in enumerate((rng.permutation(y), rng.permutation(few))):
        centres = 3 * _floats(rng, CLASSES, 6)
        width = rng.uniform(0.5, 2, size=(CLASSES, 1)).astype(np.float32)
        features = centres[labels] + width[labels] * _floats(rng, len(labels), 6)
        given |= {f"features_{case}": features, f"y_{case}": labels}
    return given | {"cases": np.array(2)}


def trained(seed: int) -> Arrays:
    """Real digits whose classes go by other numbers, another order for every seed.

    So a generator that is not trained here, on these, can't know which digit a label stands for.
    """
    from lecturekit.data import Digits

    rng, given = _seeded(seed, "trained")
    images, digits = (t.numpy() for t in Digits("train").all())
    order, name = rng.permutation(len(images)), rng.permutation(CLASSES)
    y = np.repeat(np.arange(CLASSES), PER_CLASS)
    z = _floats(rng, len(y), NOISE)
    return given | {
        "images": images[order],
        "labels": name[digits[order]],
        "z": z,
        "near_z": z + np.float32(NEARBY) * _floats(rng, len(y), NOISE),
        "y": y,
    }


INPUTS: dict[str, Callable[[int], Arrays]] = {
    function.__name__: function
    for function in (
        embedding,
        generator,
        discriminator,
        discriminator_loss,
        generator_loss,
        train_step,
        sample_grid,
        conditional_accuracy,
        diversity,
        trained,
    )
}
