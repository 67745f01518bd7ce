"""Look inside a network while it works: record what its named parts put out."""

import difflib

import torch
from torch import nn


def watch(model: nn.Module, *names: str, inputs: bool = False) -> "Watch":
    """Record the outputs of named sub-modules for the length of a `with` block.

        with show.watch(model, "backbone.fpn", "rpn.head") as seen:
            model([image])
        seen["backbone.fpn"]

    `names` are dotted, as in `model.named_modules()`. Tensors are detached and copied, so that what was seen
    stays as it was. The hooks are taken off at the end of the block, after an exception too.
    With `inputs=True`, `seen.inputs[name]` holds the positional arguments of the last call.

    Raises ValueError for a name that the model does not have, listing the closest ones that it has.
    """
    return Watch(model, names, inputs)


class Watch:
    """What `watch` returns. `seen[name]` is a part's last output, `seen.calls[name]` all of them."""

    def __init__(self, model: nn.Module, names: tuple[str, ...], inputs: bool = False):
        known = dict(model.named_modules())
        if not names:
            raise ValueError("names: expected at least one name of a sub-module, as in model.named_modules()")
        for name in names:
            if name not in known or name == "":
                raise ValueError(_unknown(name, model, known))
        self.modules = {name: known[name] for name in names}
        self.calls: dict[str, list] = {name: [] for name in names}
        self.inputs: dict[str, tuple] = {}
        self._keep_inputs = inputs
        self._handles = []

    def __enter__(self) -> "Watch":
        for name, module in self.modules.items():
            self._handles.append(module.register_forward_hook(self._hook(name)))
        return self

    def __exit__(self, *error) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def __getitem__(self, name: str):
        if name not in self.calls:
            raise KeyError(f"{name!r} is not watched; watched: {', '.join(self.calls)}")
        if not self.calls[name]:
            raise KeyError(f"{name!r} put nothing out: it did not run inside the `with` block")
        return self.calls[name][-1]

    def keys(self):
        """The watched names."""
        return self.calls.keys()

    def _hook(self, name):
        def record(module, args, output):
            self.calls[name].append(_copy(output))
            if self._keep_inputs:
                self.inputs[name] = _copy(args)

        return record


def _copy(value):
    """The value with every tensor in it detached and copied; dictionaries, lists and tuples are followed."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_copy, value))
    if isinstance(value, list | tuple):
        return type(value)(map(_copy, value))
    return value


def _unknown(name: str, model: nn.Module, known) -> str:
    names = [k for k in known if k]
    last = name.rsplit(".", 1)[-1]
    close = difflib.get_close_matches(name, names, n=3) + [k for k in names if k.rsplit(".", 1)[-1] == last]
    close = list(dict.fromkeys(close))[:5] or [k for k in names if "." not in k]
    return f"names: {type(model).__name__} has no part {name!r}; expected for example {', '.join(close)}"
