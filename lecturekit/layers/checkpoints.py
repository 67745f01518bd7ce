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
