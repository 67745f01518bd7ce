"""Between a user's pictures and a network that makes pictures: checks, ranges, eval mode."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

SLACK = 1e-3  # by which rounding may leave 0..1


def check_pictures(
    pictures: Tensor, channels: int = 3, *, name: str = "images", multiple: int = 1, smallest: int = 1
) -> Tensor:
    """`pictures` as they came; ValueError unless they are a float tensor [B, channels, H, W] in 0..1.

    H and W must be multiples of `multiple` and at least `smallest`.
    """
    if not isinstance(pictures, Tensor):
        raise ValueError(
            f"{name} must be a float tensor [B, {channels}, H, W], got {type(pictures).__name__}"
        )
    shape = tuple(pictures.shape)
    if pictures.ndim != 4 or shape[1] != channels or 0 in shape:
        raise ValueError(f"{name} must have shape [B, {channels}, H, W], got {shape}")
    if not pictures.is_floating_point():
        raise ValueError(f"{name} must be a float tensor with values 0..1, got {pictures.dtype}")
    low, high = (float(v) for v in pictures.detach().aminmax())
    if not (low >= -SLACK and high <= 1 + SLACK):  # also when one of them is not a number
        raise ValueError(f"{name} must have values 0..1, got {low:g} to {high:g}")
    if any(side % multiple or side < smallest for side in shape[2:]):
        least = f" of at least {smallest}" if smallest > multiple else ""
        raise ValueError(
            f"{name}: height and width must be multiples of {multiple}{least} pixels, "
            f"got {shape[2]} x {shape[3]}"
        )
    return pictures


def each_picture(
    network: Callable[[Tensor], Tensor], images: Tensor | Sequence[Tensor], channels: int = 3, **sizes: int
) -> Tensor | list[Tensor]:
    """`network` on a batch [B, C, H, W], or one by one on a list of pictures [C, H, W] of differing sizes.

    Raises ValueError as `check_pictures`, to which `sizes` go, naming the picture of a list.
    """
    if not isinstance(images, (list, tuple)):
        return network(check_pictures(images, channels, **sizes))
    for i, image in enumerate(images):
        if not isinstance(image, Tensor) or image.ndim != 3:
            got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
            raise ValueError(f"images[{i}] must be a float tensor [{channels}, H, W], got {got}")
        check_pictures(image[None], channels, name=f"images[{i}]", **sizes)
    return [network(image[None])[0] for image in images]


def signed(pictures: Tensor) -> Tensor:
    """0..1, as users see pictures, to -1..1, as a generator's tanh makes them."""
    return 2 * pictures - 1


def unsigned(pictures: Tensor) -> Tensor:
    """-1..1 to 0..1."""
    return (pictures + 1) / 2


@contextlib.contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Inside, `model` is in eval mode and keeps no gradients; afterwards each module is in its mode again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode
