"""Failures of a game that no exception tells: a discriminator that wins, a generator that draws one picture.

Such a training goes on without an error, and to no good end. The loop looks every so many steps, warns once
by name, and shows the name in the bar for as long as it lasts. Looking changes nothing: no weights, no random
numbers.
"""

import warnings

from torch import nn

from lecturekit.training.history import History

EVERY = 50  # steps from one look to the next
LOOKS = 4  # in a row that must agree before there is a warning
FIRST = 10  # steps whose losses are those of beginners
WON = 0.05  # of a beginner's losses: a discriminator with less is sure of every picture
UNBELIEVED = 0.5  # of a beginner's loss: a generator with more makes no progress against it
ALIKE = 0.2  # of the real pictures' variety
VARIED = 0.4  # a generator that got so far and then draws alike has collapsed,
GROWN = 1000  # and so has one that draws alike after so many steps: untrained ones all do

WINS = (
    "the discriminator wins: over {steps} steps its losses were {share:.1%} of those at the start, while the "
    "generator's adversarial loss is {rest:.1f} times its first one. There is little left to learn from: a "
    "smaller lr or dropout for the discriminator may help, or another game (gan='lsgan', 'wgan')"
)
COLLAPSE = (
    "mode collapse: over {steps} steps the generator's pictures differed by {share:.1%} of what the real "
    "ones do. Look at its samples; another game (gan='wgan'), a smaller lr or a larger batch may help"
)


class TrainingWarning(UserWarning):
    """A training goes on, but not to where it should."""


class Watchdog:
    """Looks after the training of `model`: `see` after every step.

    A discriminator is known by its losses' names, loss_real… and loss_fake…, its adversary by
    loss_adversarial…. A critic (loss_penalty…) can't win by its loss, which has no floor. Collapse shows in
    `model.variety(batch)`, if the model has this: how different its pictures for a batch are, as a share of
    the real ones' (None where that can't be said).
    """

    def __init__(self, model: nn.Module):
        self.model = model
        self.varieties: list[float] = []
        self.warned: set[str] = set()
        self.news = ""  # the failures under way, for the bar

    def see(self, history: History, batch) -> None:
        """A look, if it is time for one; warns (TrainingWarning) of what is seen for the first time."""
        if len(history) % EVERY:
            return
        found = {"the discriminator wins": winning(history), "mode collapse": self.collapse(history, batch)}
        found = {name: text for name, text in found.items() if text}
        self.news = "".join(f", {name.upper()}" for name in found)
        for name, text in found.items():
            if name not in self.warned:
                self.warned.add(name)
                warnings.warn(f"step {len(history)}: {text}", TrainingWarning, stacklevel=3)

    def collapse(self, history: History, batch) -> str:
        """The warning of a mode collapse, or nothing."""
        variety = self.model.variety(batch) if hasattr(self.model, "variety") else None
        if variety is None:
            return ""
        self.varieties.append(variety)
        last = self.varieties[-LOOKS:]
        able = len(history) >= GROWN or max(self.varieties) > VARIED
        if len(last) < LOOKS or max(last) >= ALIKE or not able:
            return ""
        return COLLAPSE.format(steps=LOOKS * EVERY, share=sum(last) / LOOKS)


def winning(history: History) -> str:
    """The warning of a discriminator that wins, or nothing."""
    span = LOOKS * EVERY
    if len(history) < FIRST + span:
        return ""
    spans = range(1, FIRST + 1), range(len(history) - span + 1, len(history) + 1)
    judged, believed = (
        [total(history.rows, names, steps) for steps in spans]
        for names in (("loss_real", "loss_fake"), ("loss_adversarial",))
    )
    if not judged[0] or not believed[0] or total(history.rows, ("loss_penalty",), range(1, 2)):
        return ""
    share, rest = judged[1] / judged[0], believed[1] / believed[0]
    wins = 0 <= share < WON and rest > UNBELIEVED
    return WINS.format(steps=span, share=share, rest=rest) if wins else ""


def total(rows: list[dict], names: tuple[str, ...], steps: range) -> float:
    """The sum, over all players, of the losses whose names start so: the mean over the steps."""
    per_step = len({row["player"] for row in rows[:8]})
    some = rows[(steps.start - 1) * per_step : (steps.stop - 1) * per_step]
    return sum(value for row in some for name, value in row.items() if name.startswith(names)) / len(steps)
