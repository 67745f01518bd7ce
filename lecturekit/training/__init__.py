"""One training loop for every system of the course, and what belongs to it.

`train` trains any model on any dataset, `fit` a `Recipe`. A checkpoint written on the way lets either go on
where it stopped, bit for bit; a `History` holds the losses of every step.
"""

from lecturekit.training.checkpoint import read_weights
from lecturekit.training.game import NonFiniteLoss, losses, players
from lecturekit.training.history import History
from lecturekit.training.loop import Interrupted, train
from lecturekit.training.parts import adamw, constant, cosine, linear
from lecturekit.training.recipe import Budget, Paper, Recipe, fit
from lecturekit.training.watchdog import TrainingWarning

__all__ = [
    "Budget",
    "History",
    "Interrupted",
    "NonFiniteLoss",
    "Paper",
    "Recipe",
    "TrainingWarning",
    "adamw",
    "constant",
    "cosine",
    "fit",
    "linear",
    "losses",
    "players",
    "read_weights",
    "train",
]
