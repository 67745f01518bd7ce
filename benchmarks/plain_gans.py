"""The networks of the lecture on conditional generation as one would write them down first.

No checks, no options, nothing shared; one step of training makes the fakes once and shows them to both
players. The same layers and losses as in `lecturekit.cgan`, and the same number of parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass
class Plain:
    """`nets` are trained by `step(first, second)`, a batch; `make(first)` gives pictures."""

    nets: nn.ModuleList
    step: Callable[[Tensor, Tensor], None]
    make: Callable[[Tensor], Tensor]


def adam(*nets: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam([p for net in nets for p in net.parameters()], lr=2e-4, betas=(0.5, 0.999))


def move(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def bce(logits: Tensor, real: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, real))


def play(judge, fool, real, fake, d, g, wasserstein=False, weight=1.0, share=1.0, rest=None) -> None:
    """Both players' turns. judge(x): logits; fool(x): the same, of the fakes with their gradient."""
    if wasserstein:
        mixed = torch.lerp(fake.detach(), real, torch.rand(len(real), 1, 1, 1)).requires_grad_()
        (slope,) = torch.autograd.grad(judge(mixed).sum(), mixed, create_graph=True)
        penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
        loss = judge(fake.detach()).mean() - judge(real).mean() + penalty
        move(d, loss)
        move(g, -fool(fake).mean())
        return
    move(d, share * (bce(judge(real), 1.0) + bce(judge(fake.detach()), 0.0)))
    loss = weight * bce(fool(fake), 1.0)
    move(g, loss if rest is None else loss + rest)


class DigitGenerator(nn.Module):
    def __init__(self, noise, a, b, c, size, dropout):
        super().__init__()
        self.size, self.dropout = size, dropout
        self.noise, self.label = nn.Linear(noise, a), nn.Linear(10, b)
        self.joint, self.output = nn.Linear(a + b, c), nn.Linear(c, size * size)

    def forward(self, z, y):
        def drop(x):
            return F.dropout(F.relu(x), self.dropout, self.training)

        x = torch.cat((drop(self.noise(z)), drop(self.label(y))), 1)
        return torch.sigmoid(self.output(drop(self.joint(x)))).view(-1, 1, self.size, self.size)


class DigitDiscriminator(nn.Module):
    def __init__(self, size, a, b, c, dropout):
        super().__init__()
        self.layers, self.dropout = (a, b, c), dropout
        self.picture, self.label = nn.Linear(size * size, a[0] * a[1]), nn.Linear(10, b[0] * b[1])
        self.joint, self.output = nn.Linear(a[0] + b[0], c[0] * c[1]), nn.Linear(c[0], 1)

    def forward(self, x, y):
        def maxout(x, layer):
            x = x.view(len(x), layer[0], layer[1]).max(2).values
            return F.dropout(x, self.dropout, self.training)

        a, b, c = self.layers
        x = torch.cat((maxout(self.picture(x.flatten(1)), a), maxout(self.label(y), b)), 1)
        return self.output(maxout(self.joint(x), c))


def conditional_gan(noise, widths, layers, size, dropout, wasserstein) -> Plain:
    generator = DigitGenerator(noise, *widths, size, dropout[0])
    discriminator = DigitDiscriminator(size, *layers, dropout[1])
    d, g = adam(discriminator), adam(generator)

    def step(images, labels):
        y = F.one_hot(labels, 10).float()
        fake = generator(torch.rand(len(images), noise), y)

        def judge(x):
            return discriminator(x, y)

        play(judge, judge, images, fake, d, g, wasserstein)

    def make(labels):
        return generator(torch.rand(len(labels), noise), F.one_hot(labels, 10).float())

    return Plain(nn.ModuleList([generator, discriminator]), step, make)


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.body(x)


def srresnet(channels: int, blocks: int) -> nn.Module:
    def conv():
        return nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def block():
        norms = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        return Residual(conv(), norms[0], nn.PReLU(), conv(), norms[1])

    def larger():
        return nn.Conv2d(channels, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.PReLU()

    trunk = Residual(*(block() for _ in range(blocks)), conv(), nn.BatchNorm2d(channels))
    head = nn.Conv2d(3, channels, 9, padding=4), nn.PReLU()
    return nn.Sequential(*head, trunk, *larger(), *larger(), nn.Conv2d(channels, 3, 9, padding=4))


def super_resolution(channels, blocks) -> Plain:
    generator = srresnet(channels, blocks)
    optimiser = adam(generator)

    def step(small, large):
        move(optimiser, F.mse_loss(generator(small), large))

    return Plain(nn.ModuleList([generator]), step, lambda x: generator(x).clamp(0, 1))


def srgan(channels, blocks, widths, hidden, size) -> Plain:
    generator, layers, inputs = srresnet(channels, blocks), [], 3
    for width in widths:
        for stride in (1, 2):
            layers.append(nn.Conv2d(inputs, width, 3, stride, 1, bias=not layers))
            layers += [nn.BatchNorm2d(width)] if len(layers) > 1 else []
            layers.append(nn.LeakyReLU(0.2))
            inputs = width
    layers += [nn.Flatten(), nn.Linear(inputs * (size // 16) ** 2, hidden), nn.LeakyReLU(0.2)]
    discriminator = nn.Sequential(*layers, nn.Linear(hidden, 1))
    d, g = adam(discriminator), adam(generator)

    def step(small, large):
        fake = generator(small)
        rest = F.mse_loss(fake, large)
        play(discriminator, discriminator, large, fake, d, g, weight=1e-3, rest=rest)

    return Plain(nn.ModuleList([generator, discriminator]), step, lambda x: generator(x).clamp(0, 1))


class Skip(nn.Module):
    """A level of the U-Net around the levels below it."""

    def __init__(self, outer, width, inner=None, outermost=False, dropout=0.0):
        super().__init__()
        down = nn.Conv2d(outer, width, 4, 2, 1, bias=False)
        up = nn.ConvTranspose2d(2 * width if inner else width, outer, 4, 2, 1, bias=outermost)
        if outermost:
            layers = [down, inner, nn.ReLU(), up, nn.Tanh()]
        elif inner is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, nn.BatchNorm2d(outer)]
        else:
            layers = [
                nn.LeakyReLU(0.2),
                down,
                nn.BatchNorm2d(width),
                inner,
                nn.ReLU(),
                up,
                nn.BatchNorm2d(outer),
            ]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.outermost, self.model = outermost, nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat((x, self.model(x)), 1)


def patchgan(inputs: int, width: int, layers: int, norm) -> nn.Module:
    bias = norm is nn.InstanceNorm2d
    widths = [width * 2 ** min(i, 3) for i in range(layers + 1)]
    parts = [nn.Conv2d(inputs, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    for i in range(1, layers + 1):
        conv = nn.Conv2d(widths[i - 1], widths[i], 4, 2 if i < layers else 1, 1, bias=bias)
        parts += [conv, norm(widths[i]), nn.LeakyReLU(0.2)]
    return nn.Sequential(*parts, nn.Conv2d(widths[-1], 1, 4, 1, 1))


def pix2pix(widths, patch_width, patch_layers) -> Plain:
    generator = None
    for outer, width in zip(reversed((3, *widths[:-1])), reversed(widths), strict=True):
        dropout = 0.5 if outer == width and generator is not None else 0.0
        generator = Skip(outer, width, generator, outer == 3, dropout)
    discriminator = patchgan(6, patch_width, patch_layers, nn.BatchNorm2d)
    d, g = adam(discriminator), adam(generator)

    def step(condition, real):
        condition, real = 2 * condition - 1, 2 * real - 1
        fake = generator(condition)

        def judge(x):
            return discriminator(torch.cat((condition, x), 1))

        play(judge, judge, real, fake, d, g, share=0.5, rest=100 * F.l1_loss(fake, real))

    def make(x):
        return (generator(2 * x - 1) + 1) / 2

    return Plain(nn.ModuleList([generator, discriminator]), step, make)


def resnet(width: int, blocks: int) -> nn.Module:
    def conv(inputs, outputs, kernel, stride=1):
        return [
            nn.Conv2d(inputs, outputs, kernel, stride, stride // 2),
            nn.InstanceNorm2d(outputs),
            nn.ReLU(),
        ]

    def block():
        inner = conv(4 * width, 4 * width, 3), conv(4 * width, 4 * width, 3)[:-1]
        return Residual(nn.ReflectionPad2d(1), *inner[0], nn.ReflectionPad2d(1), *inner[1])

    def larger(inputs):
        up = nn.ConvTranspose2d(inputs, inputs // 2, 3, 2, 1, output_padding=1)
        return up, nn.InstanceNorm2d(inputs // 2), nn.ReLU()

    down = *conv(3, width, 7), *conv(width, 2 * width, 3, 2), *conv(2 * width, 4 * width, 3, 2)
    up = *larger(4 * width), *larger(2 * width)
    last = nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()
    return nn.Sequential(nn.ReflectionPad2d(3), *down, *(block() for _ in range(blocks)), *up, *last)


def cyclegan(width, blocks, patch_width, patch_layers) -> Plain:
    to_b, to_a = resnet(width, blocks), resnet(width, blocks)
    of_a, of_b = (patchgan(3, patch_width, patch_layers, nn.InstanceNorm2d) for _ in range(2))
    g, d = adam(to_a, to_b), adam(of_a, of_b)

    def squares(x, real):
        return F.mse_loss(x, torch.full_like(x, real))

    def step(a, b):
        a, b = 2 * a - 1, 2 * b - 1
        fake_b, fake_a = to_b(a), to_a(b)
        loss = squares(of_b(fake_b), 1.0) + squares(of_a(fake_a), 1.0)
        loss = loss + 10 * (F.l1_loss(to_a(fake_b), a) + F.l1_loss(to_b(fake_a), b))
        loss = loss + 5 * (F.l1_loss(to_a(a), a) + F.l1_loss(to_b(b), b))
        move(g, loss)
        loss = squares(of_a(a), 1.0) + squares(of_a(fake_a.detach()), 0.0)
        loss = loss + squares(of_b(b), 1.0) + squares(of_b(fake_b.detach()), 0.0)
        move(d, 0.5 * loss)

    def make(x):
        return (to_b(2 * x - 1) + 1) / 2

    return Plain(nn.ModuleList([to_a, to_b, of_a, of_b]), step, make)
