"""The training loop of the homework, the same for the student's notebook and for the grader.

It belongs to what is handed out: nothing here is a solution or a mark.
"""

import copy

import numpy as np
import torch
from torch import Tensor, nn

from lecturekit.homework.probes import Answers

STEPS = 2000  # that the grader trains for
BATCH = 64
RATE, MOMENTA = 2e-3, (0.5, 0.999)  # of both players' Adam
AVERAGE = 0.995  # how much of the running mean stays at each step
PARTS = ("Generator", "Discriminator", "train_step")


def train(
    generator_class,
    discriminator_class,
    train_step,
    images: Tensor,
    labels: Tensor,
    steps: int = STEPS,
    seed: int = 0,
    progress: bool = False,
) -> nn.Module | None:
    """A trained generator in eval mode; None, and a sentence, while a part of it isn't written yet.

    images [N, 1, 8, 8] in 0..1, labels [N]. What comes back is the running mean of the generator's weights:
    the two players circle around the solution, and the mean is nearer to it than either end of the circle.
    """
    torch.manual_seed(seed)
    try:
        return _train(generator_class, discriminator_class, train_step, images, labels, steps, progress)
    except NotImplementedError:
        print("No training yet: Generator, Discriminator, the losses and train_step come first.")
        return None


def _train(generator_class, discriminator_class, train_step, images, labels, steps, progress) -> nn.Module:
    generator, discriminator = generator_class(), discriminator_class()
    optimizers = [
        torch.optim.Adam(p.parameters(), RATE, MOMENTA, fused=True) for p in (generator, discriminator)
    ]
    mean = copy.deepcopy(generator).requires_grad_(False)
    for step in bar(range(steps), progress):
        batch = torch.randint(len(images), (BATCH,))
        train_step(generator, discriminator, *optimizers, images[batch], labels[batch])
        _follow(mean, generator, min(AVERAGE, step / (step + 10)))
    return mean.eval()


@torch.no_grad()
def _follow(mean: nn.Module, model: nn.Module, share: float) -> None:
    """Move the running mean on; buffers (of a batch norm) are already means."""
    for average, weight in zip(mean.parameters(), model.parameters(), strict=True):
        average.lerp_(weight, 1 - share)
    for average, value in zip(mean.buffers(), model.buffers(), strict=True):
        average.copy_(value)


def bar(steps, progress: bool):
    if not progress:
        return steps
    from tqdm.auto import tqdm

    return tqdm(steps, desc="training", unit=" steps")


def trained(namespace: dict, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Train the student's two players on the given pictures, and draw with the generator.

    An error on the way is an answer, too, as in probes.py.
    """
    torch.set_num_threads(1)
    torch.manual_seed(int(inputs["seed"]))
    images, labels, z, near_z, y = (
        torch.from_numpy(inputs[name].copy()) for name in ("images", "labels", "z", "near_z", "y")
    )
    try:
        parts = [namespace[name] for name in PARTS]
        generator = _train(*parts, images, labels, STEPS, progress=False)
        with torch.no_grad():
            drawn = {"x": generator(z, y), "again": generator(z, y), "near": generator(near_z, y)}
        return {name: x.detach().cpu().numpy() for name, x in drawn.items()}
    except Exception as error:  # whatever a student's code raises
        answers = Answers()
        answers.fail("x", error)
        return answers
