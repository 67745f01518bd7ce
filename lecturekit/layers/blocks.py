"""Small building blocks: convolution blocks and norms."""

import torch
from torch import Tensor, nn

NORMS = ("frozen", "batch", "group", "instance")


class FrozenBatchNorm2d(nn.Module):
    """Batch norm whose statistics, weight and bias are constants: y = x * scale + shift per channel.

    Detectors are trained with few pictures a step, too few for batch statistics, so those of the
    pretrained backbone are kept (He et al. 2017, section 3.1). All four vectors are buffers, no parameters.
    """

    def __init__(self, channels: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def _load_from_state_dict(self, state_dict, prefix, *args):
        state_dict.pop(f"{prefix}num_batches_tracked", None)  # a live norm's counter means nothing here
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}"


def norm_layer(kind: str, channels: int, eps: float = 1e-5) -> nn.Module:
    """A norm over `channels` by name: "frozen", "batch", "group" (8 channels a group), or "instance"
    (each picture's own statistics, no parameters)."""
    if kind == "frozen":
        return FrozenBatchNorm2d(channels, eps)
    if kind == "batch":
        return nn.BatchNorm2d(channels, eps)
    if kind == "group":
        return nn.GroupNorm(max(1, channels // 8), channels, eps)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, eps)
    raise ValueError(f"norm must be one of {', '.join(NORMS)}, got {kind!r}")


def conv_block(inputs: int, outputs: int, kernel: int = 3, *, relu: bool = True) -> nn.Sequential:
    """Convolution with bias that keeps the picture's size, then a ReLU unless told otherwise.

    Its parameters are named `0.weight` and `0.bias`, as in torchvision's detectors.
    """
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.ReLU(inplace=True)) if relu else nn.Sequential(conv)


def live_norms(module: nn.Module) -> None:
    """Turns every FrozenBatchNorm2d inside `module` into an nn.BatchNorm2d of the same state, and lets all
    parameters learn.
    """
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, FrozenBatchNorm2d):
                norm = nn.BatchNorm2d(len(child.weight), child.eps).to(child.weight)
                norm.load_state_dict(child.state_dict(), strict=False)
                setattr(parent, name, norm.train(child.training))
    module.requires_grad_()
