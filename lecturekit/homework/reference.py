"""The true answers in numpy, written apart from the solution; and what mistakes give that are often made.

r and f are logits of real and of generated pictures; sigma is the sigmoid. Nothing here reaches a student's
process.
"""

from collections.abc import Callable

import numpy as np

Array = np.ndarray


def softplus(t: Array) -> Array:
    """log(1 + e^t), which is -log sigma(-t)."""
    return np.logaddexp(0.0, t)


def sigmoid(t: Array) -> Array:
    return np.exp(-softplus(-t))


# --- the two losses and their slopes


def discriminator_loss(r: Array, f: Array) -> float:
    """-mean log sigma(r) - mean log(1 - sigma(f))"""
    return float(softplus(-r).mean() + softplus(f).mean())


def discriminator_slopes(r: Array, f: Array) -> tuple[Array, Array]:
    return -sigmoid(-r) / r.size, sigmoid(f) / f.size


def generator_loss(f: Array) -> float:
    """-mean log sigma(f): the non-saturating game"""
    return float(softplus(-f).mean())


def generator_slope(f: Array) -> Array:
    return -sigmoid(-f) / f.size


DISCRIMINATOR_MISTAKES: dict[str, Callable] = {
    "the labels are flipped: a real picture has the target 1, a generated one 0.": lambda r, f: (
        softplus(r).mean() + softplus(-f).mean()
    ),
    "the logits went through a sigmoid before the loss; binary_cross_entropy_with_logits has it inside.": (
        lambda r, f: softplus(-sigmoid(r)).mean() + softplus(sigmoid(f)).mean()
    ),
    "that is the half about real pictures alone; add the one about G(z|y).": lambda r, f: softplus(-r).mean(),
    "that is the half about generated pictures alone; add the one about real x.": lambda r, f: softplus(
        f
    ).mean(),
    "both halves have the target 1; for generated pictures it is 0.": lambda r, f: (
        softplus(-r).mean() + softplus(-f).mean()
    ),
    "both halves have the target 0; for real pictures it is 1.": lambda r, f: (
        softplus(r).mean() + softplus(f).mean()
    ),
    "that is half of it: the two halves are added, not averaged.": lambda r, f: discriminator_loss(r, f) / 2,
    "that is the sum over the batch; the loss is the mean, or it would grow with B.": lambda r, f: (
        softplus(-r).sum() + softplus(f).sum()
    ),
    "the sign is turned: D maximises the value function, so the loss, which is minimised, is minus it.": (
        lambda r, f: -discriminator_loss(r, f)
    ),
    "the logarithm is missing: the loss is -log of the probability, not 1 minus it.": lambda r, f: (
        (1 - sigmoid(r)).mean() + sigmoid(f).mean()
    ),
    "that is the least-squares loss (LSGAN); here it is the cross-entropy.": lambda r, f: (
        ((r - 1) ** 2).mean() + (f**2).mean()
    ),
    "that is the critic's loss of a WGAN; here it is the cross-entropy of logits.": lambda r, f: (
        f.mean() - r.mean()
    ),
    "a softmax over one column is always 1: cross_entropy is for several classes, D has one logit.": (
        lambda r, f: 0.0
    ),
}

GENERATOR_MISTAKES: dict[str, Callable] = {
    "that is the saturating loss log(1 - D): it is flat where G is bad, so that G learns nothing at first. "
    "Take -log D.": lambda f: -softplus(f).mean(),
    "the target is 0, so that G wants D to say 'generated'; G wants it to say 'real': 1.": lambda f: softplus(
        f
    ).mean(),
    "the logits went through a sigmoid before the loss: binary_cross_entropy_with_logits has its own.": (
        lambda f: softplus(-sigmoid(f)).mean()
    ),
    "that is summed over the batch; take the mean, or the loss would grow with B.": lambda f: softplus(
        -f
    ).sum(),
    "the sign is turned: that is log D, which G should make large, and an optimiser makes it small.": (
        lambda f: -softplus(-f).mean()
    ),
    "1 - D is not -log D: the logarithm is missing.": lambda f: (1 - sigmoid(f)).mean(),
    "that is minus the mean logit, the generator's loss of a WGAN.": lambda f: -f.mean(),
    "that is the least-squares loss (LSGAN) of the generator.": lambda f: ((f - 1) ** 2).mean(),
}


# --- the two measures


def conditional_accuracy(logits: Array, y: Array) -> float:
    """The share of rows [N, 10] whose largest logit stands at the label."""
    return float(np.mean([row.argmax() == label for row, label in zip(logits, y, strict=True)]))


def distances(a: Array, b: Array) -> Array:
    """Euclidean, of each row [N, F] to each of another table [M, F]."""
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))


def diversity(features: Array, y: Array) -> float:
    """The mean distance of two different pictures of a class, averaged over the classes that occur."""
    return float(np.mean([_pairs(features[y == label]).mean() for label in np.unique(y)]))


def _pairs(rows: Array, metric: Callable = distances) -> Array:
    upper = np.triu_indices(len(rows), k=1)
    return metric(rows, rows)[upper]


def _within(features: Array, y: Array) -> list[Array]:
    return [features[y == label] for label in np.unique(y)]


def _by_column(logits: Array, y: Array) -> float:
    best = logits.argmax(axis=0)
    return float((best == y).mean()) if len(best) == len(y) else np.nan


def _balanced(logits: Array, y: Array) -> float:
    hit = logits.argmax(axis=1) == y
    return float(np.mean([hit[y == label].mean() for label in np.unique(y)]))


def _probability(logits: Array, y: Array) -> float:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return float((odds / odds.sum(axis=1, keepdims=True))[np.arange(len(y)), y].mean())


ACCURACY_MISTAKES: dict[str, Callable] = {
    "argmax runs over the wrong dimension: the classes stand along dim=1, the pictures along dim=0.": (
        _by_column
    ),
    "[N] was compared with [N, 1]: that broadcasts to N x N comparisons, each guess with every label.": (
        lambda logits, y: float((logits.argmax(axis=1)[:, None] == y).mean())
    ),
    "that is how many are right; divide by how many there are.": lambda logits, y: (
        conditional_accuracy(logits, y) * len(y)
    ),
    "that is in per cent; the share is a number in 0..1.": lambda logits, y: (
        100 * conditional_accuracy(logits, y)
    ),
    "that is the share of wrong ones.": lambda logits, y: 1 - conditional_accuracy(logits, y),
    "that is the judge's mean probability for the label; count how often the label is its first choice.": (
        _probability
    ),
    "that is the mean of the ten classes' accuracies; every picture counts alike.": _balanced,
}

DIVERSITY_MISTAKES: dict[str, Callable] = {
    "that takes pairs of different classes along: ten classes always differ. Compare within a class.": (
        lambda features, y: _pairs(features).mean()
    ),
    "that is how far the classes are from each other, not the pictures within a class.": lambda features, y: (
        distances(features, features)[y[:, None] != y[None]].mean()
    ),
    "that is the distance of the classes' means, which says nothing about the pictures within a class.": (
        lambda features, y: _pairs(np.stack([rows.mean(axis=0) for rows in _within(features, y)])).mean()
    ),
    "each picture was compared with itself, too, at distance 0: no diagonal.": lambda features, y: np.mean(
        [distances(rows, rows).mean() for rows in _within(features, y)]
    ),
    "those are squared distances; take the root.": lambda features, y: np.mean(
        [(_pairs(rows) ** 2).mean() for rows in _within(features, y)]
    ),
    "all pairs went into one mean, so that large classes count more; average each class by itself first.": (
        lambda features, y: np.concatenate([_pairs(rows) for rows in _within(features, y)]).mean()
    ),
    "the classes were summed; take their mean.": lambda features, y: np.sum(
        [_pairs(rows).mean() for rows in _within(features, y)]
    ),
    "that is the distance along the features, city block; take the Euclidean one.": lambda features, y: (
        np.mean([_pairs(rows, _city_block).mean() for rows in _within(features, y)])
    ),
    "the mean runs over the wrong axis: over a picture's F features, whose squares belong summed.": (
        lambda features, y: diversity(features, y) / np.sqrt(features.shape[1])
    ),
    "that is the standard deviation of each feature, not the distance of pairs.": lambda features, y: np.mean(
        [rows.std(axis=0, ddof=1).mean() for rows in _within(features, y)]
    ),
}


def _city_block(a: Array, b: Array) -> Array:
    return np.abs(a[:, None] - b[None]).sum(axis=2)


# --- what the players of train_step should feel: the slopes of `probes.Critic`, x . w + slope y + bias


def logits(critic: Array, x: Array, y: Array) -> Array:
    """The stand-in's logits [N] of pictures [N, 1, 8, 8] and labels; `critic` is its 66 parameters."""
    return x.reshape(len(x), -1) @ critic[:64] + critic[64] * y + critic[65]


def critic_slope(x: Array, y: Array, weights: Array) -> Array:
    """The slope [66] in the critic's parameters of a loss whose slope in the logits is `weights` [N]."""
    return np.concatenate((weights @ x.reshape(len(x), -1), [weights @ y, weights.sum()]))


def painter_slope(critic: Array, y: Array, weights: Array) -> Array:
    """The slope [65] in the painter's `shift` and `tilt` of a loss whose slope in the logits is `weights`."""
    through = weights[:, None] * critic[None, :64]  # [N, 64], in the pictures
    return np.concatenate((through.sum(axis=0), [(through.sum(axis=1) * y).sum()]))


def squares_d(r: Array, f: Array) -> tuple[Array, Array]:
    """The slopes of probes.standing_in."""
    return 2 * (r - 1) / r.size, 2 * f / f.size


def squares_g(f: Array) -> Array:
    return 2 * (f - 1) / f.size


def squares_d_loss(r: Array, f: Array) -> float:
    return float(((r - 1) ** 2).mean() + (f**2).mean())


def squares_g_loss(f: Array) -> float:
    return float(((f - 1) ** 2).mean())


# (loss of D, its slopes, loss of G, its slope): the stand-ins', and those of a train_step that has the
# cross-entropies written out instead of calling the two functions
GAMES = (
    (squares_d_loss, squares_d, squares_g_loss, squares_g),
    (discriminator_loss, discriminator_slopes, generator_loss, generator_slope),
)
