"""The sandbox and its limits, also where there are no control groups; arrays and frames that lie."""

import dataclasses
import io
import os
import subprocess
import zipfile

import numpy as np
import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st

from lecturekit.homework import channel, limits
from lecturekit.homework import sandbox as made
from lecturekit.homework.arrays import pack, unpack
from lecturekit.homework.limits import Limits
from lecturekit.homework.sandbox import COURSE, PACKAGE, Missing, Sandbox
from lecturekit.homework.session import converse

SMALL = Limits(memory=300, processes=40, scratch=20, answer=8)


def run(code, assignment, *, cgroups=True, **more):
    """The outcome of one cell, then the first task."""
    box = Sandbox(assignment, SMALL, cgroups=cgroups, **more)
    task = toy.TASKS[0]
    steps = [{"cell": "all", "source": "import numpy as np\n" + code}, task]
    return converse(box, steps, {task.name: 5}, toy.SECONDS)


@pytest.fixture(params=[True, False], ids=["control groups", "watch"])
def cgroups(request, sandbox):
    if request.param and limits.control_groups() is None:
        pytest.skip("this machine has no control groups that the grader may use")
    return request.param


LIMITED = {
    "memory": ("kept = []\nwhile True: kept.append(np.ones(10**6))", ("out of memory",)),
    "memory of children": (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n        kept = np.ones(10**7)\n"
        "        time.sleep(60)\ntime.sleep(60)",
        ("out of memory",),
    ),
    "fork bomb": (
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        ("timed out", "crashed"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LIMITED)
def test_limits_hold_with_and_without_control_groups(cgroups, tmp_path, name):
    code, ends = LIMITED[name]
    outcome = run(code, toy.toy(tmp_path), cgroups=cgroups)
    assert outcome.ended in ends
    assert outcome.answers == {}


def test_shared_pages_of_children_count_once(cgroups, tmp_path):
    code = (
        "import os, time\nkept = np.ones(15 * 10**6)\nfor _ in 'abcdef':\n    os.fork() or time.sleep(60)\n"
    )
    outcome = run(code + "time.sleep(0.5)\ndef double(x): return 2 * x", toy.toy(tmp_path), cgroups=cgroups)
    assert (outcome.ended, list(outcome.answers)) == ("done", ["double"])


def test_control_groups_are_removed(sandbox, tmp_path):
    run("pass", toy.toy(tmp_path))
    for folder in (limits.control_groups() or {}).values():
        assert not list(folder.glob(f"lecturekit-{os.getpid()}-*"))


def test_hidden_files_are_withheld_with_their_compiled_copies(sandbox, tmp_path):
    task = dataclasses.replace(toy.toy(tmp_path), hidden=("cgan", "layers/gan.py", "weights"))
    looks = (
        "import os\nfor top, folders, names in os.walk('/course'):\n"
        "    for name in names: print(os.path.join(top, name))\n"
        "try: import lecturekit.layers.gan\nexcept ImportError as e: print('told:', e)\n"
        "print(open('/course/lecturekit/layers/gan.py').read())\n"
        "print('cgan:', os.path.exists('/course/lecturekit/cgan'))"
    )
    outcome = run(looks, task)
    seen = outcome.output
    assert "/course/lecturekit/layers/boxes.py" in seen
    assert "told: this part of lecturekit is withheld" in seen
    assert "cgan: False" in seen
    for part in ("gan.cpython", "conditional_gan", "def gan_loss", ".safetensors", "homework/grading.py"):
        assert part not in seen
    assert "/course/lecturekit/homework/harness.py" in seen


def test_students_need_no_checks_module_inside(sandbox, tmp_path):
    code = "from lecturekit.homework import check\nprint(check('double', None))\ndef double(x): return 2 * x"
    outcome = run(code, toy.toy(tmp_path))
    assert (outcome.ended, outcome.output, outcome.errors) == ("done", "None\n", [])


def test_without_bubblewrap_it_refuses_and_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match=r"bubblewrap is not installed.*apt-get install bubblewrap.*--unsafe"):
        Sandbox(toy.toy(tmp_path), SMALL)


def test_a_bubblewrap_that_does_not_work_is_refused_too(monkeypatch, tmp_path):
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Missing, match=r"No permissions to create new namespace.*user namespaces"):
        Sandbox(toy.toy(tmp_path), SMALL)


def test_unsafe_runs_without_bubblewrap_but_with_limits(monkeypatch, tmp_path):
    monkeypatch.setattr(made.shutil, "which", lambda name: None)
    outcome = run("def double(x): return 2 * x", toy.toy(tmp_path), unsafe=True)
    assert (outcome.ended, list(outcome.answers)) == ("done", ["double"])
    outcome = run("kept = []\nwhile True: kept.append(np.ones(10**6))", toy.toy(tmp_path), unsafe=True)
    assert outcome.ended == "out of memory"


def test_an_installed_package_is_seen_at_one_place_only(sandbox, monkeypatch, tmp_path):
    monkeypatch.setattr(made.sys, "prefix", str(PACKAGE.parent))  # as if it lay in the environment's folder
    words = made._mounts(toy.toy(tmp_path), SMALL, {})
    assert words[words.index(str(PACKAGE)) - 1] == "--tmpfs"
    assert words[words.index(f"{COURSE}/lecturekit") - 2 :][:2] == ["--ro-bind", str(PACKAGE)]


def test_starting_costs_little(sandbox, tmp_path):
    words = [made.bubblewrap(), *made._namespaces(), "--ro-bind", "/", "/", "true"]
    assert subprocess.run(words, env={}, timeout=5).returncode == 0


@given(
    st.dictionaries(st.text("abc", min_size=1), st.tuples(st.sampled_from("?bhqBHQfd"), st.integers(0, 5)))
)
def test_arrays_come_back_as_they_went(kinds):
    sent = {name: np.arange(n * 2).reshape(n, 2).astype(kind) for name, (kind, n) in kinds.items()}
    came = unpack(pack(sent), 10**6)
    assert came.keys() == sent.keys()
    for name, array in sent.items():
        assert came[name].dtype == array.dtype
        np.testing.assert_array_equal(came[name], array)


def test_arrays_of_other_layouts_and_no_dimensions():
    sent = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "s": np.asarray(3), "e": np.zeros((0, 4))}
    for name, array in unpack(pack(sent), 10**6).items():
        assert array.shape == sent[name].shape
        np.testing.assert_array_equal(array, sent[name])


@pytest.mark.parametrize("value", [["a"], [None], [object()], "text", np.array([(1, 2.0)], dtype="i4,f8")])
def test_only_numbers_are_packed(value):
    with pytest.raises(ValueError, match=r"x must be an array of numbers"):
        pack({"x": value})


@given(st.binary(max_size=300))
def test_rubbish_is_no_array(data):
    with pytest.raises(ValueError):  # noqa: PT011 (any message, no other error)
        unpack(data, 1000)


@given(st.data())
def test_a_damaged_answer_is_refused_or_read_but_never_more(data):
    good = bytearray(pack({"x": np.arange(20.0)}))
    for _ in range(3):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        came = unpack(bytes(good), 10**5)
    except ValueError:
        return
    assert all(array.nbytes <= 10**5 for array in came.values())


def test_too_many_and_too_large_arrays_are_refused():
    with pytest.raises(ValueError, match="at most 100 are read"):
        unpack(pack({"x": np.zeros(1000)}), 100)
    with pytest.raises(ValueError, match="65 arrays"):
        unpack(pack({f"x{i}": np.zeros(1) for i in range(65)}), 10**6)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(10**6))
    with pytest.raises(ValueError, match="compressed"):
        unpack(file.getvalue(), 10**5)


@given(
    st.lists(st.tuples(st.sampled_from([channel.CELL, channel.ANSWER]), st.binary(max_size=50)), max_size=6)
)
def test_frames_are_taken_whole_however_they_arrive(frames):
    stream = b"".join(channel.frame(kind, body) for kind, body in frames)
    inbox, taken = bytearray(), []
    for byte in stream:
        inbox.append(byte)
        while message := channel.take(inbox, {channel.CELL: 100, channel.ANSWER: 100}):
            taken.append(message)
    assert taken == frames
    assert not inbox


def test_frames_of_wrong_kind_or_length_are_refused():
    with pytest.raises(ValueError, match="unexpected message"):
        channel.take(bytearray(channel.frame(channel.JOB, b"")), {channel.CELL: 10})
    with pytest.raises(ValueError, match="at most 10 are read"):
        channel.take(bytearray(channel.frame(channel.CELL, bytes(11))[:5]), {channel.CELL: 10})
