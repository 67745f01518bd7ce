"""Limits on a whole process tree: a control group where the grader may make one, else a watch on /proc.

Limits of one process (address space, CPU time, file size) are the harness's; these here hold for all
processes of a submission together, however many it starts.
"""

import contextlib
import itertools
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
NEARLY = 0.95  # of the memory's limit
_number = itertools.count()


@dataclass(frozen=True)
class Limits:
    """memory, scratch (its only writable folder), file and answer in MB; processes count threads, too."""

    memory: int = 3000
    processes: int = 128
    scratch: int = 200
    file: int = 100
    answer: int = 64
    libraries: int = 6000  # MB of address space that torch's libraries may map beyond the memory


def control_groups() -> dict[str, Path] | None:
    """This process's folders of the memory and pids controllers (version 1), if they can be written to."""
    found = {}
    try:
        own = dict(line.split(":")[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except (OSError, ValueError):
        return None
    for controller in ("memory", "pids"):
        for _, mount, kind, options, *_ in mounts:
            if kind == "cgroup" and controller in options.split(","):
                inside = next((p for names, p in own.items() if controller in names.split(",")), "/")
                folders = [Path(mount) / inside.lstrip("/"), Path(mount)]
                usable = (f for f in folders if f.is_dir() and os.access(f, os.W_OK))
                if folder := next(usable, None):
                    found[controller] = folder
    return found if len(found) == 2 else None


class Group:
    """A control group for one submission; `procs` are the files that its first process enters by."""

    def __init__(self, parents: dict[str, Path], limits: Limits):
        _sweep(parents)
        self.size = limits.memory * 1_000_000
        name = f"lecturekit-{os.getpid()}-{next(_number)}"
        self.memory, self.pids = parents["memory"] / name, parents["pids"] / name
        try:
            for folder in (self.memory, self.pids):
                folder.mkdir()
            (self.memory / "memory.limit_in_bytes").write_text(str(self.size))
            with contextlib.suppress(OSError):  # kernels without swap accounting
                (self.memory / "memory.memsw.limit_in_bytes").write_text(str(self.size))
            (self.pids / "pids.max").write_text(str(limits.processes))
        except OSError:
            self.close()
            raise

    @property
    def procs(self) -> list[str]:
        return [str(folder / "cgroup.procs") for folder in (self.memory, self.pids)]

    def exceeded(self) -> str | None:
        """What ran out, if something did; the caller then kills the tree, if the kernel hasn't yet.

        Near the limit the kernel would long throw out pages of code, and read them again, before it kills.
        """
        with contextlib.suppress(OSError):
            killed = re.search(r"^oom_kill (\d+)", (self.memory / "memory.oom_control").read_text(), re.M)
            used = re.search(r"^rss (\d+)", (self.memory / "memory.stat").read_text(), re.M)
            if (killed and int(killed[1])) or (used and int(used[1]) > NEARLY * self.size):
                return "memory"
        return None

    def close(self) -> None:
        """Remove the group, after killing whatever is still in it."""
        for folder in (self.memory, self.pids):
            _remove(folder)


def _remove(folder: Path) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError):
            pids = map(int, (folder / "cgroup.procs").read_text().split())
            for pid in filter(None, pids):  # 0 is a process of another namespace, and would be ourselves
                with contextlib.suppress(OSError):
                    os.kill(pid, 9)
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


def _sweep(parents: dict[str, Path]) -> None:
    """Remove the groups of graders that were killed."""
    for parent in parents.values():
        for folder in parent.glob("lecturekit-*-*"):
            if not Path(f"/proc/{folder.name.split('-')[1]}").exists():
                _remove(folder)


class Watch:
    """Where there are no control groups: looks at the descendants of a process, as often as it is asked."""

    def __init__(self, root: int, limits: Limits):
        self.root, self.limits, self.found = root, limits, None

    def exceeded(self) -> str | None:
        """What ran out, if something did; the caller then kills the tree."""
        if self.found is None:
            threads, pids = _tree(self.root)
            limit = self.limits.memory * 1_000_000
            if threads > self.limits.processes:
                self.found = "processes"
            elif sum(map(_resident, pids)) > limit and sum(map(_share, pids)) > limit:
                self.found = "memory"
        return self.found


def _tree(root: int) -> tuple[int, list[int]]:
    """The number of threads of a process and its descendants, and their ids."""
    children: dict[int, list[int]] = {}
    threads: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                fields = Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry))
                threads[int(entry)] = int(fields[17])
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return sum(threads.get(pid, 0) for pid in found), found


def waited(root: int) -> float:
    """The longest that a process of the tree was ready to run while others had the processor, in seconds."""
    found = [0.0]
    for pid in _tree(root)[1]:
        with contextlib.suppress(OSError, ValueError, IndexError):
            found.append(int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9)
    return max(found)


def _resident(pid: int) -> int:
    """Bytes of its own that a process holds in memory; pages shared with a parent count for both."""
    with contextlib.suppress(OSError, ValueError):
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
        return (resident - shared) * PAGE
    return 0


def _share(pid: int) -> int:
    """Bytes that a process holds, shared pages divided by those who share them: exact, and slower to read."""
    with contextlib.suppress(OSError):
        found = re.search(r"^Pss_Anon: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
        return int(found[1]) * 1024 if found else _resident(pid)
    return _resident(pid)
