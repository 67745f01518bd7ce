"""One conversation with a student's process: its cells run, each task may answer once."""

import json
import os
import selectors
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lecturekit.homework import channel
from lecturekit.homework.arrays import pack, unpack
from lecturekit.homework.channel import ANSWER, CELL, END, ERROR, HELLO, INPUTS, JOB, READY
from lecturekit.homework.limits import waited
from lecturekit.homework.sandbox import Process, Sandbox
from lecturekit.homework.tasks import Task

TICK = 0.1  # seconds between two looks at the limits
TEXT = 65_536  # bytes of a message's text, and of the output that is kept
PATIENCE = 2  # times its own length a limit is put off on a busy machine
START = 60  # seconds until the process itself runs, on a busy machine


@dataclass
class Answer:
    """What came back for a task: arrays, or the text of an error; `inputs` are those that it was given."""

    inputs: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray] | None = None
    error: str | None = None


@dataclass
class Outcome:
    """How a conversation ended: "done", "timed out", "out of memory" or "crashed", and why.

    answers: of the tasks that answered. errors: (cell, traceback) of the cells that raised. output: the
    beginning of what was printed, printed: how many bytes it was.
    """

    ended: str = "crashed"
    why: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    errors: list[tuple[str, str]] = field(default_factory=list)
    output: str = ""
    printed: int = 0
    seconds: float = 0.0


class Broken(Exception):
    """The process wrote to the channel what doesn't belong there."""


class Stopped(Exception):
    """The grader is ending."""


def converse(
    sandbox: Sandbox,
    steps: Sequence[dict | Task],
    seeds: dict[str, int],
    seconds: float,
    stop: threading.Event | None = None,
) -> Outcome:
    """Run the steps in a process of their own, and end it.

    steps: {"cell": name, "source": Python}, or a Task, in the order to run. seeds: by task's name. seconds:
    for all cells together; a task has its own. The process never gets a task's inputs before it is through
    with the steps above it, and nothing that it does can make this function wait longer.
    """
    start = time.monotonic()
    process = sandbox.start()
    try:
        talk = _Talk(process, sandbox, steps, seeds, seconds)
        talk.run(stop or threading.Event())
    finally:
        process.close()
    talk.outcome.output = bytes(talk.printed).decode(errors="replace")
    talk.outcome.seconds = time.monotonic() - start
    return talk.outcome


class _Talk:
    def __init__(self, process: Process, sandbox: Sandbox, steps, seeds: dict[str, int], seconds: float):
        self.process, self.limits, self.seeds = process, sandbox.limits, seeds
        self.tasks = [step for step in steps if isinstance(step, Task)]
        self.cells = len(steps) - len(self.tasks)
        self.outcome, self.inbox, self.printed = Outcome(), bytearray(), bytearray()
        self.asked: Answer | None = None  # the answer that is awaited
        self.finished = False
        self.left, self.since = seconds, None  # of the cells' time; when they went on
        self.allowed, self.excused = START, 0.0
        self.limit = time.monotonic() + START
        total = int(seconds + sum(t.seconds for t in self.tasks)) + 30
        self.outbox = memoryview(channel.frame(JOB, _job(steps, self.limits, total)))

    def run(self, stop: threading.Event) -> None:
        with selectors.DefaultSelector() as ends:
            ends.register(self.process.answers, selectors.EVENT_READ, self._hear)
            ends.register(self.process.output, selectors.EVENT_READ, self._print)
            ends.register(self.process.stdin, selectors.EVENT_WRITE, self._write)
            look = 0.0
            while not stop.is_set():
                for key, _ in ends.select(TICK):
                    try:
                        key.data(ends)
                    except Broken as error:
                        return self._end("crashed", str(error))
                if self.finished:
                    return self._end("done", "")
                if self.process.answers not in ends.get_map():
                    return self._gone()
                now = time.monotonic()
                if now > self.limit and not self._excused():
                    return self._late()
                if now > look + TICK:
                    look = now
                    if what := self.process.watch.exceeded():
                        return self._exceeded(what)
        raise Stopped

    def _write(self, ends) -> None:
        try:
            self.outbox = self.outbox[os.write(self.process.stdin, self.outbox[:65_536]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it will miss what it doesn't read
            self.outbox = memoryview(b"")
        if not self.outbox:
            ends.unregister(self.process.stdin)

    def _print(self, ends) -> None:
        part = _read(self.process.output)
        if part == b"":
            ends.unregister(self.process.output)
        elif part:
            self.outcome.printed += len(part)
            self.printed += part[: TEXT - len(self.printed)]

    def _hear(self, ends) -> None:
        part = _read(self.process.answers)
        if part == b"":
            ends.unregister(self.process.answers)
        elif part:
            self.inbox += part
            self._messages(ends)

    def _messages(self, ends) -> None:
        """Take what has arrived; which kinds may come depends on whether a task has been given its inputs."""
        answer = self.limits.answer * 1_000_000
        while True:
            if self.since is None:
                kinds = {HELLO: 0}
            else:
                kinds = {ANSWER: answer, ERROR: TEXT} if self.asked else {CELL: TEXT, READY: 0, END: 0}
            try:
                message = channel.take(self.inbox, kinds)
            except ValueError as error:
                raise Broken(f"the process broke the protocol: {error}") from error
            if message is None or self.finished:
                return
            kind, body = message
            if kind == HELLO:
                self._cells_go_on()
            elif kind == CELL:
                self._cell(body)
            elif kind == READY:
                self._give(ends)
            elif kind == END:
                self.finished = True
            else:
                self._answer(kind, body)

    def _cell(self, body: bytes) -> None:
        self.cells -= 1
        try:
            told = json.loads(body)
            name, error = str(told["cell"]), told["error"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Broken("the process broke the protocol: no report of a cell") from error
        if self.cells < 0:
            raise Broken("the process broke the protocol: more cells than there are")
        if error is not None:
            self.outcome.errors.append((name, str(error)))

    def _give(self, ends) -> None:
        """The next task's inputs, and the clock set to its own time."""
        if len(self.outcome.answers) == len(self.tasks):
            raise Broken("the process broke the protocol: more tasks than there are")
        task = self.tasks[len(self.outcome.answers)]
        self.left -= max(0.0, time.monotonic() - self.since - self.excused)
        self.asked = Answer(task.inputs(self.seeds[task.name]))
        self.outbox = memoryview(bytes(self.outbox) + channel.frame(INPUTS, pack(self.asked.inputs)))
        if self.process.stdin not in ends.get_map():
            ends.register(self.process.stdin, selectors.EVENT_WRITE, self._write)
        self._allow(task.seconds)

    def _answer(self, kind: bytes, body: bytes) -> None:
        answer, task = self.asked, self.tasks[len(self.outcome.answers)]
        if kind == ERROR:
            answer.error = body.decode(errors="replace")
        else:
            try:
                answer.arrays = unpack(body, self.limits.answer * 1_000_000)
            except ValueError as error:
                answer.error = f"the answer is not plain arrays: {error}"
        self.outcome.answers[task.name], self.asked = answer, None
        self._cells_go_on()
        if len(self.outcome.answers) == len(self.tasks):
            self.finished = True  # whatever comes now changes no answer

    def _cells_go_on(self) -> None:
        self.since = time.monotonic()
        self._allow(max(self.left, 0.0))

    def _allow(self, seconds: float) -> None:
        self.allowed, self.excused = seconds, 0.0
        self.limit = time.monotonic() + seconds

    def _end(self, ended: str, why: str) -> None:
        self.printed += (_read(self.process.output) or b"")[: TEXT - len(self.printed)]
        self.outcome.ended, self.outcome.why = ended, why

    def _excused(self) -> bool:
        """Put the limit off by as long as the process had to wait for the processor, within PATIENCE."""
        more = min(waited(self.process.process.pid), PATIENCE * self.allowed) - self.excused
        if more < TICK:
            return False
        self.excused += more
        self.limit += more
        return True

    def _late(self) -> None:
        if self.asked:
            task = self.tasks[len(self.outcome.answers)]
            return self._end("timed out", f"{task.title}: no answer within {task.seconds:g} s")
        self._end("timed out", "the notebook's cells took too long")

    def _exceeded(self, what: str) -> None:
        if what == "memory":
            return self._end("out of memory", f"it used more than {self.limits.memory} MB")
        self._end("crashed", f"it started more than {self.limits.processes} processes and threads")

    def _gone(self) -> None:
        """The channel's other end is closed: the process has ended, or has closed it itself."""
        code = self.process.wait(2)
        if what := self.process.watch.exceeded():
            return self._exceeded(what)
        if code is None:
            return self._end("crashed", "the process closed its connection to the grader")
        if code == 128 + signal.SIGXCPU:
            return self._end("timed out", "it used more processor time than all its limits together")
        how = f"by signal {code - 128}" if code > 128 else f"with exit code {code}"
        self._end("crashed", f"the process ended {how} before it had answered everything")


def _job(steps, limits, seconds: int) -> bytes:
    """The steps, and the limits of each single process, which the harness sets on itself first of all."""
    mega = 1_000_000
    own = {
        "RLIMIT_AS": (limits.memory + limits.libraries) * mega,
        "RLIMIT_FSIZE": limits.file * mega,
        "RLIMIT_CPU": seconds,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_NOFILE": 1024,
        "RLIMIT_CORE": 0,
    }
    told = [{"run": step.run} if isinstance(step, Task) else step for step in steps]
    return json.dumps({"limits": own, "steps": told}).encode()


def _read(end: int) -> bytes | None:
    """What there is to read; b"" at the end, None if there is nothing yet."""
    try:
        return os.read(end, 1 << 20)
    except BlockingIOError:
        return None
