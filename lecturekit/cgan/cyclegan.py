"""CycleGAN: translation without pairs (Zhu, Park, Isola, Efros 2017, arXiv 1703.10593).

Pix2Pix needs each picture in both worlds. Mostly there are only two heaps: pictures by day, others by night.
A generator that a discriminator of night pictures believes makes night pictures, but perhaps always the same
one, whatever comes in. What is new is cycle consistency (equation 2): a second generator translates back,
and the picture that one began with must come out. The supervision is the input itself: self-supervision.

The losses (equation 3): two least-squares GAN losses + 10 * the L1 of both cycles. From section 5.2, "photo
generation from paintings", and on by default in the authors' code: + 5 * L1 of the identity, so that a
generator leaves alone what lies in its target world already and keeps colours. Discriminators are shown fakes
from a pool of 50, old and new ones (section 4).

`paper()` is the authors' PyTorch code: the generators move first, the discriminators' losses are halved.
Departure: the discriminators' turn makes its fakes anew, by the generators that have just moved.
"""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.blocks import norm_layer
from lecturekit.layers.checkpoints import load_parts, resnet_generator_names
from lecturekit.layers.gan import (
    ImagePool,
    PatchGAN,
    check_gan,
    discriminator_losses,
    gan_loss,
    normal_weights,
    variety,
)
from lecturekit.layers.generators import check_pictures, each_picture, evaluating, signed, unsigned


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution, instance norm and ReLU."""
    padding = 1 if stride > 1 else 0
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
    return [conv, norm_layer("instance", outputs), nn.ReLU(inplace=True)]


def enlarging(inputs: int, outputs: int) -> list[nn.Module]:
    """A transposed convolution to twice the height and width, instance norm and ReLU."""
    conv = nn.ConvTranspose2d(inputs, outputs, 3, 2, padding=1, output_padding=1)
    return [conv, norm_layer("instance", outputs), nn.ReLU(inplace=True)]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut; borders are reflected, so that none shows in the result."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1),
            *convolution(channels, channels, 3),
            nn.ReflectionPad2d(1),
            *convolution(channels, channels, 3)[:-1],
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResnetGenerator(nn.Module):
    """Pictures [B, 3, H, W] -> [B, 3, H, W], both in -1..1; H and W multiples of 4 (Johnson et al. 2016).

    Instance norm takes every picture's contrast away and with it its light (Ulyanov et al. 2016).
    """

    def __init__(self, *, width: int = 64, blocks: int = 9):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.ReflectionPad2d(3),
            *convolution(3, width, 7),
            *convolution(width, width * 2, 3, stride=2),
            *convolution(width * 2, width * 4, 3, stride=2),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(width * 4) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            *enlarging(width * 4, width * 2),
            *enlarging(width * 2, width),
            nn.ReflectionPad2d(3),
            nn.Conv2d(width, 3, 7),
            nn.Tanh(),
        )
        normal_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x)  # [B, 4 width, H/4, W/4]
        return self.decoder(self.blocks(x))  # [B, 3, H, W]


class CycleGAN(nn.Module):
    """`translate(images, to="night")` -> pictures of the same size in 0..1; `to` is one of the two `domains`.

    A batch of training is (pictures of the first domain [B, 3, H, W], pictures of the second [B, 3, H, W]) in
    0..1, whichever; the players are the generators and the discriminators, in this order. `cycle` weighs the
    cycles' losses, and `identity` times `cycle` the identities'; a weight of 0 leaves them out. The pools of
    old fakes are part of the model's extra state. Raises ValueError on anything else.
    """

    def __init__(
        self,
        *,
        domains: tuple[str, str] = ("day", "night"),
        width: int = 64,
        blocks: int = 9,
        patch_width: int = 64,
        patch_layers: int = 3,
        cycle: float = 10.0,
        identity: float = 0.5,
        pool: int = 50,
        gan: str = "lsgan",
    ):
        super().__init__()
        if len(set(domains)) != 2:
            raise ValueError(f"domains must be two different names, got {domains!r}")
        self.domains, self.cycle, self.identity, self.gan = tuple(domains), cycle, identity, check_gan(gan)
        sizes = {"width": patch_width, "layers": patch_layers, "norm": "instance"}
        self.generators = nn.ModuleDict({to: ResnetGenerator(width=width, blocks=blocks) for to in domains})
        self.discriminators = nn.ModuleDict({of: PatchGAN(3, **sizes) for of in domains})
        self.pools = nn.ModuleDict({of: ImagePool(pool) for of in domains})

    def players(self) -> dict[str, nn.Module]:
        """Whose turn it is, in order, and what each may move."""
        return {"generators": self.generators, "discriminators": self.discriminators}

    def losses(self, batch: tuple[Tensor, Tensor], player: str) -> dict[str, Tensor]:
        """The losses of `player` in both directions, each named after the domain whose pictures it judges."""
        real = self.check_pair(*batch)
        turn = self.generator_losses if player == "generators" else self.discriminator_losses
        return turn(real, *self.domains) | turn(real, *self.domains[::-1])

    def generator_losses(self, real: dict[str, Tensor], here: str, there: str) -> dict[str, Tensor]:
        """From `here` to `there` and back: is the fake believed, does the picture come back, and is one of
        `there` left alone? `real` holds both domains' pictures in -1..1.
        """
        fake = self.generators[there](real[here])  # [B, 3, H, W]
        losses = {f"loss_adversarial_{there}": gan_loss(self.discriminators[there](fake), True, self.gan)}
        if self.cycle:
            restored = self.generators[here](fake)
            losses[f"loss_cycle_{here}"] = self.cycle * F.l1_loss(restored, real[here])
        if weight := self.cycle * self.identity:
            same = self.generators[there](real[there])
            losses[f"loss_identity_{there}"] = weight * F.l1_loss(same, real[there])
        return losses

    def discriminator_losses(self, real: dict[str, Tensor], here: str, there: str) -> dict[str, Tensor]:
        """The true pictures of `there` against fakes made of those of `here`, old and new ones."""
        fake = self.pools[there](self.generators[there](real[here]))
        losses = discriminator_losses(self.discriminators[there], real[there], fake, self.gan, weight=0.5)
        return {f"{name}_{there}": loss for name, loss in losses.items()}

    def check_pair(self, *batch: Tensor) -> dict[str, Tensor]:
        """Both domains' pictures as the networks see them, in -1..1; ValueError unless they lie in 0..1."""
        smallest = max(patch.smallest for patch in self.discriminators.values())
        return {
            domain: signed(check_pictures(pictures, name=f"{domain} pictures", multiple=4, smallest=smallest))
            for domain, pictures in zip(self.domains, batch, strict=True)
        }

    def translate(self, images: Tensor | Sequence[Tensor], to: str | None = None) -> Tensor | list[Tensor]:
        """Pictures of the other domain, a batch [B, 3, H, W] or a list of [3, H, W], as pictures of the
        domain `to` (the second one by default), all in 0..1. H and W must be multiples of 4, at least 8.
        """
        to = self.domains[1] if to is None else to
        if to not in self.domains:
            raise ValueError(f"to must be one of {', '.join(self.domains)}, got {to!r}")
        with evaluating(self):
            return each_picture(
                lambda x: unsigned(self.generators[to](signed(x))), images, multiple=4, smallest=8
            )

    def variety(self, batch: tuple[Tensor, Tensor]) -> float | None:
        """How much the translations of a batch's pictures differ, as a share of how much the pictures of that
        domain do: of the two directions the lesser.
        """
        pairs = zip(batch, batch[::-1], self.domains[::-1], strict=True)
        found = [variety(self.translate(here, to=to), there) for here, there, to in pairs]
        return None if None in found else min(found)

    @classmethod
    def tiny(cls, **changes) -> "CycleGAN":
        """For pictures of 64 pixels; the discriminators judge patches of 34."""
        return cls(**{"width": 16, "blocks": 4, "patch_width": 16, "patch_layers": 2} | changes)

    @classmethod
    def paper(cls, **changes) -> "CycleGAN":
        """The authors' networks: generators with nine blocks, PatchGANs of 70."""
        return cls(**changes)

    @classmethod
    def from_official(
        cls,
        state_dict: Mapping[str, Tensor],
        g_b: Mapping[str, Tensor] | None = None,
        d_a: Mapping[str, Tensor] | None = None,
        d_b: Mapping[str, Tensor] | None = None,
        **changes,
    ) -> "CycleGAN":
        """`paper()` with the weights of the authors' files, in eval mode; ValueError names the first wrong
        keys.

        Theirs: net_G_A, the first argument, translates to the second domain, and net_D_A judges its fakes;
        net_G_B translates back, judged by net_D_B. A part without a file keeps its initial values.
        """
        first, second = changes.get("domains", ("day", "night"))
        generators = {f"generators.{second}": state_dict, f"generators.{first}": g_b}
        discriminators = {f"discriminators.{second}": d_a, f"discriminators.{first}": d_b}
        renames = dict.fromkeys(generators, resnet_generator_names)
        return load_parts(lambda: cls.paper(**changes), generators | discriminators, renames)
