"""The command line as such: fast help that teaches, JSON and nothing else, mistakes told in one line."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import lecturekit
from lecturekit import cli, recipes, zoo
from lecturekit.cli import report

COMMANDS = ["list", "train", "evaluate", "predict", "sample", "translate", "upscale", "claims", "doctor"]
COMMANDS += ["homework"]


def run(*arguments):
    return CliRunner().invoke(cli.app, [str(a) for a in arguments])


def python(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["list", "--json"], ["--version"]])
def test_help_and_list_wait_for_no_heavy_library(arguments):
    code = (
        "import sys, lecturekit.cli as cli\ntry: cli.main()\nfinally:\n"
        " heavy = {'torch', 'torchvision', 'matplotlib', 'numpy', 'PIL'} & set(sys.modules)\n"
        " sys.stderr.write(f'heavy: {sorted(heavy)}')"
    )
    done = python(code, *arguments)
    assert done.returncode == 0
    assert done.stdout
    assert done.stderr == "heavy: []"


def test_module_and_script_are_the_same_command():
    script = Path(sys.executable).with_name("lecturekit")
    for command in ([sys.executable, "-m", "lecturekit"], [str(script)]):
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=120)
        assert done.stdout.strip() == lecturekit.__version__


def test_help_of_the_whole_names_every_command():
    shown = run("--help").stdout
    assert "Usage" in run().output
    assert list(get_command(cli.app).commands) == COMMANDS
    for command in COMMANDS:
        assert re.search(rf"^  {command} +\S.*[^.][.?]$", shown, re.MULTILINE), f"{command} is cut short"


@pytest.mark.parametrize("command", [*COMMANDS[:-1], "homework release", "homework grade"])
def test_help_teaches_with_examples_that_parse(command):
    shown = run(*command.split(), "--help")
    assert shown.exit_code == 0
    assert "--json" in shown.stdout
    found = get_command(cli.app)
    for word in command.split():
        found = found.commands[word]
    text = found.help.replace("\\\n", " ")
    lines = re.findall(rf"^ *lecturekit ({command})(.*)$", text.split("Examples:")[1], re.MULTILINE)
    assert len(lines) == text.count("  lecturekit ") >= 2
    for _, rest in lines:
        found.make_context(command, shlex.split(rest))  # raises on an unknown option or a missing argument


def test_list_is_an_array_with_the_agreed_fields():
    rows = json.loads(run("list", "--json").stdout)
    assert [row["system"] for row in rows] == recipes.names()
    assert "mask_rcnn" in recipes.names()
    for row in rows:
        assert list(row) == ["system", "lecture", "paper", "year", "arxiv", "params", "weights"]
        assert row["params"].keys() == {"tiny", "paper"}
        assert row["weights"] in (None, f"{row['system']}.safetensors")
    shown = run("list").stdout
    assert "Mask R-CNN" in shown
    assert "1703.06870" in shown


def test_list_tells_which_weights_are_shipped(monkeypatch, tmp_path):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    assert json.loads(run("list", "--json").stdout)[0]["weights"] is None
    (tmp_path / "mask_rcnn.safetensors").touch()
    assert json.loads(run("list", "--json").stdout)[0]["weights"] == "mask_rcnn.safetensors"


MISTAKES = {
    "no such system": (
        ["train", "masc_rcnn"],
        "'masc_rcnn' is no system of the catalogue; there are mask_rcnn",
    ),
    "no such file": (
        ["predict", "mask_rcnn", "a.jpg", "--weights", "/gone.pt"],
        "weights: there is no file /gone.pt",
    ),
    "no such folder": (
        ["train", "mask_rcnn", "--data", "coco", "--root", "/gone"],
        "root: /gone is no folder",
    ),
    "root is missing": (["evaluate", "mask_rcnn", "--data", "coco"], "needs --root"),
    "root without coco": (["evaluate", "mask_rcnn", "--root", "/tmp"], "go with --data coco"),
    "annotations without coco": (["train", "mask_rcnn", "--annotations", "a.json"], "go with --data coco"),
    "ship without full": (["train", "mask_rcnn", "--ship"], "--ship goes with --full"),
    "ship other steps": (
        ["train", "mask_rcnn", "--ship", "--full", "--steps", "3"],
        "--ship goes with --full",
    ),
    "no such device": (
        ["evaluate", "mask_rcnn", "--device", "abacus"],
        "device: 'abacus' can't be used here",
    ),
    "no such claim": (["claims", "the_earth_is_flat"], "'the_earth_is_flat' is unknown"),
    "seeds of no claim": (["claims", "--seeds", "3"], "--seeds and --store go with a claim's name"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_clear_line_and_exit_code_2(arguments, message):
    for extra in ([], ["--json"]):
        done = run(*arguments, *extra)
        assert done.exit_code == 2
        errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        assert message in errors[0]
        assert "Traceback" not in done.stderr
        if extra:
            assert json.loads(done.stdout) == {"error": errors[0].removeprefix("error: ")}
        else:
            assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["list", "--jason"], ["trian"], ["train"], ["train", "mask_rcnn", "--steps", "0"]]
)
def test_a_wrong_option_is_told_in_json_too(arguments):
    done = run(*arguments, "--json")
    assert done.exit_code == 2
    assert set(json.loads(done.stdout)) == {"error"}
    assert "Error" in done.stderr
    assert run(*arguments).stdout == ""


def test_no_traceback_in_the_shell():
    done = subprocess.run(
        [sys.executable, "-m", "lecturekit", "predict", "nothing", "a.jpg", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    assert "no system of the catalogue" in json.loads(done.stdout)["error"]
    assert done.stderr.count("\n") == 1


def test_errors_of_every_kind_in_one_line():
    assert report.plain(ValueError("one\n  two")) == "one two"
    assert (
        report.plain(FileNotFoundError(2, "No such file or directory", "a.json"))
        == "No such file or directory: a.json"
    )
    assert "lecturekit doctor" in report.plain(ModuleNotFoundError("No module named 'torch'"))
    assert report.plain(ValueError()) == "ValueError"


def test_ctrl_c_and_failures_end_without_traceback(monkeypatch):
    def end_by(error):
        def names():
            raise error

        monkeypatch.setattr(recipes, "names", names)
        return run("list", "--json")

    stopped = end_by(KeyboardInterrupt("training stopped at step 3 of 9"))
    assert (stopped.exit_code, stopped.stderr) == (130, "error: training stopped at step 3 of 9\n")
    failed = end_by(report.Failed("step 7: loss_mask is nan"))
    assert (failed.exit_code, json.loads(failed.stdout)) == (1, {"error": "step 7: loss_mask is nan"})
    with pytest.raises(TypeError):  # a mistake of ours keeps its traceback
        raise end_by(TypeError("a bug")).exception


def test_warnings_are_notes(monkeypatch):
    import warnings

    monkeypatch.setattr(recipes, "names", lambda: warnings.warn("2 boxes have no area", stacklevel=1) or [])
    done = run("list", "--json")
    assert (done.stdout, done.stderr) == ("[]\n", "note: 2 boxes have no area\n")


def test_tables_are_aligned_and_long_texts_broken(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    report.table(
        ["a", "number", "text"], [["xyz", "7", "word " * 20], ["x", "1,000", "short"]], right={"number"}
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a    number  text"
    assert lines[1].startswith("xyz       7  word word")
    assert lines[2].startswith(" " * 13 + "word")
    assert lines[-1] == "x     1,000  short"
    assert max(map(len, lines)) <= 60


class Claims:
    """Stands in for lecturekit.claims."""

    def __init__(self, monkeypatch):
        from lecturekit import claims

        self.calls = []
        result = {
            "claim": "roi_align",
            "verdict": "not shown",
            "seeds": [0, 1, 2],
            "seconds": 5,
            "date": "2026-11-22",
        }
        arms = {"align": {"mean": 0.5, "deviation": 0.1}, "pool": {"mean": 0.4, "deviation": 0.2}}
        result["comparisons"] = [{"what": "AP", "arms": arms, "difference": 0.1, "low": -0.1, "high": 0.3}]
        self.result = result
        monkeypatch.setattr(claims, "run", lambda name, **more: self.calls.append((name, more)) or result)
        monkeypatch.setattr(
            claims, "store", lambda found: self.calls.append(("store", found)) or Path("x.json")
        )
        monkeypatch.setattr(claims, "stored", lambda name: result if name == "roi_align" else None)


def test_claims_are_listed_with_their_stored_verdicts(monkeypatch):
    Claims(monkeypatch)
    rows = {row["claim"]: row for row in json.loads(run("claims", "--json").stdout)}
    assert {"roi_align", "individuals"} <= set(rows)
    assert rows["roi_align"]["verdict"] == "not shown"
    assert rows["roi_align"]["date"] == "2026-11-22"
    assert rows["individuals"]["verdict"] is None
    assert rows["individuals"]["sentence"]
    assert "not tested yet" in run("claims").stdout


def test_a_claim_is_run_again_and_stored_only_if_asked(monkeypatch):
    claims = Claims(monkeypatch)
    done = run("claims", "roi_align", "--seeds", "3", "--json")
    assert json.loads(done.stdout) == claims.result
    assert claims.calls == [("roi_align", {"seeds": 3, "progress": True})]
    shown = run("claims", "roi_align", "--store")
    assert "not shown (3 seeds, 5 s)" in shown.stdout
    assert "+0.100 [-0.100, +0.300]" in shown.stdout
    assert claims.calls[-1] == ("store", claims.result)
