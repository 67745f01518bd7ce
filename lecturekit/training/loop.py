"""The one training loop: from the first step or from a checkpoint, in one process or in several."""

import contextlib
import hashlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import nn

from lecturekit.training import checkpoint as files
from lecturekit.training import parts, processes
from lecturekit.training.game import NonFiniteLoss, Turn, gradients, players
from lecturekit.training.history import History
from lecturekit.training.state import State
from lecturekit.training.watchdog import Watchdog


class Interrupted(KeyboardInterrupt):
    """Ctrl-C ended the training after a whole step. The model is as if the training had ended there, and the
    checkpoint (if one was asked for) can be resumed. Attribute: `history`."""

    def __init__(self, message: str, history: History):
        super().__init__(message)
        self.history = history


def train(
    model: nn.Module,
    dataset,
    *,
    steps: int,
    batch_size: int,
    lr: float | Mapping[str, float] = 1e-3,
    weight_decay: float = 1e-4,
    warmup: int = 0,
    clip: float = 0.0,
    average: float = 0.0,
    schedule: Callable[[int, int, int], float] = parts.cosine,
    optimiser: Callable | Mapping[str, Callable] = parts.adamw,
    seed: int = 0,
    collate: Callable | None = None,
    checkpoint: str | Path | None = None,
    every: int = 50,
    resume: bool = False,
    progress: bool = True,
    device: str | torch.device | None = None,
    about: Mapping[str, str] | None = None,
) -> History:
    """Train `model` on `dataset` for `steps` steps, in each of which every player moves once on the same
    batch.

    On return the model is in eval mode and carries the averaged weights (if `average`). The global random
    generators start from `seed` and are afterwards as they were before the call.

    dataset: has a length and items; `collate` makes a batch of a list of items (torch's default_collate by
        default).
    batch_size: samples a step, over all processes together.
    lr, optimiser: for all players, or by player's name; `optimiser(parameters, lr, weight_decay)` makes one.
    schedule: `schedule(step, steps, warmup)` is the factor of the learning rate.
    clip: the largest norm of a player's gradient; 0 leaves it alone.
    average: decay of the exponential moving average of the weights, 0 for none.
    checkpoint, every, resume: the file is written every so many steps, at the end, and at Ctrl-C (which ends
        the training after the step under way by raising Interrupted; a second Ctrl-C stops at once). With
        `resume` training goes on from it, bit for bit at the same thread count, also after kill -9; without,
        a file that is already there is renamed to NAME.before. A model with state outside its state dict (an
        image pool, say) hands it over by torch's get_extra_state and set_extra_state.
    device: where to train; where the model is by default.
    about: further facts that a checkpoint must share to be resumed.

    Under torchrun the processes share the work: each takes its part of every batch, the first one writes.

    Warns of games that go wrong (see `watchdog`): TrainingWarning. Raises NonFiniteLoss; ValueError for
    settings that make no sense, and for a checkpoint of another training.
    """
    check(dataset, steps, batch_size, average, every, resume, checkpoint)
    path = Path(checkpoint) if checkpoint else None
    collate = collate or torch.utils.data.default_collate
    device = torch.device(device or next((p.device for p in model.parameters()), "cpu"))
    facts = {
        "model": layout(model),
        "dataset": f"{len(dataset)} samples, {parts.describe(dataset)}",
        "collate": parts.describe(collate),
        "optimiser": parts.describe(optimiser),
        "schedule": parts.describe(schedule),
        "lr": parts.describe(lr),
        "weight_decay": weight_decay,
        "steps": steps,
        "batch_size": batch_size,
        "warmup": warmup,
        "clip": clip,
        "average": average,
        "seed": seed,
        **(about or {}),
    }
    with processes.joined(device), files.seeded(seed + 7919 * processes.rank(), device), ctrl_c() as asked:
        model.to(device).train()
        game = players(model)
        lrs, makers = by_player("lr", lr, game), by_player("optimiser", optimiser, game)
        optimisers = {player: makers[player](game[player], lrs[player], weight_decay) for player in game}
        follower = parts.averaged(model, average) if average else None
        sampler = parts.Permutations(len(dataset), batch_size, seed)
        turn = processes.shared(Turn(model))
        state = State(model, optimisers, follower, facts, device)
        if path:
            take_up(state, path, resume)
        history, clock = state.history, time.monotonic() - state.history.seconds
        watchdog = Watchdog(model)
        with bar(facts.get("recipe", "training"), state.step, steps, progress) as shown:
            while state.step < steps and not history.interrupted:
                remembered = state.remember()
                try:
                    indices = processes.share(sampler.batch(state.step))
                    batch = to(collate([dataset[i] for i in indices]), device)
                    play(state, turn, game, batch, schedule(state.step, steps, warmup), clip)
                except (NonFiniteLoss, KeyboardInterrupt) as stop:  # Ctrl-C pressed twice, or from elsewhere
                    state.undo(remembered)
                    if state.moved or isinstance(stop, NonFiniteLoss):
                        raise
                    history.interrupted = True
                else:
                    history.interrupted = processes.any_of(asked.is_set())
                    if len(game) > 1 and processes.rank() == 0:
                        watchdog.see(history, batch)
                    shown.set_postfix_str(history.news() + watchdog.news, refresh=False)
                    shown.update()
                history.seconds = time.monotonic() - clock
                if path and (state.step % every == 0 or state.step == steps or history.interrupted):
                    state.save(path)
        state.finish()
    if history.interrupted:
        kept = f"; resume from {path}" if path else ""
        raise Interrupted(f"training stopped at step {state.step} of {steps}{kept}", history)
    return history


def play(state: State, turn: nn.Module, game: Mapping[str, list], batch, factor: float, clip: float) -> None:
    """One step: every player moves once, by its learning rate times `factor`."""
    for player, optimiser in state.optimisers.items():
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor
        values = gradients(turn, batch, player, game, clip, state.step + 1)
        state.moved = True
        optimiser.step()
        state.history.add(state.step + 1, player, values, optimiser.param_groups[0]["lr"])
    if state.follower:
        state.follower.update_parameters(state.model)
    state.step += 1


def check(dataset, steps, batch_size, average, every, resume, checkpoint) -> None:
    for name, value in {"steps": steps, "batch_size": batch_size, "every": every}.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name}: a whole number of at least 1 is expected, got {value!r}")
    if not 0 <= average < 1:
        raise ValueError(f"average: a decay of at least 0 and below 1 is expected, got {average!r}")
    if not len(dataset):
        raise ValueError("dataset: there is nothing in it to train on")
    if resume and checkpoint is None:
        raise ValueError("resume: needs the checkpoint to go on from")
    if checkpoint is not None and Path(checkpoint).is_dir():
        raise ValueError(f"checkpoint: a file is expected, {checkpoint} is a folder")


def layout(model: nn.Module) -> str:
    """The model's class, and a digest of its state dict's names, shapes and types."""
    tensors = [(k, tuple(v.shape), str(v.dtype)) for k, v in model.state_dict().items() if torch.is_tensor(v)]
    return f"{parts.describe(type(model))} {hashlib.sha256(repr(tensors).encode()).hexdigest()[:8]}"


def by_player(argument: str, given, game: Mapping[str, list]) -> Mapping:
    """`given` for every player, or as it is when it is by player already."""
    if not isinstance(given, Mapping):
        return dict.fromkeys(game, given)
    if given.keys() != game.keys():
        raise ValueError(f"{argument}: one for each of {list(game)} is expected, got {list(given)}")
    return given


def take_up(state: State, path: Path, resume: bool) -> None:
    if resume and path.exists():
        state.load(path)
    elif processes.rank() == 0:
        if resume:
            warnings.warn(f"{path} is not there: training starts from the beginning", stacklevel=3)
        elif path.exists():
            os.replace(path, path.with_name(path.name + ".before"))


def bar(title: str, start: int, steps: int, progress: bool):
    """The progress bar, on standard error or in the notebook; silent in all processes but the first."""
    from tqdm.auto import tqdm

    silent = not progress or processes.rank() > 0
    return tqdm(desc=title, initial=start, total=steps, unit="step", disable=silent, file=sys.stderr)


def to(batch, device: torch.device):
    """The batch with every tensor in it, however deep, on `device`."""
    if torch.is_tensor(batch):
        return batch.to(device)
    if isinstance(batch, Mapping):
        return {k: to(v, device) for k, v in batch.items()}
    if isinstance(batch, (tuple, list)):
        return type(batch)(to(v, device) for v in batch)
    return batch


@contextlib.contextmanager
def ctrl_c() -> Iterator[threading.Event]:
    """Inside, the first Ctrl-C sets the event; a second one does what Ctrl-C did before."""
    asked, before = threading.Event(), signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield asked
        return

    def handler(number, frame):
        if asked.is_set():
            before(number, frame)
        asked.set()

    signal.signal(signal.SIGINT, handler)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)
