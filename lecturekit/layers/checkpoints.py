"""Loading of other people's weights: a wrong checkpoint is refused with its first wrong keys."""

import re
from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn


def check_state_dict(model: nn.Module, state_dict: Mapping[str, Tensor]) -> None:
    """Raises ValueError naming the first missing, unexpected and misshapen keys, if `state_dict` isn't for
    `model`.
    """
    if not isinstance(state_dict, Mapping) or not all(isinstance(v, Tensor) for v in state_dict.values()):
        raise ValueError(f"state_dict must map names to tensors, got a {type(state_dict).__name__}")
    own = model.state_dict()
    wrong = {
        "missing": [k for k in own if k not in state_dict],
        "unexpected": [k for k in state_dict if k not in own],
        "misshapen": [
            f"{k} {tuple(state_dict[k].shape)} instead of {tuple(v.shape)}"
            for k, v in own.items()
            if k in state_dict and state_dict[k].shape != v.shape
        ],
    }
    found = [
        f"{len(keys)} keys {kind}: {', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''}"
        for kind, keys in wrong.items()
        if keys
    ]
    if found:
        raise ValueError(f"state_dict does not fit {type(model).__name__}; " + "; ".join(found))


def load_official(
    make: Callable[[], nn.Module],
    state_dict: Mapping[str, Tensor],
    *,
    unused: Iterable[str] = (),
    rename: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict,
) -> nn.Module:
    """The model of `make()` with the weights of `state_dict`, in eval mode; keys that start like one of
    `unused` are skipped.

    The model is laid out without memory first, so that a wrong checkpoint is refused at once (see
    `check_state_dict`) and nothing is initialised for nothing. All its buffers must be in its state dict.
    """
    with torch.device("meta"):
        model = make()
    if isinstance(state_dict, Mapping):
        state_dict = {k: v for k, v in rename(state_dict).items() if not k.startswith(tuple(unused))}
    check_state_dict(model, state_dict)
    model.to_empty(device="cpu").load_state_dict(state_dict)
    return model.eval()


def load_parts(
    make: Callable[[], nn.Module],
    parts: Mapping[str, Mapping[str, Tensor] | None],
    renames: Mapping[str, Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]],
) -> nn.Module:
    """The model of `make()` in eval mode, each sub-module that `parts` names with the weights given for it.

    Authors of GANs publish a file for each network, often the generator's alone; what is None keeps its
    initial values. All files are checked before anything is initialised, as in `load_official`; `renames`
    gives the parts' functions for keys that differ from ours.
    """
    parts = {name: state for name, state in parts.items() if state is not None}
    for name in parts.keys() & renames.keys():
        if isinstance(parts[name], Mapping):
            parts[name] = renames[name](parts[name])
    with torch.device("meta"):
        layout = make()
    for name, state in parts.items():
        check_state_dict(layout.get_submodule(name), state)
    model = make()
    for name, state in parts.items():
        model.get_submodule(name).load_state_dict(state)
    return model.eval()


def renamed(state_dict: Mapping[str, Tensor], changes: Mapping) -> dict[str, Tensor]:
    """The tensors under other keys: `changes` are patterns and replacements, as of re.sub, used in turn."""
    for old, new in changes.items():
        state_dict = {re.sub(old, new, key): value for key, value in state_dict.items()}
    return dict(state_dict)


TORCHVISION_NAMES = {
    r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$": r"\1.0.\2",
    r"^(rpn\.head\.conv)\.(weight|bias)$": r"\1.0.0.\2",
    r"^(roi_heads\.mask_head)\.mask_fcn(\d)\.": lambda found: f"{found[1]}.{int(found[2]) - 1}.0.",
}


def torchvision_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The files that torchvision publishes name some convolutions otherwise than its present modules do."""
    return renamed(state_dict, TORCHVISION_NAMES)


YOLACT_NAMES = {
    r"^backbone\.layers\.(\d)": lambda key: f"backbone.layer{int(key[1]) + 1}",
    r"^fpn\.lat_layers\.(\d)": lambda key: f"fpn.lateral.c{5 - int(key[1])}",
    r"^fpn\.pred_layers\.(\d)": lambda key: f"fpn.p{5 - int(key[1])}.0",
    r"^fpn\.downsample_layers\.(\d)": lambda key: f"fpn.p{6 + int(key[1])}",
    r"^proto_net\.([024])\.": lambda key: f"prototypes.{int(key[1]) // 2}.0.",
    r"^proto_net\.8\.": "prototypes.4.0.",
    r"^proto_net\.10\.": "prototypes.5.",
    r"^prediction_layers\.0\.upfeature": "heads.shared",
    r"^prediction_layers\.0\.bbox_layer": "heads.boxes",
    r"^prediction_layers\.0\.conf_layer": "heads.classes",
    r"^prediction_layers\.0\.mask_layer": "heads.coefficients",
    r"^semantic_seg_conv": "semantic",
}


def yolact_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The keys of YOLACT's authors as ours, without the doubles and the idle layers of their early files."""
    idle = re.compile(r"backbone\.layer\d|fpn\.downsample_layers\.[2-9]")
    return renamed({k: v for k, v in state_dict.items() if not idle.match(k)}, YOLACT_NAMES)


YOLACT_EDGE_NAMES = {
    r"^fpn_phase_[12]\.": "fpn.",
    r"^spa\.refine_convs\.(\d)": lambda key: f"refine.p{4 + int(key[1])}",
    r"^flow_net_pre_convs\.convs\.0": "flow.reduce",
    r"^flow_net\.conv(\d)\.(\d)": lambda key: f"flow.encoder.{int(key[1]) - 1}.{key[2]}",
    r"^flow_net\.pred(\d)\.conv": r"flow_net.pred\1.flow",
    r"^flow_net\.pred(\d)": lambda key: f"flow.movers.{3 - int(key[1])}",
    r"^flow_net\.upfeat(\d)": lambda key: f"flow.up.{3 - int(key[1])}.features",
    r"^flow_net\.upflow(\d)": lambda key: f"flow.up.{3 - int(key[1])}.flow",
}


def yolact_edge_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The keys of YolactEdge's authors as ours."""
    return yolact_names(renamed(state_dict, YOLACT_EDGE_NAMES))


SRRESNET_NAMES = {
    r"^conv(_block)?1\.": "stem.",
    r"^trunk\.(\d+)\.rcb": r"blocks.\1.body",
    r"^conv(_block)?2\.": "merge.",
    r"^upsampling\.(\d)\.upsample_block": r"upsample.\1",
    r"^conv(_block)?3\.": "output.",
}


def srresnet_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The keys of the public SRResNet (in either of its spellings) as ours; others stay as they are."""
    return renamed(state_dict, SRRESNET_NAMES)


UNET_NAMES = (  # places in a level of the public U-Net, and in ours
    {"0": "down.{}.0", "3": "up.{}.1"},  # the outermost level
    {"1": "down.{}.1", "2": "down.{}.2", "5": "up.{}.1", "6": "up.{}.2"},
    {"1": "down.{}.1", "3": "up.{}.1", "4": "up.{}.2"},  # the innermost level
)


def unet_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The keys of Pix2Pix's U-Net, whose levels lie nested in each other, as ours, whose levels are lists."""
    path = re.compile(r"model((?:\.model\.\d)*)\.model\.(\d)\.(\w+)")
    found = {key: path.fullmatch(key) for key in state_dict}
    levels = {key: match[1].count("model") for key, match in found.items() if match}
    names = {}
    for key, level in levels.items():
        _, place, kind = found[key].groups()
        which = 0 if level == 0 else 2 if level == max(levels.values()) else 1
        if place in UNET_NAMES[which]:
            names[key] = f"{UNET_NAMES[which][place].format(level)}.{kind}"
    return {names.get(key, key): value for key, value in state_dict.items()}


RESNET_GENERATOR_NAMES = {
    r"^model\.(\d)\.": r"encoder.\1.",
    r"^model\.(\d+)\.conv_block": lambda key: f"blocks.{int(key[1]) - 10}.body",
    r"^model\.(\d\d)\.": lambda key: f"decoder.{int(key[1]) - 19}.",
}


def resnet_generator_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The keys of CycleGAN's generator with nine blocks as ours, without the statistics that early PyTorch
    kept of instance norms."""
    idle = re.compile(r"running_mean|running_var|num_batches_tracked")
    return renamed({k: v for k, v in state_dict.items() if not idle.search(k)}, RESNET_GENERATOR_NAMES)
