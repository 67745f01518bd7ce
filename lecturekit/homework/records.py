"""What became of each submission, as one JSON file each, beside the gradebook: written whole or not at all.

grades.db                   nbgrader's gradebook
grades.db.records/salt      makes the hidden inputs other ones in every course; keep it secret
grades.db.records/NAME/STUDENT.json
"""

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path


class Records:
    """The folder of records of one assignment. Raises ValueError if another grader is at it."""

    def __init__(self, gradebook: Path, assignment: str):
        self.root = gradebook.with_name(gradebook.name + ".records")
        self.folder = self.root / assignment
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.root / "lock", "w")  # noqa: SIM115 (held until close)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.lock.close()
            raise ValueError(f"gradebook: another grader is at work on {gradebook}") from error
        self.salt = self._salt()

    def _salt(self) -> bytes:
        path = self.root / "salt"
        if not path.exists():
            write(path, secrets.token_hex(32).encode(), mode=0o600)
        return path.read_bytes()

    def close(self) -> None:
        self.lock.close()

    def seed(self, student: str, task: str) -> int:
        """The seed of a task's hidden inputs, in 0..2^31-1: a student's own, known to nobody beforehand."""
        told = hmac.new(self.salt, f"{self.folder.name}/{student}/{task}".encode(), hashlib.sha256)
        return int.from_bytes(told.digest()[:4], "big") >> 1

    def read(self, student: str) -> dict | None:
        """The record of a student; None if there is none that can be read."""
        with contextlib.suppress(OSError, ValueError):
            return json.loads((self.folder / f"{student}.json").read_bytes())
        return None

    def keep(self, record: dict) -> None:
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        write(self.folder / f"{record['student']}.json", text.encode())


def write(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a file in one stroke: whoever reads it, after whatever crash, finds the old one or the new."""
    part = path.with_name(f".{path.name}.part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
