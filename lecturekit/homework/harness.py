"""The student's process: runs the cells in their order and each task in its check cell's place.

It runs inside the sandbox, beside code that may do anything to it: nothing in here is trusted by the
grader, which judges the answers alone. `python -m lecturekit.homework.harness FD` reads frames from standard
input and writes them to the file descriptor FD (see channel.py).
"""

import builtins
import importlib
import json
import linecache
import os
import random
import re
import resource
import sys
import traceback
import types

import numpy as np

import lecturekit.homework
from lecturekit.homework import channel
from lecturekit.homework.arrays import pack, unpack

TEXT = 4000  # characters of an error that are reported
SKIPPED = ("%%time", "%%timeit", "%%capture", "%%prun")  # cell magics under which the cell still is Python


class Pipe:
    """The two ends to the grader, kept from the student's subprocesses; his own stdin is empty."""

    def __init__(self, answers: int):
        self.read, self.write = os.dup(0), os.dup(answers)
        os.close(answers)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def receive(self) -> bytes:
        header = self._exactly(channel.HEADER.size)
        return self._exactly(channel.HEADER.unpack(header)[1])

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = os.read(self.read, min(count, 1 << 20))
            if not part:
                os._exit(0)  # the grader is gone
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def send(self, kind: bytes, body: bytes = b"") -> None:
        rest = memoryview(channel.frame(kind, body))
        while rest:
            rest = rest[os.write(self.write, rest) :]


def main() -> None:
    pipe = Pipe(int(sys.argv[1]))
    job = json.loads(pipe.receive())
    for name, value in job["limits"].items():
        hard = value + 5 if name == "RLIMIT_CPU" else value  # SIGXCPU, then SIGKILL
        resource.setrlimit(getattr(resource, name), (value, hard))
    lecturekit.homework.check = lambda *_, **__: None  # checks.py is not here, and its cells are not run
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 (students may use it)
    module = types.ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, display=lambda *_, **__: None)
    sys.modules["__main__"] = module
    pipe.send(channel.HELLO)
    for step in job["steps"]:
        if "run" in step:
            _task(pipe, step["run"], module.__dict__)
        else:
            error = _cell(step["source"], step["cell"], module.__dict__)
            pipe.send(channel.CELL, json.dumps({"cell": step["cell"], "error": error}).encode())
    pipe.send(channel.END)
    os._exit(0)  # no student's thread or exit handler has a say


def _task(pipe: Pipe, run: str, namespace: dict) -> None:
    """Ask for the task's inputs, answer with arrays or with the error that the student's code raised."""
    pipe.send(channel.READY)
    inputs = unpack(pipe.receive(), sys.maxsize)
    try:
        module, function = run.split(":")
        answer = pack(getattr(importlib.import_module(module), function)(namespace, inputs))
    except BaseException as error:  # SystemExit of a student's function, too
        pipe.send(channel.ERROR, _told(error).encode(errors="backslashreplace"))
    else:
        pipe.send(channel.ANSWER, answer)


def _cell(source: str, name: str, namespace: dict) -> str | None:
    """Run a cell's Python; the error's traceback, if it raises."""
    try:
        code = _compiled(source, name)
        exec(code, namespace)
    except BaseException as error:
        return _told(error)
    return None


def _compiled(source: str, name: str) -> types.CodeType:
    """A cell as code, without IPython's magics. SyntaxError for a cell that is in another language."""
    first, _, rest = source.lstrip().partition("\n")
    if first.startswith("%%"):
        if not first.startswith(SKIPPED):
            raise SyntaxError(f"the grader doesn't run {first.split()[0]} cells")
        source = rest
    try:
        code = compile(source, f"<{name}>", "exec")
    except SyntaxError:
        source = re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)
        code = compile(source, f"<{name}>", "exec")
    linecache.cache[f"<{name}>"] = (len(source), None, source.splitlines(keepends=True), f"<{name}>")
    return code


def _told(error: BaseException) -> str:
    """The traceback without the harness's own frames, its end if it is long."""
    try:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
        lines = traceback.format_list(frames) + traceback.format_exception_only(error)
        return "".join(lines)[-TEXT:]
    except BaseException:  # of the student's own exception class
        return f"an error of type {type(error).__name__} that can't be printed"


if __name__ == "__main__":
    main()
