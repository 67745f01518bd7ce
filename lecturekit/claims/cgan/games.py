"""Two games with several right answers, small enough to be calculated.

In the first the answer is a number, +1 with probability x and else -1: the mean is 2x - 1, the median the
likelier of the two. In the second it is a row of pixels with one bright spot, in four places equally likely:
the mean of the rows is a faint smear, and their median, pixel by pixel, is a row without any spot.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.gan import discriminator_losses, gan_loss

BATCH = 256
NOISE = 4
BLUR = 0.15  # of the distance of two answers: the noise on what the discriminator sees
PIXELS, PLACES = 8, 4
NEAR = 0.25  # how far every pixel of a row may be from a true answer's
EDGES = torch.linspace(-1.6, 1.6, 41)  # of the histograms' bins


@dataclass(frozen=True)
class Numbers:
    """Sample i: a batch of questions x [256, 1] in 0..1 and answers [256, 1], 1 with probability x or -1."""

    first: int = 0
    count: int = 1_000_000

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.first + i, 17])
        asked, chance = torch.from_numpy(rng.random((2, BATCH, 1), np.float32))
        return asked, 1 - 2 * (chance >= asked).float()


@dataclass(frozen=True)
class Spots(Numbers):
    """Sample i is a batch: questions [256, 2], which half of a row, one-hot; and answers [256, 8], rows whose
    pixels are 0 but for a single 1 in one of that half's four places.
    """

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.first + i, 19])
        place = torch.from_numpy(rng.integers(2 * PLACES, size=BATCH))
        return F.one_hot(place // PLACES, 2).float(), F.one_hot(place, PIXELS).float()


def layers(inputs: int, outputs: int, width: int = 64) -> nn.Sequential:
    act = partial(nn.LeakyReLU, 0.2)
    return nn.Sequential(
        nn.Linear(inputs, width), act(), nn.Linear(width, width), act(), nn.Linear(width, outputs)
    )


class Answerer(nn.Module):
    """Questions [N, Q] and noise -> answers [N, A]: one network, trained by MSE, by MAE or in a GAN.

    The discriminator sees answers, true and false ones, with some noise on them (Sønderby et al. 2016, arXiv
    1610.04490). Else nothing leads from one sharp answer to the other one, and the answers, though real, come
    as often as they happened to at the beginning.
    """

    def __init__(self, arm: str, questions: int, answers: int, distance: float):
        super().__init__()
        self.arm, self.blur = arm, BLUR * distance
        self.generator = layers(questions + NOISE, answers)
        self.discriminator = layers(questions + answers, 1) if arm == "GAN" else None

    def players(self) -> dict[str, nn.Module]:
        if self.discriminator is None:
            return {"generator": self.generator}
        return {"discriminator": self.discriminator, "generator": self.generator}

    def losses(self, batch: tuple[Tensor, Tensor], player: str) -> dict[str, Tensor]:
        asked, real = batch
        fake = self(asked)
        if self.arm != "GAN":
            return {"loss": {"MSE": F.mse_loss, "MAE": F.l1_loss}[self.arm](fake, real)}

        def tell(answers: Tensor) -> Tensor:
            answers = answers + self.blur * torch.randn_like(answers)
            return self.discriminator(torch.cat((asked, answers), dim=1))

        if player == "generator":
            return {"loss_adversarial": gan_loss(tell(fake), True)}
        return discriminator_losses(tell, real, fake)

    def forward(self, asked: Tensor) -> Tensor:
        return self.generator(torch.cat((asked, torch.randn(len(asked), NOISE)), dim=1))


def of_numbers(asked: Tensor, said: Tensor) -> dict:
    """How far the answers [N, 1] to x [N, 1] lie from a real one, the mean and the median; the share of those
    on the rarer one's side; and a histogram (of EDGES' bins) for each third of the questions.
    """
    mean, median = 2 * asked - 1, torch.where(asked < 0.5, -1.0, 1.0)
    return {
        "to an answer": float((said.abs() - 1).abs().mean()),
        "to the mean": float((said - mean).abs().mean()),
        "to the median": float((said - median).abs().mean()),
        "rarer": float((said * median < 0).float().mean()),
        "rarer in truth": float(torch.minimum(asked, 1 - asked).mean()),
        "histograms": [
            torch.histc(said[(asked * 3).long() == third], len(EDGES) - 1, *EDGES[[0, -1]].tolist()).tolist()
            for third in range(3)
        ],
    }


def of_spots(asked: Tensor, said: Tensor) -> dict:
    """The share of rows [N, 8] that have one spot, in the asked half [N, 2], the mean distances of a pixel
    from the mean and the median of the answers, and a few rows.
    """
    answers = torch.eye(PIXELS)
    right = asked.repeat_interleave(PLACES, dim=1)  # [N, 8]: which places the answer may be in
    off = (said[:, None] - answers).abs().amax(dim=2)  # [N, 8]: the worst pixel, by the answer
    return {
        "one spot": float(((off <= NEAR) & (right > 0)).any(dim=1).float().mean()),
        "to the mean": float((said - right / PLACES).abs().mean()),
        "to the median": float(said.abs().mean()),
        "rows": [[round(v, 3) for v in row] for row in said[:16].tolist()],
    }


GAMES = {  # data, sizes of question and answer, distance of two answers in a pixel, measures
    "number": (Numbers, (1, 1, 2.0), of_numbers),
    "spot": (Spots, (2, PIXELS, 1.0), of_spots),
}
