"""Conditional Generative Adversarial Nets (Mirza and Osindero 2014, arXiv 1411.1784).

A GAN draws from p(x): it makes some picture, and nobody can say which. Here the generator and the
discriminator are told a condition y as well, the class, so that the game's solution is p(x | y) and the user
says what is drawn. Nothing else changes: a label enters each network by a hidden layer of its own, beside
that of the noise or of the picture. `conditional=False` leaves these layers out and is the plain GAN.

`paper()` has the layers of the paper's MNIST networks (section 4.1). Departures: the discriminator puts out
logits, and the generator plays the non-saturating game (Goodfellow et al. 2014, section 3). The paper says
neither how its weights began (here by PyTorch's defaults) nor where dropout stands (here after each hidden
layer).
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.checkpoints import load_official
from lecturekit.layers.gan import check_gan, discriminator_losses, gan_loss, variety
from lecturekit.layers.generators import check_pictures, evaluating


class Maxout(nn.Module):
    """Units that are the largest of several linear pieces (Goodfellow et al. 2013, arXiv 1302.4389)."""

    def __init__(self, inputs: int, units: int, pieces: int):
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(inputs, units * pieces)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(dim=2)  # [B, units]


class Generator(nn.Module):
    """Noise [B, Z] and one-hot labels [B, C] -> pictures [B, 1, size, size] in 0..1.

    `widths` are those of the noise's layer, the labels' and the joint one. Without `classes` labels are
    neither needed nor looked at.
    """

    def __init__(self, noise: int, classes: int, size: int, widths: tuple[int, int, int], dropout: float):
        super().__init__()
        own, condition, joint = widths
        self.size = size
        self.noise = nn.Sequential(nn.Linear(noise, own), nn.ReLU(), nn.Dropout(dropout))
        self.label = (
            nn.Sequential(nn.Linear(classes, condition), nn.ReLU(), nn.Dropout(dropout)) if classes else None
        )
        inputs = own + condition if classes else own
        self.joint = nn.Sequential(nn.Linear(inputs, joint), nn.ReLU(), nn.Dropout(dropout))
        self.output = nn.Linear(joint, size * size)

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.noise(noise)  # [B, own]
        if self.label is not None:
            x = torch.cat((x, self.label(labels)), dim=1)  # [B, own + condition]
        x = self.output(self.joint(x)).sigmoid()  # [B, size * size]
        return x.view(-1, 1, self.size, self.size)


class Discriminator(nn.Module):
    """Pictures [B, 1, size, size] and one-hot labels [B, C] -> logits [B, 1] of being a real pair.

    `layers` are (units, pieces) of the picture's maxout layer, the labels' and the joint one.
    """

    def __init__(self, classes: int, size: int, layers: tuple[tuple[int, int], ...], dropout: float):
        super().__init__()
        own, condition, joint = layers
        self.picture = nn.Sequential(Maxout(size * size, *own), nn.Dropout(dropout))
        self.label = nn.Sequential(Maxout(classes, *condition), nn.Dropout(dropout)) if classes else None
        inputs = own[0] + condition[0] if classes else own[0]
        self.joint = nn.Sequential(Maxout(inputs, *joint), nn.Dropout(dropout))
        self.output = nn.Linear(joint[0], 1)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        x = self.picture(pictures.flatten(1))  # [B, own]
        if self.label is not None:
            x = torch.cat((x, self.label(labels)), dim=1)  # [B, own + condition]
        return self.output(self.joint(x))  # [B, 1]


class ConditionalGAN(nn.Module):
    """`sample(labels, seed)` -> pictures [B, 1, size, size] in 0..1.

    A batch of training is (images [B, 1, size, size] in 0..1, labels [B] in 0..num_classes-1); the players
    are the discriminator and the generator, in this order. `gan` is one of "bce", "lsgan", "wgan". With
    `conditional=False` labels only say how many pictures are wanted. Raises ValueError on anything else.
    """

    def __init__(
        self,
        *,
        num_classes: int = 10,
        size: int = 28,
        noise: int = 100,
        generator_widths: tuple[int, int, int] = (200, 1000, 1200),
        discriminator_layers: tuple[tuple[int, int], ...] = ((240, 5), (50, 5), (240, 4)),
        dropout: tuple[float, float] = (0.5, 0.5),
        conditional: bool = True,
        gan: str = "bce",
    ):
        super().__init__()
        self.num_classes, self.size, self.noise_size, self.gan = num_classes, size, noise, check_gan(gan)
        classes = num_classes if conditional else 0
        self.generator = Generator(noise, classes, size, generator_widths, dropout[0])
        self.discriminator = Discriminator(classes, size, discriminator_layers, dropout[1])

    def players(self) -> dict[str, nn.Module]:
        """Whose turn it is, in order, and what each may move."""
        return {"discriminator": self.discriminator, "generator": self.generator}

    def losses(self, batch: tuple[Tensor, Tensor], player: str) -> dict[str, Tensor]:
        """The value function's terms (equation 2) of the discriminator, or of the generator."""
        images, labels = batch
        check_pictures(images, 1)
        if tuple(images.shape[2:]) != (self.size, self.size):
            raise ValueError(
                f"images must be {self.size} x {self.size} pixels, got {tuple(images.shape[2:])}"
            )
        condition = self.one_hot(labels)
        if len(condition) != len(images):
            raise ValueError(f"labels must be one for each image, got {len(condition)} for {len(images)}")
        fake = self.generator(self.noise(len(images)), condition)
        if player == "generator":
            return {"loss_adversarial": gan_loss(self.discriminator(fake, condition), True, self.gan)}
        return discriminator_losses(lambda x: self.discriminator(x, condition), images, fake, self.gan)

    def variety(self, batch: tuple[Tensor, Tensor]) -> float | None:
        """How much pictures of a batch's labels differ within a class, as a share of how much the real do."""
        images, labels = batch
        return variety(self.sample(labels), images, labels if self.generator.label else None)

    def sample(self, labels: Tensor | Sequence[int], seed: int = 0) -> Tensor:
        """A picture of each label in 0..num_classes-1: [B, 1, size, size] in 0..1; one seed, one result."""
        return self.generate(self.noise(len(self.one_hot(labels)), seed), labels)

    def generate(self, noise: Tensor, labels: Tensor | Sequence[int]) -> Tensor:
        """The pictures of given noise [B, Z] in 0..1 and labels [B]: for walks from noise to noise."""
        condition = self.one_hot(labels)
        if noise.shape != (len(condition), self.noise_size):
            raise ValueError(
                f"noise must have shape {(len(condition), self.noise_size)}, got {tuple(noise.shape)}"
            )
        with evaluating(self):
            return self.generator(noise, condition)

    def noise(self, count: int, seed: int | None = None) -> Tensor:
        """Uniform noise [count, Z] in 0..1, of a seed or of the global generator."""
        source = None if seed is None else torch.Generator().manual_seed(seed)
        return torch.rand(count, self.noise_size, generator=source).to(self.generator.output.weight.device)

    def one_hot(self, labels: Tensor | Sequence[int]) -> Tensor:
        """Labels [B] as rows with a single one, [B, num_classes]; ValueError for what is no label."""
        asked = f"labels must be a row of integers 0..{self.num_classes - 1}"
        try:
            row = torch.as_tensor(labels, device=self.generator.output.weight.device)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{asked}, got {labels!r}") from error
        if row.ndim != 1 or (len(row) and (row.is_floating_point() or row.dtype == torch.bool)):
            raise ValueError(f"{asked}, got {row.tolist()} ({row.dtype})")
        if len(row) and (row.amin() < 0 or row.amax() >= self.num_classes):
            raise ValueError(f"{asked}, got {row.tolist()}")
        return F.one_hot(row.long(), self.num_classes).float()

    @classmethod
    def tiny(cls, **changes) -> "ConditionalGAN":
        """For scikit-learn's handwritten digits of 8x8 pixels, by default with the Wasserstein loss.

        With the paper's own loss ("bce") a generator this small draws one picture of each class.
        """
        sizes = {
            "size": 8,
            "noise": 32,
            "generator_widths": (64, 64, 256),
            "discriminator_layers": ((128, 2), (32, 2), (128, 2)),
            "dropout": (0.0, 0.0),
            "gan": "wgan",
        }
        return cls(**sizes | changes)

    @classmethod
    def paper(cls, **changes) -> "ConditionalGAN":
        """The paper's networks for MNIST, 28x28 pixels."""
        return cls(**changes)

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor], **changes) -> "ConditionalGAN":
        """`paper()` with the weights of a state dict of its own, in eval mode; ValueError names the first
        wrong keys. The authors published none.
        """
        return load_official(lambda: cls.paper(**changes), state_dict)
