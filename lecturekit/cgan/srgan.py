"""SRGAN: photo-realistic super-resolution (Ledig et al. 2017, arXiv 1609.04802).

The regression of `super_resolution` is punished for every detail that is not the true one, so it draws none.
SRGAN adds a discriminator that only asks whether a picture looks real, which the mean of many pictures
doesn't. What is new: the perceptual loss = content loss + 0.001 * adversarial loss (equation 3), where the
content may be compared as features of a VGG network instead of pixels (equation 5), so that texture may
differ as long as it is the same kind of texture.

The content loss is the squared error of pixels; `vgg`, torchvision's `vgg19` state dict if the user has one,
makes it that of VGG's features. `paper()` is a widely used public pair of networks, see `super_resolution`.
The paper begins with a trained SRResNet: `generator.load_state_dict` takes that of a `SuperResolution`.
"""

from collections.abc import Mapping, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.cgan.super_resolution import SRResNet, check_pair, enlarge
from lecturekit.layers.checkpoints import load_parts, srresnet_names
from lecturekit.layers.gan import check_gan, discriminator_losses, gan_loss, still
from lecturekit.layers.pictures import normalise

VGG19 = {  # torchvision's numbers of the convolutions, and their channels
    **dict.fromkeys((0, 2), 64),
    **dict.fromkeys((5, 7), 128),
    **dict.fromkeys((10, 12, 14, 16), 256),
    **dict.fromkeys((19, 21, 23, 25, 28, 30, 32, 34), 512),
}
POOLED = (5, 10, 19, 28)  # of these, those that follow a max pooling
FEATURE_SCALE = 0.006  # brings the features' error to the size of the pixels' (section 3.2)


class Discriminator(nn.Module):
    """Pictures [B, 3, size, size] in 0..1 -> logits [B, 1] of being real (figure 4, below).

    Each of `widths` stands for two 3x3 convolutions, the second of them with stride 2.
    """

    def __init__(self, widths: tuple[int, ...], size: int, hidden: int):
        super().__init__()
        if size % 2 ** len(widths):
            raise ValueError(f"size must be a multiple of {2 ** len(widths)}, got {size}")
        layers, inputs = [], 3
        for width in widths:
            for stride in (1, 2):
                first = not layers
                layers.append(nn.Conv2d(inputs, width, 3, stride, 1, bias=first))
                layers += [] if first else [nn.BatchNorm2d(width)]
                layers.append(nn.LeakyReLU(0.2, inplace=True))
                inputs = width
        self.features = nn.Sequential(*layers)
        cells = (size // 2 ** len(widths)) ** 2
        self.classifier = nn.Sequential(
            nn.Linear(inputs * cells, hidden), nn.LeakyReLU(0.2, inplace=True), nn.Linear(hidden, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.features(x)  # [B, widths[-1], size/16, size/16]
        return self.classifier(x.flatten(1))  # [B, 1]


class VGGFeatures(nn.Module):
    """VGG19 up to its last ReLU, the paper's phi_5,4: [B, 3, H, W] -> [B, 512, H/16, W/16].

    `state_dict` is that of torchvision's vgg19, its classifier may be missing; ValueError for another one.
    The weights never learn, and are part of no state dict: they are the user's own.
    """

    def __init__(self, state_dict: Mapping[str, Tensor]):
        super().__init__()
        inputs = 3
        for number, width in VGG19.items():
            shapes = {"weight": (width, inputs, 3, 3), "bias": (width,)}
            for kind, shape in shapes.items():
                key = f"features.{number}.{kind}"
                if key not in state_dict or tuple(state_dict[key].shape) != shape:
                    got = tuple(state_dict[key].shape) if key in state_dict else "nothing"
                    raise ValueError(
                        f"vgg must be the state dict of torchvision's vgg19: "
                        f"{key} must have shape {shape}, got {got}"
                    )
                self.register_buffer(f"{kind}{number}", state_dict[key].detach().clone(), persistent=False)
            inputs = width

    def forward(self, pictures: Tensor) -> Tensor:
        x = normalise(pictures)
        for number in VGG19:
            if number in POOLED:
                x = F.max_pool2d(x, 2)
            weight, bias = getattr(self, f"weight{number}"), getattr(self, f"bias{number}")
            x = F.conv2d(x, weight, bias, padding=1).relu()
        return x


class SRGAN(nn.Module):
    """`upscale(images)` -> pictures four times as high and wide, in 0..1.

    A batch of training is (small [B, 3, size/4, size/4], large [B, 3, size, size]), both in 0..1; the players
    are the discriminator and the generator, in this order. `adversarial` weighs the discriminator's opinion
    in the generator's loss; at 0 nobody plays against it. Raises ValueError on anything else.
    """

    def __init__(
        self,
        *,
        channels: int = 64,
        blocks: int = 16,
        scale: int = 4,
        size: int = 96,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        hidden: int = 1024,
        adversarial: float = 1e-3,
        gan: str = "bce",
        vgg: Mapping[str, Tensor] | None = None,
    ):
        super().__init__()
        self.size, self.adversarial, self.gan = size, adversarial, check_gan(gan)
        self.generator = SRResNet(channels=channels, blocks=blocks, scale=scale)
        self.discriminator = Discriminator(widths, size, hidden)
        self.features = None if vgg is None else VGGFeatures(vgg)

    def players(self) -> dict[str, nn.Module]:
        """Whose turn it is, in order, and what each may move."""
        generator = {"generator": self.generator}
        return {"discriminator": self.discriminator, **generator} if self.adversarial else generator

    def losses(self, batch: tuple[Tensor, Tensor], player: str) -> dict[str, Tensor]:
        """The perceptual loss (equation 3) of the generator, or how well the discriminator tells."""
        small, large = check_pair(batch, self.generator.scale)
        if tuple(large.shape[2:]) != (self.size, self.size):
            raise ValueError(f"large must be {self.size} x {self.size} pixels, got {tuple(large.shape[2:])}")
        if player == "discriminator":
            with still(self.generator):
                fake = self.generator(small)
            return discriminator_losses(self.discriminator, large, fake, self.gan)
        fake = self.generator(small)
        losses = {"loss_content": self.content(fake, large)}
        if self.adversarial:
            with still(self.discriminator):
                logits = self.discriminator(fake)
            losses["loss_adversarial"] = self.adversarial * gan_loss(logits, True, self.gan)
        return losses

    def content(self, fake: Tensor, real: Tensor) -> Tensor:
        """The squared error of pixels (equation 4), or of VGG's features (equation 5)."""
        if self.features is None:
            return F.mse_loss(fake, real)
        return FEATURE_SCALE * F.mse_loss(self.features(fake), self.features(real))

    def upscale(self, images: Tensor | Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Pictures in 0..1 of any size, a batch [B, 3, H, W] or a list of [3, H, W]: the same, enlarged."""
        return enlarge(self, images)

    @classmethod
    def tiny(cls, **changes) -> "SRGAN":
        """The generator of `SuperResolution.tiny`, for patches of 64 pixels."""
        sizes = {"channels": 24, "blocks": 5, "size": 64, "widths": (16, 32, 64, 128), "hidden": 64}
        return cls(**sizes | changes)

    @classmethod
    def paper(cls, **changes) -> "SRGAN":
        """The public networks: SRResNet x4, patches of 96 pixels."""
        return cls(**changes)

    @classmethod
    def from_official(
        cls, state_dict: Mapping[str, Tensor], discriminator: Mapping[str, Tensor] | None = None, **changes
    ) -> "SRGAN":
        """`paper()` with a public generator's weights and, if given, the discriminator's, in eval mode;
        ValueError names the first wrong keys.
        """
        parts = {"generator": state_dict, "discriminator": discriminator}
        return load_parts(lambda: cls.paper(**changes), parts, {"generator": srresnet_names})
