"""Pix2Pix: image-to-image translation (Isola, Zhu, Zhou, Efros 2017, arXiv 1611.07004).

The condition is a picture, and so is the answer: label map to street, edges to shoes, day to night. With
pairs of both, one recipe serves all of them. L1 alone compares with the one given answer and blurs where
there are several; a discriminator alone is content with any picture that looks real, and the user's intent
is lost. Pix2Pix minimises both (equation 4): the GAN loss + 100 * L1.

What is new: the discriminator sees the condition beside the picture, and only judges patches of it (PatchGAN:
L1 takes care of the large, it of the small); the generator is a U-Net, whose skips carry what condition and
answer share, such as edges, past the bottleneck.

`paper()` is the authors' PyTorch code: the discriminator's losses are halved, which slows it down.
Departures: in translation dropout is off and batch norm uses its running statistics, so that a picture is
translated alike whatever stands beside it; the paper keeps both as in training.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.layers.checkpoints import load_parts, unet_names
from lecturekit.layers.gan import (
    PatchGAN,
    check_gan,
    discriminator_losses,
    gan_loss,
    normal_weights,
    still,
    variety,
)
from lecturekit.layers.generators import check_pictures, each_picture, evaluating, signed, unsigned


class UNet(nn.Module):
    """Pictures [B, inputs, H, W] -> [B, outputs, H, W], both in -1..1; H and W multiples of 2^levels.

    `widths` are the channels of the levels, from the outermost one. Dropout stands where going up keeps the
    width, which is the generator's only noise (section 2.1).
    """

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], dropout: float):
        super().__init__()
        last = len(widths) - 1
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, width in enumerate(widths):
            above = widths[level - 1] if level else inputs
            down = nn.Conv2d(above, width, 4, 2, 1, bias=False)
            below = width if level == last else 2 * width  # the skip lies beside what comes from below
            up = nn.ConvTranspose2d(below, above if level else outputs, 4, 2, 1, bias=level == 0)
            if level == 0:
                self.down.append(nn.Sequential(down))
                self.up.append(nn.Sequential(nn.ReLU(), up, nn.Tanh()))
                continue
            # at 1x1 a norm would leave nothing of a single picture
            norm = [] if level == last else [nn.BatchNorm2d(width)]
            drop = [nn.Dropout(dropout)] if above == width and level < last else []
            self.down.append(nn.Sequential(nn.LeakyReLU(0.2), down, *norm))
            self.up.append(nn.Sequential(nn.ReLU(), up, nn.BatchNorm2d(above), *drop))
        normal_weights(self)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for down in self.down:
            x = down(x)  # [B, widths[level], H / 2^(level + 1), W / 2^(level + 1)]
            skips.append(x)
        x = self.up[-1](skips.pop())
        for up in reversed(self.up[:-1]):
            x = up(torch.cat((skips.pop(), x), dim=1))  # [B, widths[level - 1], H / 2^level, W / 2^level]
        return x


class Pix2Pix(nn.Module):
    """`translate(images)` -> pictures of the same size in 0..1.

    A batch of training is (conditions [B, inputs, H, W], answers [B, outputs, H, W]), pairs in 0..1; the
    players are the discriminator and the generator, in this order. `l1` and `adversarial` weigh the
    generator's losses: 0 leaves one out, and without the adversarial loss nobody plays against it. Raises
    ValueError on anything else.
    """

    def __init__(
        self,
        *,
        inputs: int = 3,
        outputs: int = 3,
        widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512, 512),
        dropout: float = 0.5,
        patch_width: int = 64,
        patch_layers: int = 3,
        l1: float = 100.0,
        adversarial: float = 1.0,
        gan: str = "bce",
    ):
        super().__init__()
        if not (l1 or adversarial):
            raise ValueError("l1 and adversarial can't both be 0: nothing would be learned")
        self.inputs, self.outputs, self.multiple = inputs, outputs, 2 ** len(widths)
        self.l1, self.adversarial, self.gan = l1, adversarial, check_gan(gan)
        self.generator = UNet(inputs, outputs, widths, dropout)
        self.discriminator = PatchGAN(inputs + outputs, width=patch_width, layers=patch_layers)

    def players(self) -> dict[str, nn.Module]:
        """Whose turn it is, in order, and what each may move."""
        generator = {"generator": self.generator}
        return {"discriminator": self.discriminator, **generator} if self.adversarial else generator

    def losses(self, batch: tuple[Tensor, Tensor], player: str) -> dict[str, Tensor]:
        """The generator's GAN loss and L1 (in -1..1, weighted), or how well the discriminator tells."""
        condition, real = self.check_pair(*batch)
        if player == "discriminator":
            with still(self.generator):
                fake = self.generator(condition)
            pair, false = torch.cat((condition, real), dim=1), torch.cat((condition, fake), dim=1)
            return discriminator_losses(self.discriminator, pair, false, self.gan, weight=0.5)
        fake, losses = self.generator(condition), {}
        if self.adversarial:
            with still(self.discriminator):
                logits = self.discriminator(torch.cat((condition, fake), dim=1))  # [B, 1, h, w]
            losses["loss_adversarial"] = self.adversarial * gan_loss(logits, True, self.gan)
        if self.l1:
            losses["loss_l1"] = self.l1 * F.l1_loss(fake, real)
        return losses

    def check_pair(self, condition: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        """Both as the networks see them, in -1..1; ValueError unless they fit together and lie in 0..1."""
        smallest = self.discriminator.smallest
        for name, pictures, channels in (
            ("conditions", condition, self.inputs),
            ("answers", answer, self.outputs),
        ):
            check_pictures(pictures, channels, name=name, multiple=self.multiple, smallest=smallest)
        if len(condition) != len(answer) or condition.shape[2:] != answer.shape[2:]:
            raise ValueError(
                f"answers must be pictures of the conditions' number and size {tuple(condition.shape)}, "
                f"got {tuple(answer.shape)}"
            )
        return signed(condition), signed(answer)

    def translate(self, images: Tensor | Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Conditions in 0..1, a batch [B, inputs, H, W] or a list of [inputs, H, W] -> answers in 0..1."""
        with evaluating(self):
            return each_picture(
                lambda x: unsigned(self.generator(signed(x))), images, self.inputs, multiple=self.multiple
            )

    def variety(self, batch: tuple[Tensor, Tensor]) -> float | None:
        """How much the answers to a batch's conditions differ, as a share of how much the true ones do."""
        conditions, answers = batch
        return variety(self.translate(conditions), answers)

    def judge(self, conditions: Tensor, answers: Tensor) -> Tensor:
        """How real the discriminator finds each patch, [B, 1, h, w] in 0..1 (for the "bce" loss)."""
        with evaluating(self):
            return self.discriminator(torch.cat(self.check_pair(conditions, answers), dim=1)).sigmoid()

    @classmethod
    def tiny(cls, **changes) -> "Pix2Pix":
        """For pictures of 64 pixels (and multiples); the discriminator judges patches of 34."""
        sizes = {"widths": (16, 32, 64, 64, 64, 64), "patch_width": 16, "patch_layers": 2}
        return cls(**sizes | changes)

    @classmethod
    def paper(cls, **changes) -> "Pix2Pix":
        """The authors' U-Net for 256 pixels and PatchGAN of 70."""
        return cls(**changes)

    @classmethod
    def from_official(
        cls, state_dict: Mapping[str, Tensor], discriminator: Mapping[str, Tensor] | None = None, **changes
    ) -> "Pix2Pix":
        """`paper()` with the authors' generator and, if given, discriminator (their files net_G and net_D),
        in eval mode; ValueError names the first wrong keys.
        """
        parts = {"generator": state_dict, "discriminator": discriminator}
        return load_parts(lambda: cls.paper(**changes), parts, {"generator": unet_names})
