"""What adversarial networks share: losses, PatchGAN, the pool of old fakes, initial values."""

import contextlib
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lecturekit.layers.blocks import norm_layer

GANS = ("bce", "lsgan", "wgan")
PENALTY = 10.0  # weight of the WGAN's gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028)


def check_gan(kind: str) -> str:
    """`kind` as it came; ValueError unless it names a GAN loss."""
    if kind not in GANS:
        raise ValueError(f"gan must be one of {', '.join(GANS)}, got {kind!r}")
    return kind


def gan_loss(logits: Tensor, real: bool, kind: str = "bce") -> Tensor:
    """How far a discriminator's `logits`, of any shape, are from calling every entry real (or fake).

    "bce": cross-entropy of the logits (Goodfellow et al. 2014, 1406.2661); a generator that minimises it with
    real=True plays the non-saturating game. "lsgan": squared distance from 1 or 0 (Mao et al. 2016,
    1611.04076). "wgan": minus the mean score, or the mean score (Arjovsky et al. 2017, 1701.07875).
    """
    check_gan(kind)
    if kind == "wgan":
        return -logits.mean() if real else logits.mean()
    truth = torch.full_like(logits, float(real))
    return F.binary_cross_entropy_with_logits(logits, truth) if kind == "bce" else F.mse_loss(logits, truth)


def gradient_penalty(critic: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """What holds a WGAN's critic to slope 1 at `pictures` [B, ...]: 10 times the mean of (|slope| - 1)^2."""
    pictures = pictures.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(pictures).sum(), pictures, create_graph=True)
    length = (slope.flatten(1) + 1e-16).norm(dim=1)  # [B]; the root of 0 has no gradient
    return PENALTY * (length - 1).square().mean()


def discriminator_losses(
    discriminator: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    kind: str = "bce",
    weight: float = 1.0,
) -> dict[str, Tensor]:
    """A discriminator's turn: loss_real and loss_fake, times `weight`; for "wgan" also loss_penalty.

    `fake` is cut from the graph that made it, so that nothing of this reaches the generator. The penalty is
    taken at random places between real [B, ...] and fake.
    """
    fake = fake.detach()
    losses = {
        "loss_real": weight * gan_loss(discriminator(real), True, kind),
        "loss_fake": weight * gan_loss(discriminator(fake), False, kind),
    }
    if kind == "wgan":
        share = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
        losses["loss_penalty"] = gradient_penalty(discriminator, torch.lerp(fake, real, share))
    return losses


def variety(fake: Tensor, real: Tensor, labels: Tensor | None = None) -> float | None:
    """How much the fakes [B, ...] of a batch differ from each other, as a share of how much the real pictures
    do: 0 where one and the same comes out, whatever went in.

    The mean Euclidean distance over all pairs; with `labels` [B] over the pairs of one label. None where
    there is no pair, or the real pictures are all the same.
    """
    pairs = torch.ones(len(real), len(real), dtype=torch.bool, device=real.device).triu(1)
    if labels is not None:
        pairs &= labels[:, None] == labels
    own, theirs = (torch.cdist(x.flatten(1), x.flatten(1))[pairs].sum() for x in (fake, real))
    return float(own / theirs) if theirs > 0 else None


@contextlib.contextmanager
def still(module: nn.Module) -> Iterator[None]:
    """Inside, the batch norms of `module` normalise by the batch as ever, but don't take it into their
    running statistics: the turn of one player leaves the other as it was.
    """
    norms = [
        m for m in module.modules() if isinstance(m, _BatchNorm) and m.training and m.track_running_stats
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def normal_weights(module: nn.Module, deviation: float = 0.02) -> None:
    """Initial values of Pix2Pix and CycleGAN: weights normal with that deviation, around 0 in convolutions
    and around 1 in batch norms; biases 0.
    """
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d)):
            nn.init.normal_(layer.weight, float(isinstance(layer, nn.BatchNorm2d)), deviation)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class PatchGAN(nn.Module):
    """A discriminator that judges patches (Isola et al. 2017, section 3.2.2): a map of logits [B, 1, h, w].

    Every logit sees a patch of 70 pixels with three `layers` (the paper's), 34 with two, 16 with one; h is
    H / 2^layers - 2. A bias stands only where a norm doesn't supply it: `norm` is "batch" or "instance".
    """

    def __init__(self, inputs: int, *, width: int = 64, layers: int = 3, norm: str = "batch"):
        super().__init__()
        widths = [width * 2 ** min(i, 3) for i in range(layers + 1)]
        self.smallest = 3 * 2**layers  # the smallest height and width that leave a logit
        parts = [nn.Conv2d(inputs, widths[0], 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        for i in range(1, layers + 1):
            stride = 2 if i < layers else 1
            parts.append(nn.Conv2d(widths[i - 1], widths[i], 4, stride, 1, bias=norm == "instance"))
            parts += [norm_layer(norm, widths[i]), nn.LeakyReLU(0.2, inplace=True)]
        self.model = nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, 1, 1))
        normal_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)  # [B, 1, H / 2^layers - 2, W / 2^layers - 2]


class ImagePool(nn.Module):
    """The last fakes, or older ones in their stead (Shrivastava et al. 2016, arXiv 1612.07828, section 2.3).

    A discriminator that only sees the newest fakes forgets the older tricks, and the two may run in circles.
    In training mode the pictures are the module's extra state, so that a checkpoint has them; the weights of
    a trained model go without.
    """

    def __init__(self, size: int = 50):
        super().__init__()
        self.size = size
        self.pictures: list[Tensor] = []

    def forward(self, fakes: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]: until the pool is full, each fake itself. From then on with
        probability 1/2 one from the pool, whose place the fake takes, and else the fake itself.
        """
        chosen = []
        for fake in fakes.detach():
            if len(self.pictures) < self.size:
                self.pictures.append(fake.clone())
            elif self.size and torch.rand(()) > 0.5:
                i = int(torch.randint(self.size, ()))
                self.pictures[i], fake = fake.clone(), self.pictures[i].to(fake.device)
            chosen.append(fake)
        return torch.stack(chosen)

    def get_extra_state(self) -> dict[str, list[Tensor]]:
        return {"pictures": list(self.pictures)}

    def set_extra_state(self, state: dict[str, list[Tensor]]) -> None:
        self.pictures = list(state["pictures"])

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if not (self.training and self.pictures):
            del destination[f"{prefix}_extra_state"]

    def _load_from_state_dict(self, state_dict, prefix, *args):
        state_dict.setdefault(f"{prefix}_extra_state", {"pictures": []})
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return f"{len(self.pictures)} of {self.size}"
