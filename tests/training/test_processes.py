"""The same loop in two processes, as torchrun starts them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from training_toys import SETTINGS, Line

from lecturekit.training import processes, train

SCRIPT = Path(__file__).with_name("processes_script.py")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = subprocess.Popen([*command, SCRIPT, folder], env=environment, start_new_session=True, **options)
    try:
        output, _ = process.communicate(timeout=200)
    finally:
        if process.poll() is None:  # the processes wait for one another
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, output[-4000:]
    return [json.loads((folder / f"told{rank}.json").read_text()) for rank in (0, 1)], folder


@pytest.mark.slow
class TestTwoProcesses:
    def test_agree(self, told):
        for toy in ("plain", "line", "ring", "resumed"):
            assert told[0][0][toy]["weights"] == told[0][1][toy]["weights"], toy
            assert told[0][0][toy]["rows"] == told[0][1][toy]["rows"], toy

    def test_do_what_one_process_does(self, told):
        class Plain(nn.Module):
            def __init__(self):
                super().__init__()
                self.line = nn.Linear(3, 1)

            def forward(self, x, y):
                return {"loss_fit": (self.line(x) - y).square().mean()}

        torch.manual_seed(0)
        model = Plain()
        history = train(model, Line(noise=0.0), steps=20, **SETTINGS["line"])
        theirs = told[0][0]["plain"]
        assert [row["total"] for row in theirs["rows"]] == pytest.approx(history.values(), rel=1e-4)
        ours = {k: v.double().sum().item() for k, v in model.state_dict().items()}
        assert theirs["weights"] == pytest.approx(ours, rel=1e-4)

    def test_the_first_one_alone_writes(self, told):
        for toy in ("line", "ring"):
            assert told[0][0][toy]["written"] == [5, 10, 12]
            assert told[0][1][toy]["written"] == []
            state = torch.load(told[1] / f"{toy}.pt", weights_only=True)
            assert state["machine"]["processes"] == len(state["generators"]) == 2
            first, second = (generators["torch"] for generators in state["generators"])
            assert not torch.equal(first, second)

    def test_stop_together_and_resume_bit_for_bit(self, told):
        assert [one["stopped at"] for one in told[0]] == [7, 7]
        assert told[0][0]["resumed"] == {k: told[0][0]["line"][k] for k in ("weights", "rows")}

    def test_a_loss_that_is_not_finite_in_one_stops_both(self, told):
        assert [one["non-finite"] for one in told[0]] == [[3, "loss_fit"]] * 2

    def test_an_uneven_batch_is_refused(self, told):
        assert "batch_size: 3 samples can't be shared evenly by 2 processes" in told[0][0]["uneven"]


def test_alone_everything_is_as_it_is():
    assert (processes.rank(), processes.world()) == (0, 1)
    assert processes.share([1, 2, 3]) == [1, 2, 3]
    assert processes.gather("x") == ["x"]
    assert processes.any_of(True)
    assert not processes.any_of(False)
    assert processes.mean(torch.tensor([2.0])).tolist() == [2.0]
    module = nn.Linear(2, 1)
    assert processes.shared(module) is module
