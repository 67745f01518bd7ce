"""`averages`: regression gives the average of the possible answers, a conditional GAN one of them.

On the two `games`. The median of numbers is one of them (and MAE never gives the other one), while that of
pictures, pixel by pixel, may be no picture that could be.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from lecturekit.claims import Claim, kept
from lecturekit.claims.cgan.games import BATCH, BLUR, EDGES, GAMES, NEAR, PLACES, Answerer
from lecturekit.training import adamw, linear, train

ARMS = ("MSE", "MAE", "GAN")
HELD_OUT = 10_000_000  # the first seed of the held-out questions


def trained(game: str, arm: str, seed: int, steps: int) -> Answerer:
    """An Answerer of GAMES trained from scratch."""
    dataset, sizes, _ = GAMES[game]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Answerer(arm, *sizes)
    settings = {"lr": 2e-3, "weight_decay": 0.0, "average": 0.99, "schedule": linear}
    adam = partial(adamw, betas=(0.5, 0.999))
    train(
        model, dataset(), steps=steps, batch_size=1, collate=first, seed=seed, progress=False,
        optimiser=adam, **settings,
    )  # fmt: skip
    return model


def first(batches: list) -> tuple[Tensor, Tensor]:
    """The only one of the batches that the loop collects."""
    return batches[0]


def outcome(game: str, arm: str, seed: int, steps: int) -> dict:
    """What a trained Answerer says to 5,120 held-out questions, measured."""
    model, (dataset, *_, measure) = trained(game, arm, seed, steps), GAMES[game]
    asked = torch.cat([dataset(first=HELD_OUT)[i][0] for i in range(20)])
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(HELD_OUT + seed)
        return measure(asked, model(asked))


def comparisons(runs: dict[str, dict[str, list[dict]]]) -> dict:
    """The claim's comparisons from its runs {game: {arm: [measures per seed]}}."""

    def pick(game: str, arm: str, value: Callable[[dict], float] | str) -> list[float]:
        return [run[value] if isinstance(value, str) else value(run) for run in runs[game][arm]]

    return {
        "number, MSE: distance": {
            "to a real answer": pick("number", "MSE", "to an answer"),
            "to their mean": pick("number", "MSE", "to the mean"),
        },
        "number, MAE: distance": {
            "to their mean": pick("number", "MAE", "to the mean"),
            "to their median": pick("number", "MAE", "to the median"),
        },
        "number: - distance to a real answer": {
            arm: pick("number", arm, lambda run: -run["to an answer"]) for arm in ("GAN", "MSE")
        },
        "number: - error in the rarer answer's share": {
            arm: pick("number", arm, lambda run: -abs(run["rarer"] - run["rarer in truth"]))
            for arm in ("GAN", "MAE")
        },
        **{
            f"rows with one spot, against {arm}": {a: pick("spot", a, "one spot") for a in ("GAN", arm)}
            for arm in ("MSE", "MAE")
        },
    }


def averages(seeds: range, folder: Path, progress: bool, steps: int = 3000) -> dict:
    """Both games by MSE, MAE and GAN: the same network, questions, steps, rate and seeds."""

    def run(game: str, arm: str, seed: int) -> dict:
        path = folder / f"{game}-{arm}-{steps}-seed{seed}.json"
        return kept(path, partial(outcome, game, arm, seed, steps), progress)

    runs = {game: {arm: [run(game, arm, s) for s in seeds] for arm in ARMS} for game in GAMES}
    return {
        "comparisons": comparisons(runs),
        "runs": runs,
        "edges": [round(edge, 3) for edge in EDGES.tolist()],
        "protocol": {
            "steps": steps,
            "batch size": BATCH,
            "learning rate": "2e-3, linear decay, for all",
            "network": "two hidden layers of 64; question and noise come in, in all arms",
            "discriminator": f"sees answers with noise, {BLUR} of their distance",
            "number": "+1 with probability x, else -1; histograms by thirds of x",
            "spot": f"one of {PLACES} places; a row has it if every pixel is within {NEAR} of such a row",
            "held-out questions": 20 * BATCH,
        },
    }


CLAIM = Claim(
    "averages",
    "cgan",
    "MSE makes the mean of the possible answers and MAE their median, which may be no answer at all; "
    "a conditional GAN makes one of the answers.",
    averages,
)
