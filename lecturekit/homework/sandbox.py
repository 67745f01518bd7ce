"""The sandbox: Python with the libraries, a part of the package and an empty folder; no network.

bubblewrap gives it namespaces of its own (user, processes, network, mounts, ...). What isn't mounted isn't
there: neither the gradebook, nor other submissions, nor the lecturer's files, nor the solutions.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from lecturekit.homework.limits import Group, Limits, Watch, control_groups
from lecturekit.homework.tasks import Assignment

PACKAGE = Path(__file__).resolve().parents[1]
COURSE = Path("/course")
INSIDE = ("__init__.py", "arrays.py", "channel.py", "harness.py")  # of this folder
WITHHELD = PACKAGE / "homework" / "withheld.py"
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/scratch",
    "TMPDIR": "/scratch",
    "USER": "student",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


class Missing(ValueError):
    """There is no sandbox on this machine; the message says why."""


def bubblewrap() -> str:
    """The path of a bwrap that works here. Raises Missing saying why there is none."""
    program = shutil.which("bwrap")
    unsafe = "or let it run without a sandbox (--unsafe), where a submission can read and change your files"
    if program is None:
        raise Missing(
            f"bubblewrap is not installed, and students' code must not run without it: install it (on Debian "
            f"and Ubuntu: apt-get install bubblewrap), {unsafe}"
        )
    tried = subprocess.run(
        [program, *_namespaces(), "--ro-bind", "/", "/", "true"], capture_output=True, text=True, env={}
    )
    if tried.returncode:
        raise Missing(
            f"bubblewrap does not work here ({tried.stderr.strip() or f'exit code {tried.returncode}'}); are "
            f"unprivileged user namespaces allowed? Mend that, {unsafe}"
        )
    return program


class Sandbox:
    """Starts students' processes for one assignment. `unsafe` leaves bubblewrap away, not the limits.

    cgroups=False leaves control groups away where there are some: the watch on /proc takes their place.
    """

    def __init__(self, task: Assignment, limits: Limits, *, unsafe: bool = False, cgroups: bool = True):
        self.limits = limits
        self.groups = control_groups() if cgroups else None
        self.extra = _modules(task)
        self.program = None if unsafe else bubblewrap()
        self.mounts = [] if unsafe else _mounts(task, limits, self.extra)

    def visible(self) -> list[Path]:
        """The files and folders of this machine that students' code can read."""
        return [Path(self.mounts[i + 1]) for i, word in enumerate(self.mounts) if word == "--ro-bind"]

    def start(self) -> "Process":
        return Process(self)

    def command(self, answers: int, scratch: str) -> tuple[list[str], dict[str, str]]:
        """The command line and the environment of a student's process."""
        harness = [sys.executable, "-u", "-X", "utf8", "-m", "lecturekit.homework.harness", str(answers)]
        if self.program is None:
            paths = [str(PACKAGE.parent), *dict.fromkeys(str(p.parent) for p in self.extra.values())]
            own = {"PYTHONPATH": ":".join(paths), "HOME": scratch, "TMPDIR": scratch}
            return harness, ENVIRONMENT | own
        words = [self.program, *_namespaces(), *self.mounts]
        for name, value in (ENVIRONMENT | {"PYTHONPATH": str(COURSE)}).items():
            words += ["--setenv", name, value]
        return [
            *words,
            "--chdir",
            "/scratch",
            *harness,
        ], {}  # bwrap's own environment could be read in /proc/1


class Process:
    """A student's process: `stdin` and `answers` are the two ends of the channel, `output` is what it prints.

    All three are raw file descriptors that don't block. `close` ends the whole tree, whatever it is doing.
    """

    def __init__(self, sandbox: Sandbox):
        self.group = Group(sandbox.groups, sandbox.limits) if sandbox.groups else None
        self.scratch = tempfile.mkdtemp(prefix="lecturekit-") if sandbox.program is None else None
        self.answers, theirs = os.pipe()
        words, environment = sandbox.command(theirs, self.scratch or "/scratch")
        if self.group:  # a shell enters the group, then becomes the process
            enter = 'for f in $0; do echo $$ > "$f" || exit 125; done; exec "$@"'
            words = ["/bin/sh", "-c", enter, " ".join(self.group.procs), *words]
        try:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs,),
                env=environment,
                cwd=self.scratch or "/",
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        self.stdin, self.output = self.process.stdin.fileno(), self.process.stdout.fileno()
        for end in (self.stdin, self.output, self.answers):
            os.set_blocking(end, False)
        self.watch = self.group or Watch(self.process.pid, sandbox.limits)

    def wait(self, seconds: float) -> int | None:
        """The exit code (128 + n for signal n), None if it is still running after so many seconds."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return 128 - code if code < 0 else code

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # bwrap takes its process namespace along
        self.process.wait()
        if self.group:
            self.group.close()
        for end in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                end.close()
        os.close(self.answers)
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)


def _namespaces() -> list[str]:
    user = ["--unshare-user", "--disable-userns", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"]
    return ["--unshare-all", *user, "--die-with-parent", "--new-session", "--clearenv"]


def _without(hidden: tuple[str, ...]) -> list[str]:
    """The folders that hold something hidden, laid out anew: without it and its compiled copies."""
    words = []
    for folder in sorted({(PACKAGE / path).parent for path in hidden}, key=lambda f: len(f.parts)):
        place = COURSE / folder.relative_to(PACKAGE.parent)
        words += ["--tmpfs", str(place)]
        for entry in sorted(folder.iterdir()):
            if str(entry.relative_to(PACKAGE)) in hidden:
                if entry.suffix == ".py":
                    words += ["--ro-bind", str(WITHHELD), str(place / entry.name)]
            elif entry.name != "__pycache__":
                words += ["--ro-bind", str(entry), str(place / entry.name)]
        words += ["--remount-ro", str(place)]
    return words


def _modules(task: Assignment) -> dict[str, Path]:
    """The modules that hold the tasks' `run` functions, and their files."""
    found = {}
    for name in dict.fromkeys(t.run.split(":")[0] for t in task.tasks):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ValueError(f"tasks: there is no module {name}")
        found[name] = Path(spec.origin).resolve()
    return found


def _mounts(task: Assignment, limits: Limits, extra: dict[str, Path]) -> list[str]:
    """The system, the interpreter, the libraries and the visible part of the package, all read-only."""
    words = ["--ro-bind", "/usr", "/usr"]
    for folder in ("/lib", "/lib64", "/bin", "/sbin"):
        if os.path.islink(folder):
            words += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            words += ["--ro-bind", folder, folder]
    size = str(limits.scratch * 1_000_000)
    prefixes = [p for p in dict.fromkeys((sys.base_prefix, sys.prefix)) if not Path(p).is_relative_to("/usr")]
    if any(Path(prefix).is_relative_to("/tmp") for prefix in prefixes):  # a course that was put there
        words += ["--size", size, "--tmpfs", "/tmp"]
    else:
        words += ["--symlink", "scratch", "/tmp"]
    for prefix in prefixes:
        words += ["--ro-bind", prefix, prefix]
    if any(PACKAGE.is_relative_to(p) for p in ("/usr", sys.prefix, sys.base_prefix)):
        words += ["--tmpfs", str(PACKAGE)]  # an installed package is seen at one place only
    words += ["--ro-bind", str(PACKAGE), f"{COURSE}/lecturekit"]
    words += _without(task.hidden)
    words += ["--tmpfs", f"{COURSE}/lecturekit/homework"]
    for name in INSIDE:
        words += ["--ro-bind", str(PACKAGE / "homework" / name), f"{COURSE}/lecturekit/homework/{name}"]
    for name, file in extra.items():
        words += ["--ro-bind", str(file), f"{COURSE}/{name.replace('.', '/')}.py"]
    words += ["--proc", "/proc", "--dev", "/dev", "--size", size, "--tmpfs", "/dev/shm"]
    words += ["--size", size, "--tmpfs", "/scratch"]
    return [
        *words,
        "--remount-ro",
        f"{COURSE}/lecturekit/homework",
        "--remount-ro",
        "/dev",
        "--remount-ro",
        "/",
    ]
