"""Everything that changes during a training: taken up from a checkpoint, written to one, handed over at the
end."""

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from lecturekit.training import checkpoint, processes
from lecturekit.training.history import History


@dataclass
class State:
    """`settings` are the facts that a checkpoint must share to be resumed; `step` counts the completed
    steps."""

    model: nn.Module
    optimisers: Mapping[str, torch.optim.Optimizer]
    follower: AveragedModel | None
    settings: Mapping[str, object]
    device: torch.device
    step: int = 0
    moved: bool = False  # whether a player has moved since `remember`
    history: History = field(default_factory=History)

    def save(self, path: Path) -> None:
        """Write the checkpoint (every process takes part, the first one writes)."""
        generators = processes.gather(checkpoint.generators(self.device))
        if processes.rank():
            return
        checkpoint.write(
            path,
            {
                "settings": dict(self.settings),
                "machine": machine(self.device),
                "step": self.step,
                "model": self.model.state_dict(),
                "average": self.follower and self.follower.module.state_dict(),
                "averaged": self.follower and int(self.follower.n_averaged),
                "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
                "generators": generators,
                "history": {"rows": self.history.rows, "seconds": self.history.seconds},
            },
        )

    def load(self, path: Path) -> None:
        """Go on from a checkpoint; ValueError when it belongs to another training."""
        saved = checkpoint.read(path)
        then, now = saved["settings"], self.settings
        if changed := [k for k in {**then, **now} if then.get(k) != now.get(k)]:
            facts = "; ".join(f"{k} was {then.get(k)!r} and is now {now.get(k)!r}" for k in changed)
            raise ValueError(f"checkpoint: {path} belongs to another training: {facts}")
        self.model.load_state_dict(saved["model"])
        if self.follower:
            self.follower.module.load_state_dict(saved["average"])
            self.follower.n_averaged.fill_(saved["averaged"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(saved["optimisers"][name])
        self.step, self.history = saved["step"], History(**saved["history"])
        if changed := {k: v for k, v in machine(self.device).items() if v != saved["machine"][k]}:
            facts = ", ".join(f"{k} {saved['machine'][k]} then and {v} now" for k, v in changed.items())
            warnings.warn(f"{path}: {facts}; the resumed run won't be the same bit for bit", stacklevel=3)
        if len(saved["generators"]) == processes.world():
            checkpoint.set_generators(saved["generators"][processes.rank()], self.device)

    def remember(self) -> tuple:
        """What a forward pass changes, to be put back by `undo`."""
        self.moved = False
        return checkpoint.generators(self.device), [buffer.clone() for buffer in self.model.buffers()]

    @torch.no_grad()
    def undo(self, remembered: tuple) -> None:
        generators, buffers = remembered
        checkpoint.set_generators(generators, self.device)
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)

    @torch.no_grad()
    def finish(self) -> None:
        """Leave the model in eval mode with the averaged weights, alike in all processes."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        if self.follower:
            source = self.follower.module
            for tensor, mean in zip(
                tensors, itertools.chain(source.parameters(), source.buffers()), strict=True
            ):
                tensor.copy_(mean)
        processes.from_first(tensors)
        self.model.eval()


def machine(device: torch.device) -> dict[str, object]:
    """What the last digits depend on beside the settings."""
    return {
        "threads": torch.get_num_threads(),
        "processes": processes.world(),
        "device": device.type,
        "torch": str(torch.__version__),
    }
