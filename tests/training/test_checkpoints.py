"""A training that was stopped, in whatever way, goes on as if nothing had been."""

import os
import pickle
import random
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
import training_toys
from safetensors.torch import save_file
from torch import nn
from training_toys import SETTINGS, Gan, Line, Net, make

from lecturekit.training import Interrupted, checkpoint, read_weights, train

TOYS = ["line", "ring"]


def weights(model):
    return {k: v.clone() for k, v in model.state_dict().items() if torch.is_tensor(v)}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def run(toy, model=None, dataset=None, steps=40, **change):
    made = make(toy)
    model, dataset = model or made[0], dataset or made[1]
    history = train(model, dataset, steps=steps, **SETTINGS[toy] | change)
    return model, history


class Stopping:
    """The same dataset, which does something when an item is drawn for the n-th time."""

    def __init__(self, dataset, draw, action):
        self.dataset, self.draw, self.action, self.drawn = dataset, draw, action, 0

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, i):
        self.drawn += 1
        if self.drawn == self.draw:
            self.action()
        return self.dataset[i]

    def __repr__(self):
        return repr(self.dataset)


def press():
    signal.raise_signal(signal.SIGINT)


def throw():
    raise KeyboardInterrupt


@pytest.fixture(scope="module", params=TOYS)
def toy(request):
    """A toy's name, and its weights and rows when nothing stops it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model, history = run(request.param, dataset=Stopping(make(request.param)[1], -1, None))
    torch.set_num_threads(threads)
    return request.param, weights(model), history.rows


def resumed(name, file):
    dataset = Stopping(make(name)[1], -1, None)
    model = make(name, seed=77)[0]  # other weights than at the start: all must come from the file
    random.seed(99)
    return run(name, model=model, dataset=dataset, checkpoint=file, resume=True)


@pytest.mark.parametrize("action", [press, throw])
@pytest.mark.parametrize("step", [3, 17, 39])
def test_ctrl_c_keeps_the_last_state_and_resuming_is_bit_for_bit(toy, tmp_path, action, step):
    """Pressed in step `step` + 1: that step is still finished. Thrown by the dataset: undone."""
    name, expected, rows = toy
    file, size = tmp_path / "x.pt", SETTINGS[name]["batch_size"]
    dataset = Stopping(make(name)[1], step * size + 3, action)
    with pytest.raises(Interrupted, match=r"stopped at step \d+ of 40; resume from .*x.pt") as caught:
        run(name, dataset=dataset, checkpoint=file)
    done = step + 1 if action is press else step
    assert torch.load(file, weights_only=True)["step"] == done
    assert caught.value.history.interrupted
    assert len(caught.value.history) == done
    model, history = resumed(name, file)
    assert history.rows == rows
    assert not history.interrupted
    assert same(weights(model), expected)
    if name == "ring":
        assert len(model.pool) == 8


def test_an_interrupt_within_the_forward_pass_is_undone(tmp_path):
    """Batch norm has seen the batch already, dropout has drawn: both are put back."""

    class Thrown(Net):
        calls = 0

        def forward(self, x, y=None):
            found = super().forward(x, y)
            Thrown.calls += 1
            if Thrown.calls == 8:
                raise KeyboardInterrupt
            return found

    whole, history = run("line", model=reseeded(Thrown, calls=100))
    expected, rows, file = weights(whole), history.rows, tmp_path / "x.pt"
    with pytest.raises(Interrupted, match="step 7 of 40"):
        run("line", model=reseeded(Thrown), checkpoint=file)
    model, history = run("line", model=reseeded(Thrown, calls=100), checkpoint=file, resume=True)
    assert history.rows == rows
    assert same(weights(model), expected)


def reseeded(kind, calls=0):
    torch.manual_seed(0)
    kind.calls = calls
    return kind()


def test_an_interrupt_between_two_players_keeps_the_file_as_it_was(tmp_path):
    class Thrown(Gan):
        calls = 0

        def losses(self, real, player):
            self.calls += 1
            if self.calls == 2 * 12 + 2:  # the generator's turn in step 13
                raise KeyboardInterrupt
            return super().losses(real, player)

    file = tmp_path / "x.pt"
    with pytest.raises(KeyboardInterrupt) as caught:
        run("ring", model=Thrown(), checkpoint=file)
    assert not isinstance(caught.value, Interrupted)
    assert torch.load(file, weights_only=True)["step"] == 10


def test_a_second_ctrl_c_stops_at_once(tmp_path):
    def twice():
        press()
        press()

    file = tmp_path / "x.pt"
    dataset = Stopping(Line(), 12 * 8 + 1, twice)
    with pytest.raises(KeyboardInterrupt):
        run("line", dataset=dataset, checkpoint=file)
    assert dataset.drawn == 12 * 8 + 1
    assert torch.load(file, weights_only=True)["step"] == 12


def test_after_an_interrupt_the_model_is_ready_and_ctrl_c_as_before():
    before = signal.getsignal(signal.SIGINT)
    model = Net()
    with pytest.raises(Interrupted, match=r"stopped at step 5 of 40$"):
        run("line", model=model, dataset=Stopping(Line(), 4 * 8 + 1, press))
    assert not model.training
    assert signal.getsignal(signal.SIGINT) is before


def test_in_another_thread_training_works_too():
    import threading

    found = []
    thread = threading.Thread(target=lambda: found.append(run("line", steps=3)[1]))
    thread.start()
    thread.join()
    assert len(found[0]) == 3


def test_a_finished_training_resumes_to_itself(toy, tmp_path):
    name, expected, rows = toy
    file = tmp_path / "x.pt"
    run(name, dataset=Stopping(make(name)[1], -1, None), checkpoint=file)
    dataset = Stopping(make(name)[1], -1, None)
    model, history = run(name, model=make(name, seed=5)[0], dataset=dataset, checkpoint=file, resume=True)
    assert dataset.drawn == 0
    assert history.rows == rows
    assert same(weights(model), expected)


def test_what_a_checkpoint_holds(tmp_path):
    file = tmp_path / "x.pt"
    run("line", steps=7, checkpoint=file)
    state = torch.load(file, weights_only=True)
    assert {"settings", "machine", "step", "model", "average", "optimisers", "generators", "history"} < set(
        state
    )
    assert state["machine"]["threads"] == 1
    assert state["generators"][0].keys() == {"torch", "python", "numpy"}
    assert len(state["history"]["rows"]) == 7


def test_the_file_is_written_every_so_many_steps_and_at_the_end(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(checkpoint, "write", lambda path, state: written.append(state["step"]))
    run("line", steps=12, checkpoint=tmp_path / "x.pt", every=5)
    assert written == [5, 10, 12]


def test_a_kill_between_writing_and_replacing_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "x.pt"
    checkpoint.write(file, {"step": 1})

    def killed(*_):
        raise SystemExit

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, killed)
            with pytest.raises(SystemExit):
                checkpoint.write(file, {"step": 2})
        assert checkpoint.read(file)["step"] == 1
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", lambda state, f: (f.write(b"half"), killed()))
        with pytest.raises(SystemExit):
            checkpoint.write(file, {"step": 3})
    assert checkpoint.read(file)["step"] == 1
    checkpoint.write(file, {"step": 4})
    assert checkpoint.read(file)["step"] == 4
    assert [p.name for p in tmp_path.iterdir()] == ["x.pt"]


def test_the_data_is_on_the_disk_before_the_name_points_to_it(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a)))
    checkpoint.write(tmp_path / "x.pt", {"step": 1})
    assert calls == ["fsync", "replace", "fsync"]  # the file, its name, the folder


def damage(file, how):
    data = bytearray(file.read_bytes())
    if how == "truncated":
        data = data[: len(data) // 2]
    elif how == "empty":
        data = bytearray()
    elif how == "a flipped bit":
        with zipfile.ZipFile(file) as archive:
            largest = max(archive.infolist(), key=lambda info: info.file_size)
        data[largest.header_offset + 200 + largest.file_size // 2] ^= 4
    elif how == "text":
        data = bytearray(b"weights, they said")
    file.write_bytes(data)


@pytest.mark.parametrize("how", ["truncated", "empty", "a flipped bit", "text"])
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path, how):
    file = tmp_path / "x.pt"
    run("line", steps=5, checkpoint=file)
    damage(file, how)
    with pytest.raises(ValueError, match=r"checkpoint: .*x\.pt is (damaged|no complete)"):
        run("line", steps=5, checkpoint=file, resume=True)


class Executed:
    ran = False

    def __reduce__(self):
        return setattr, (Executed, "ran", True)


def test_nothing_in_a_file_is_executed(tmp_path):
    file = tmp_path / "x.pt"
    for save in (torch.save, lambda thing, path: path.write_bytes(pickle.dumps(thing))):
        save({"format": checkpoint.FORMAT, "model": Executed()}, file)
        for reader in (checkpoint.read, read_weights):
            with pytest.raises(ValueError, match="plain tensors"):
                reader(file)
    assert not Executed.ran


def test_foreign_files_are_refused(tmp_path):
    torch.save(Net().state_dict(), tmp_path / "x.pt")
    with pytest.raises(ValueError, match=r"not one that lecturekit's training wrote"):
        run("line", checkpoint=tmp_path / "x.pt", resume=True)
    with pytest.raises(ValueError, match=r"there is no file .*absent"):
        checkpoint.read(tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": 2e-2}, r"lr was '0.01' and is now '0.02'"),
        ({"steps": 9}, "steps was 5 and is now 9"),
        ({"seed": 3}, "seed was 0 and is now 3"),
        ({"batch_size": 4}, "batch_size was 8 and is now 4"),
        ({"average": 0.5}, "average was 0.9"),
        ({"dataset": Line(40)}, r"dataset was '50 samples, Line\(count=50.* and is now '40 samples"),
        ({"model": Net(width=8)}, r"model was 'training_toys.Net \w+' and is now 'training_toys.Net \w+'"),
        ({"schedule": training_toys.train}, "schedule was"),
        ({"about": {"recipe": "other"}}, "recipe was None and is now 'other'"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, words):
    file = tmp_path / "x.pt"
    run("line", steps=5, checkpoint=file)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=rf"x\.pt belongs to another training: {words}"):
        run("line", **{"steps": 5, "checkpoint": file, "resume": True} | change)
    assert file.read_bytes() == before


def test_another_thread_count_warns(tmp_path):
    file = tmp_path / "x.pt"
    run("line", steps=5, checkpoint=file)
    torch.set_num_threads(2)
    with pytest.warns(UserWarning, match=r"threads 1 then and 2 now; .*bit for bit"):
        run("line", steps=5, checkpoint=file, resume=True)
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run("line", steps=5, checkpoint=file, resume=True)


def test_resuming_before_the_first_checkpoint_starts_at_the_beginning(toy, tmp_path):
    name, expected, _ = toy
    with pytest.warns(UserWarning, match=r"is not there: training starts from the beginning"):
        model, _ = run(
            name, dataset=Stopping(make(name)[1], -1, None), checkpoint=tmp_path / "x.pt", resume=True
        )
    assert same(weights(model), expected)


def test_starting_anew_keeps_the_earlier_file(tmp_path):
    file = tmp_path / "runs" / "x.pt"
    run("line", steps=5, checkpoint=file)
    before = file.read_bytes()
    run("line", steps=6, checkpoint=file)
    assert (tmp_path / "runs" / "x.pt.before").read_bytes() == before
    assert checkpoint.read(file)["step"] == 6


def script(*arguments, **options):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, training_toys.__file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, **options)


@pytest.mark.slow
@pytest.mark.parametrize("toy_name", TOYS)
def test_killed_at_any_moment_and_resumed_is_bit_for_bit(toy_name, tmp_path):
    """kill -9 twice at random moments, the second time after a resumption; then to the end."""
    file, moments = tmp_path / "x.pt", random.Random(time.time_ns())
    whole = script(toy_name, tmp_path / "whole.pt", "--out", tmp_path / "whole.out")
    for n in range(2):
        process = script(toy_name, file, "--rest", 0.004, *(["--resume"] if n else []))
        assert process.stdout.readline() == "ready\n"
        started, reached = time.monotonic(), file.stat().st_mtime_ns if file.exists() else 0
        while process.poll() is None and (not file.exists() or file.stat().st_mtime_ns == reached):
            assert time.monotonic() - started < 60
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.3))
        process.kill()
        process.wait()
    step = checkpoint.read(file)["step"]
    assert 10 <= step < 60, "the kills must fall in mid-training"
    assert script(toy_name, file, "--resume", "--out", tmp_path / "parts.out").wait(120) == 0
    assert whole.wait(120) == 0
    whole, parts = (torch.load(tmp_path / f"{n}.out", weights_only=True) for n in ("whole", "parts"))
    assert parts["rows"] == whole["rows"]
    assert same(parts["weights"], whole["weights"])


class TestReadWeights:
    state: dict

    @pytest.fixture(autouse=True)
    def make_state(self):
        self.state = Net().state_dict()

    def test_state_dicts_of_others(self, tmp_path):
        torch.save(self.state, tmp_path / "plain.pth")
        torch.save({"state_dict": self.state, "epoch": 3}, tmp_path / "wrapped.pth")
        torch.save({"model": self.state}, tmp_path / "model.pth")
        torch.save(self.state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
        save_file(self.state, tmp_path / "x.safetensors")
        for file in tmp_path.iterdir():
            assert same(read_weights(file), dict(self.state)), file

    @pytest.mark.parametrize("average", [0.0, 0.9])
    def test_of_a_checkpoint_the_averaged_ones(self, tmp_path, average):
        model, _ = run("line", steps=6, average=average, checkpoint=tmp_path / "x.pt")
        assert same(read_weights(tmp_path / "x.pt"), weights(model))

    @pytest.mark.parametrize("thing", [{}, {"a": 1}, [torch.zeros(2)], torch.zeros(2)])
    def test_no_state_dict(self, tmp_path, thing):
        torch.save(thing, tmp_path / "x.pt")
        with pytest.raises(ValueError, match=r"x\.pt holds no state dict"):
            read_weights(tmp_path / "x.pt")

    def test_broken_safetensors(self, tmp_path):
        (tmp_path / "x.safetensors").write_bytes(b"1234567890")
        with pytest.raises(ValueError, match=r"x\.safetensors is no readable"):
            read_weights(Path(tmp_path / "x.safetensors"))


def test_extra_state_that_is_no_tensor_comes_back(tmp_path):
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.count = nn.Parameter(torch.ones(3)), 0

        def forward(self, x, y):
            self.count += 1
            return (x @ self.w - y).square().mean()

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    with pytest.raises(Interrupted):
        run("line", model=Counts(), dataset=Stopping(Line(), 6 * 8 + 1, press), checkpoint=tmp_path / "x.pt")
    model = Counts()
    run("line", model=model, dataset=Stopping(Line(), -1, None), checkpoint=tmp_path / "x.pt", resume=True)
    assert model.count == 40
