"""Models and datasets small enough to train in a second. As a script: train one with a checkpoint."""

import argparse
import random
import sys
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from lecturekit.training import train


@dataclass(frozen=True)
class Line:
    """y = x1 + 2 x2 - x3 with a noise from each of the global generators, so that none may be forgotten."""

    count: int = 50
    noise: float = 0.01

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        x = torch.randn(3, generator=torch.Generator().manual_seed(i))
        noise = random.gauss(0, 1) + np.random.randn() + float(torch.randn(()))  # noqa: NPY002
        return x, (x @ torch.tensor([1.0, 2.0, -1.0]))[None] + self.noise * noise


class Net(nn.Module):
    """Regression with batch norm (buffers) and dropout (generators); two named losses."""

    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(width, 1)

    def forward(self, x, y=None):
        out = self.head(self.body(x))
        if y is None:
            return out
        return {"loss_fit": (out - y).square().mean(), "loss_size": 1e-3 * self.head.weight.square().mean()}


@dataclass(frozen=True)
class Ring:
    """Real samples for a GAN: points on the circle of radius 2."""

    count: int = 256

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        angle = torch.rand((), generator=torch.Generator().manual_seed(i)) * 2 * torch.pi
        return torch.stack([2 * angle.cos(), 2 * angle.sin()])


class Gan(nn.Module):
    """Two players, and a pool of old fakes that no tensor of the state dict holds."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        self.pool = []

    def players(self):
        return {"discriminator": self.discriminator, "generator": self.generator.parameters()}

    def get_extra_state(self):
        return {"pool": self.pool}

    def set_extra_state(self, state):
        self.pool = state["pool"]

    def losses(self, real, player):
        fake = self.generator(torch.randn(len(real), 4))
        judge = nn.functional.softplus
        if player == "generator":
            return {"loss_fool": judge(-self.discriminator(fake)).mean()}
        self.pool = [*self.pool[-7:], fake[0].detach().clone()]
        old = torch.stack(self.pool)
        return {
            "loss_real": judge(-self.discriminator(real)).mean(),
            "loss_fake": judge(self.discriminator(fake.detach())).mean()
            + judge(self.discriminator(old)).mean(),
        }


SETTINGS = {
    "line": {"batch_size": 8, "lr": 1e-2, "warmup": 5, "average": 0.9, "clip": 1.0},
    "ring": {"batch_size": 16, "lr": {"discriminator": 4e-3, "generator": 2e-3}, "average": 0.9},
}
for given in SETTINGS.values():
    given |= {"every": 5, "progress": False}


def make(toy, seed=0):
    torch.manual_seed(seed)
    return (Net(), Line()) if toy == "line" else (Gan(), Ring())


def evaluate(model, dataset, progress):
    with torch.no_grad():
        pairs = [dataset[i] for i in range(len(dataset))]
        return {"error": float(sum((model(x[None]) - y).square().sum() for x, y in pairs) / len(pairs))}


class Slow:
    """The same dataset, with a rest at each item, so that a kill falls anywhere in a step."""

    def __init__(self, dataset, rest):
        self.dataset, self.rest = dataset, rest

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        time.sleep(self.rest)
        return self.dataset[i]

    def __repr__(self):
        return repr(self.dataset)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("toy")
    parser.add_argument("checkpoint")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rest", type=float, default=0.0)
    parser.add_argument("--out")
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    model, dataset = make(given.toy)
    if given.rest:
        dataset = Slow(dataset, given.rest)
    print("ready", flush=True)
    history = train(
        model,
        dataset,
        steps=given.steps,
        checkpoint=given.checkpoint,
        resume=given.resume,
        **SETTINGS[given.toy],
    )
    if given.out:
        state = {k: v for k, v in model.state_dict().items() if torch.is_tensor(v)}
        torch.save({"weights": state, "rows": history.rows}, given.out)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
