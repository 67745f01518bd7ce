"""YolactEdge: real-time instance segmentation on the edge (Liu et al. 2020, arXiv 2012.12259).

The frames of a video are much alike. YolactEdge runs the whole of YOLACT on every fifth frame only, the key
frames. Of a frame in between it computes the backbone's first half, up to C3; a light flow net compares that
with the key frame's and says how the deeper levels of the pyramid, P4 and P5, have moved and changed since.
They are warped instead of computed. P3, where the details are, is made from the present frame (section 3.2,
partial feature transform).

`paper()` is the authors' public network for YouTube-VIS's 40 classes, without its conversion to TensorRT. Its
files hold a third predictor of flow, for P3, which partial transform leaves idle.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lecturekit.instance.yolact import YOLACT
from lecturekit.layers.backbones import ResNet
from lecturekit.layers.checkpoints import load_official, yolact_edge_names
from lecturekit.layers.fpn import resize_like
from lecturekit.layers.pictures import check_images, check_targets

UNIT = 8  # a flow of 8 is half the picture's side


def leaky_conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution and LeakyReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


def warp(x: Tensor, flow: Tensor) -> Tensor:
    """Maps x [B, C, h, w] read bilinearly where `flow` [B, 2, h, w] points to from each pixel; outside is 0.

    A flow (x, y) of 16 is as long as the map's side, from its first pixel's centre to its last.
    """
    still = x.new_tensor([[[1, 0, 0], [0, 1, 0]]]).expand(len(x), 2, 3)
    grid = F.affine_grid(still, list(x.shape), align_corners=True) + flow.permute(0, 2, 3, 1) / UNIT
    return F.grid_sample(x, grid, padding_mode="zeros", align_corners=True)


def true_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """A picture's flow [2, H, W] in pixels as `warp` takes it for a map of `size` (h, w): [2, h, w]."""
    (height, width), (h, w) = flow.shape[1:], size
    units = flow.new_tensor([2 * UNIT * w / width / max(w - 1, 1), 2 * UNIT * h / height / max(h - 1, 1)])
    return F.adaptive_avg_pool2d(flow, size) * units[:, None, None]


class Move(NamedTuple):
    """How a key frame's level becomes the current frame's: flow [B, 2, h, w]; scale, bias [B, C, h, w]."""

    flow: Tensor
    scale: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        return warp(x, self.flow) * self.scale + self.bias


class Mover(nn.Module):
    """Predicts a Move; untrained, it leaves nearly everything as and where it was."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.flow = nn.Conv2d(inputs, 2, 3, padding=1, bias=False)
        self.scale = nn.Conv2d(inputs, outputs, 1)
        self.bias = nn.Conv2d(inputs, outputs, 1)
        for conv in (self.flow, self.scale, self.bias):
            nn.init.normal_(conv.weight, std=1e-3)
        nn.init.ones_(self.scale.bias)
        nn.init.zeros_(self.bias.bias)

    def forward(self, x: Tensor) -> Move:
        return Move(self.flow(x), self.scale(x), self.bias(x))


class FlowNet(nn.Module):
    """FeatFlowNet (section 3.2): a small FlowNet that compares features instead of pictures.

    An encoder of three strides, each twice as wide as the one before, and back by upsampling. `movers` says
    for how many levels it predicts, of `channels` channels, the coarsest first.
    """

    def __init__(self, channels: int, width: int, movers: int):
        super().__init__()
        self.reduce = leaky_conv(channels, width)
        widths = (width, 2 * width, 4 * width)
        self.encoder = nn.ModuleList(
            nn.Sequential(leaky_conv(before, own, 1 if i == 0 else 2), leaky_conv(own, own))
            for i, (before, own) in enumerate(zip((2 * width, *widths), widths, strict=False))
        )
        inputs = [widths[-1], *(2 * own + 2 for own in widths[-2::-1])][:movers]
        self.movers = nn.ModuleList(Mover(count, channels) for count in inputs)
        self.up = nn.ModuleList(
            nn.ModuleDict(
                {
                    "features": nn.Conv2d(count, own, 3, padding=1, bias=False),
                    "flow": nn.Conv2d(2, 2, 3, padding=1, bias=False),
                }
            )
            for count, own in zip(inputs[:-1], widths[-2::-1], strict=False)
        )
        for part in (self.reduce, self.encoder, self.up):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, a=0.1)

    def forward(self, current: Tensor, key: Tensor, levels: int) -> list[Move]:
        """The moves of the `levels` coarsest levels, coarsest first.

        current, key [B, width, h, w]: what `reduce` made of the frames' C3.
        """
        maps, x = [], torch.cat((current, key), dim=1)
        for encode in self.encoder:
            maps.append(x := encode(x))  # [B, width, h, w], then twice as wide, half as large
        moves = [self.movers[0](x)]
        for i, fine in enumerate(maps[-2::-1][: levels - 1]):
            features = self.up[i]["features"](resize_like(x, fine))
            flow = self.up[i]["flow"](resize_like(moves[-1].flow, fine))
            x = torch.cat((fine, features, flow), dim=1)
            moves.append(self.movers[i + 1](x))
        return moves


class Key(NamedTuple):
    """What B key frames leave to the frames after them."""

    motion: Tensor  # [B, width, h, w]: what the flow net compares
    sums: list[Tensor]  # the pyramid's sums [B, channels, h, w], finest first


class State(NamedTuple):
    """What a frame leaves to the next one: its key frame, its number (from 0), its (height, width)."""

    key: Key
    number: int
    size: tuple[int, int]


def check_flows(targets: list[dict[str, Tensor]], images: list[Tensor]) -> None:
    """Raises ValueError unless every `flow` there is a float tensor [2, H, W], as large as its picture."""
    for i, (target, image) in enumerate(zip(targets, images, strict=True)):
        flow, shape = target.get("flow"), (2, *image.shape[1:])
        is_tensor = isinstance(flow, Tensor)
        if flow is not None and not (is_tensor and flow.shape == shape and flow.is_floating_point()):
            got = f"{tuple(flow.shape)}, {flow.dtype}" if is_tensor else type(flow).__name__
            raise ValueError(f"targets[{i}]['flow'] must be a float tensor of shape {shape}, got {got}")


def flow_loss(flows: list[Tensor], truths: list[Tensor | None]) -> Tensor:
    """The mean squared error of predicted flows, in `warp`'s unit, over levels and pictures.

    flows [B, 2, h, w] of each level; truths: each picture's flow [2, H, W] in pixels, None where unknown.
    Squared, since most places hardly move: absolute errors would teach to predict no flow at all.
    """
    known = [(i, truth) for i, truth in enumerate(truths) if truth is not None]
    errors = [(flow[i] - true_flow(t, flow.shape[2:])).square().mean() for flow in flows for i, t in known]
    return torch.stack(errors).mean()


class YolactEdge(YOLACT):
    """YOLACT for clips; its detections, targets, losses and errors are YOLACT's.

    Training mode: `model(images, targets)` takes frames in pairs: key, current, key, current, ...; an odd
    last one is a key frame alone. Where a current frame's target has `flow`, float [2, H, W] (the way from
    each pixel to where its content was in the key frame: x, y in pixels), there is a `loss_flow`.

    Eval mode: `model(frames)` takes the frames of a clip in order; every `interval`-th is a key frame, and so
    is the first of a new size. `model.step(frame, state)` does the same frame by frame.

    The `transformed` coarsest levels are warped: 2 are P4 and P5; with 3 the details of P3 are the key
    frame's, too. The flow net predicts for `movers` levels; what it has beyond `transformed` lies idle.
    """

    def __init__(
        self,
        backbone: ResNet,
        *,
        interval: int = 5,
        flow_width: int = 64,
        transformed: int = 2,
        movers: int = 2,
        flow_weight: float = 3.0,
        **sizes,
    ):
        super().__init__(backbone, **sizes)
        if transformed not in (2, 3):
            raise ValueError(f"transformed must be 2 or 3 levels, got {transformed!r}")
        self.interval, self.transformed, self.flow_weight = interval, transformed, flow_weight
        channels = self.semantic.in_channels
        self.flow = FlowNet(channels, flow_width, max(movers, transformed))
        for idle in (*self.flow.movers[transformed:], *self.flow.up[transformed - 1 :]):
            idle.requires_grad_(False)
        self.refine = nn.ModuleDict({name: leaky_conv(2 * channels, channels) for name in self.fpn.fine[1:]})
        for block in self.refine.values():
            nn.init.normal_(block[0].weight, std=1e-3)
            nn.init.zeros_(block[0].bias)

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None):
        check_images(images)
        if self.training:
            check_targets(targets, images, self.num_classes)
            check_flows(targets, images)
            order = [*range(0, len(images), 2), *range(1, len(images), 2)]  # key frames first
            batch = self.prepare([images[i] for i in order])
            return self.loss(self.pairs(batch), [targets[i] for i in order])
        predictions, state = [], None
        for frame in images:
            prediction, state = self.step(frame, state)
            predictions.append(prediction)
        return predictions

    def step(self, frame: Tensor, state: State | None = None) -> tuple[dict[str, Tensor], State]:
        """The next frame [3, H, W] of a clip: what is detected in it, and the state for the frame after it.

        `state` None starts a clip.
        """
        if self.interval < 1:
            raise ValueError(f"interval must be at least 1, got {self.interval}")
        check_images([frame])
        size = tuple(frame.shape[-2:])
        number = 0 if state is None or state.size != size else state.number + 1
        key = None if number % self.interval == 0 else state.key
        outputs = self.outputs(self.prepare([frame]), key)
        return self.decode(outputs, [size])[0], State(outputs["key"], number, size)

    def outputs(self, batch: Tensor, key: Key | None = None) -> dict:
        """YOLACT's named tensors of a normalised batch [B, 3, H, W] of key frames, or of frames after `key`.

        Beside them `key` (a Key: the frames' own or that which was given), and `flows`, the warped levels'
        [B, 2, h, w], coarsest first; none of a key frame.
        """
        c3 = self.shallow(batch)
        if key is None:
            key = self.key_frame(c3)
            sums, flows = key.sums, []
        else:
            sums, flows = self.follow(c3, key)
        return self.read(self.fpn.levels(sums)) | {"key": key, "flows": flows}

    def pairs(self, batch: Tensor) -> dict:
        """`outputs` of key frames and current frames at once: [K1, K2, ..., C1, C2, ...], for training."""
        count = len(batch) // 2
        c3, c3_current = self.shallow(batch).split([len(batch) - count, count])
        key = self.key_frame(c3)
        sums, flows = key.sums, []
        if count:
            own, flows = self.follow(c3_current, Key(key.motion[:count], [x[:count] for x in sums]))
            sums = [torch.cat(both) for both in zip(sums, own, strict=True)]
        return self.read(self.fpn.levels(sums)) | {"key": key, "flows": flows}

    def shallow(self, batch: Tensor) -> Tensor:
        """The backbone's first half, which every frame goes through: C3 [B, C, h, w]."""
        net = self.backbone
        return net.layer2(net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(batch))))))

    def key_frame(self, c3: Tensor) -> Key:
        """The rest of the backbone, and the pyramid's sums."""
        c4 = self.backbone.layer3(c3)
        laterals = self.fpn.laterals([c3, c4, self.backbone.layer4(c4)])
        return Key(self.flow.reduce(laterals[0]), self.fpn.sums(laterals))

    def follow(self, c3: Tensor, key: Key) -> tuple[list[Tensor], list[Tensor]]:
        """The pyramid's sums of frames after `key`, finest first, and the flows used, coarsest first."""
        (lateral,) = self.fpn.laterals([c3])
        moves = self.flow(self.flow.reduce(lateral), key.motion, self.transformed)
        sums = [move(x) for move, x in zip(moves, key.sums[::-1], strict=False)][::-1]
        if len(sums) < len(key.sums):
            sums = [lateral + resize_like(sums[0], lateral), *sums]
        for i, refine in enumerate(self.refine.values(), start=1):
            lateral = resize_like(lateral, sums[i])
            sums[i] = sums[i] + refine(torch.cat((sums[i], lateral), dim=1))
        return sums, [move.flow for move in moves]

    def loss(self, outputs: dict, targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """YOLACT's losses over all frames; the flows' where it is known. Flows are of the last frames."""
        losses = super().loss(outputs, targets)
        flows = outputs.get("flows", [])
        truths = [target.get("flow") for target in targets[-len(flows[0]) :]] if flows else []
        if any(truth is not None for truth in truths):
            losses["loss_flow"] = self.flow_weight * flow_loss(flows, truths)
        return losses

    @classmethod
    def tiny(cls, **changes) -> "YolactEdge":
        """`YOLACT.tiny` with a flow net of a quarter of the paper's width."""
        return super().tiny(**{"flow_width": 16} | changes)

    @classmethod
    def paper(cls, **changes) -> "YolactEdge":
        """The authors' `yolact_edge_vid_resnet50`: ResNet-50, 550 px, YouTube-VIS's 40 classes."""
        return super().paper(**{"num_classes": 41, "movers": 3} | changes)

    @classmethod
    def from_official(cls, state_dict: Mapping[str, Tensor], **changes) -> "YolactEdge":
        """`paper()` with the authors' weights, in eval mode; ValueError names the first wrong keys."""
        return load_official(lambda: cls.paper(**changes), state_dict, rename=yolact_edge_names)
