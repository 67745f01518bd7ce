"""What the test of several processes runs under torchrun: a few trainings, told to one file per process."""

import json
import signal
import sys
from pathlib import Path

import torch
from torch import nn
from training_toys import SETTINGS, Line, make

from lecturekit.training import Interrupted, NonFiniteLoss, checkpoint, processes, train

folder = Path(sys.argv[1])
told, written = {}, []
write = checkpoint.write
checkpoint.write = lambda path, state: (written.append(state["step"]), write(path, state))


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3, 1)

    def forward(self, x, y):
        return {"loss_fit": (self.line(x) - y).square().mean()}


class Happening(Line):
    """A line on which something happens to the second process alone, at its k-th sample."""

    def __getitem__(self, i):
        x, y = super().__getitem__(i)
        happening["samples"] += 1
        if processes.rank() == 1 and happening["samples"] == happening["at"]:
            if happening["what"] == "ctrl-c":
                signal.raise_signal(signal.SIGINT)
            else:
                x = x * float("nan")
        return x, y


happening = {"samples": 0, "at": 0, "what": ""}


def weights(model):
    return {k: v.double().sum().item() for k, v in model.state_dict().items() if torch.is_tensor(v)}


torch.set_num_threads(1)
with processes.joined(torch.device("cpu")):
    rank = processes.rank()
    torch.manual_seed(0)
    model = Plain()
    history = train(model, Line(noise=0.0), steps=20, **SETTINGS["line"])
    told["plain"] = {"weights": weights(model), "rows": history.rows}

    for toy in ("line", "ring"):
        model, dataset = make(toy)
        file = folder / f"{toy}.pt"
        history = train(model, dataset, steps=12, checkpoint=file, **SETTINGS[toy])
        told[toy] = {"weights": weights(model), "rows": history.rows, "written": list(written)}
        written.clear()

    happening |= {"samples": 0, "at": 6 * 4 + 2, "what": "ctrl-c"}  # in step 7
    model, _ = make("line")
    file = folder / "stopped.pt"
    try:
        train(model, Happening(), steps=12, checkpoint=file, **SETTINGS["line"])
    except Interrupted as stop:
        told["stopped at"] = len(stop.history)
    happening["what"] = ""
    model, _ = make("line", seed=5)
    history = train(model, Happening(), steps=12, checkpoint=file, resume=True, **SETTINGS["line"])
    told["resumed"] = {"weights": weights(model), "rows": history.rows}

    happening |= {"samples": 0, "at": 2 * 4 + 1, "what": "nan"}
    try:
        train(make("line")[0], Happening(), steps=12, **SETTINGS["line"])
    except NonFiniteLoss as stop:
        told["non-finite"] = [stop.step, stop.name]

    try:
        train(make("line")[0], Line(), steps=1, batch_size=3, progress=False)
    except ValueError as refused:
        told["uneven"] = str(refused)
    (folder / f"told{rank}.json").write_text(json.dumps(told))
