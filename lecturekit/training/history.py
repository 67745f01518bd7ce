"""What the losses did: one row per step and player."""

import itertools
import json
import math
from collections.abc import Iterable

FIXED = ("step", "player", "total", "lr")  # what every row has beside the named losses
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe and Ito


class History:
    """The rows of a training: {"step" (from 1), "player", "total" (sum of the losses), each loss by name,
    "lr"}.

    `seconds` is the time spent, over all resumptions. `interrupted` is true when Ctrl-C ended the training
    early.
    """

    def __init__(self, rows: Iterable[dict] = (), seconds: float = 0.0, interrupted: bool = False):
        self.rows, self.seconds, self.interrupted = list(rows), seconds, interrupted

    def add(self, step: int, player: str, losses: dict[str, float], lr: float) -> None:
        self.rows.append({"step": step, "player": player, "total": sum(losses.values()), **losses, "lr": lr})

    def news(self) -> str:
        """The last step in a few words: a single player's losses, or the players' totals."""
        now = itertools.takewhile(lambda row: row["step"] == len(self), reversed(self.rows))
        last = list(now)[::-1]
        if len(last) == 1:
            names = [k for k in last[0] if k not in FIXED]
            last = [{"player": k.removeprefix("loss_"), "total": last[0][k]} for k in names]
        return ", ".join(f"{row['player']} {row['total']:.3g}" for row in last)

    def __len__(self) -> int:
        """Steps taken."""
        return self.rows[-1]["step"] if self.rows else 0

    def __repr__(self) -> str:
        losses = ", ".join(f"{p}: {', '.join(self.losses(p))}" for p in self.players)
        return f"History({len(self)} steps; {losses})"

    @property
    def players(self) -> list[str]:
        """The players' names in the order of their turns."""
        return list(dict.fromkeys(row["player"] for row in self.rows))

    def losses(self, player: str | None = None) -> list[str]:
        """The names of a player's losses (of the first player by default)."""
        mine = self._of(player)
        return [name for name in dict.fromkeys(k for row in mine for k in row) if name not in FIXED]

    def _of(self, player: str | None) -> list[dict]:
        if not self.rows:
            return []
        player = self.players[0] if player is None else player
        if player not in self.players:
            raise ValueError(f"player: {player!r} is none of {self.players}")
        return [row for row in self.rows if row["player"] == player]

    def values(self, name: str = "total", player: str | None = None) -> list[float]:
        """One column, over the steps; ValueError when no row has it."""
        found = [row[name] for row in self._of(player) if name in row]
        if self.rows and not found:
            raise ValueError(f"name: {name!r} is none of {['total', 'lr', *self.losses(player)]}")
        return found

    def fell(self, name: str = "total", player: str | None = None, to: float = 1.0) -> bool:
        """Whether the last tenth's mean lies below `to` times the first tenth's."""
        values = self.values(name, player)
        share = max(1, len(values) // 10)
        return bool(values) and sum(values[-share:]) < to * sum(values[:share])

    def to_json(self) -> str:
        return json.dumps({"seconds": self.seconds, "interrupted": self.interrupted, "rows": self.rows})

    @classmethod
    def from_json(cls, text: str) -> "History":
        return cls(**json.loads(text))

    def plot(self, title: str | None = None, size: tuple[float, float] | None = None):
        """Draw the losses over the steps, a panel per player: raw values faint, a running mean on top.

        Returns matplotlib's figure. `size` in inches.
        """
        import matplotlib.pyplot as plt

        players = self.players or ["model"]
        figure, axes = plt.subplots(
            1, len(players), figsize=size or (6.4 * len(players), 3.6), squeeze=False, layout="constrained"
        )
        for axis, player in zip(axes[0], players, strict=True):
            self._draw(axis, player)
            axis.set(xlabel="step", ylabel="loss", title=player if len(players) > 1 else (title or ""))
        if title and len(players) > 1:
            figure.suptitle(title)
        return figure

    def _draw(self, axis, player: str) -> None:
        names = self.losses(player if self.rows else None)
        curves = [*(["total"] if len(names) > 1 else []), *names]
        for k, name in enumerate(curves):
            rows = [row for row in self._of(player) if name in row]
            steps, values = [row["step"] for row in rows], [row[name] for row in rows]
            colour = "#333333" if name == "total" else COLOURS[(k - (len(names) > 1)) % len(COLOURS)]
            axis.plot(steps, values, color=colour, alpha=0.2, linewidth=0.8)
            axis.plot(
                steps, smooth(values), color=colour, linewidth=2 if name == "total" else 1.5, label=name
            )
        if curves:
            axis.legend(frameon=False, fontsize="small")
        if curves and all(v > 0 for v in self.values(curves[0], player)):
            axis.set_ylim(bottom=0)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.3)


def smooth(values: list[float], share: float = 0.05) -> list[float]:
    """A centred running mean over `share` of the values (at the ends over as many as there are)."""
    reach = math.ceil(len(values) * share / 2)
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    spans = [(max(0, i - reach), min(len(values), i + reach + 1)) for i in range(len(values))]
    return [(sums[b] - sums[a]) / (b - a) for a, b in spans]
