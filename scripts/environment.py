"""Write environment.yml, for conda users, from requirements.lock: the same libraries in the same versions."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def environment() -> str:
    """The text of environment.yml; requirements.lock is its one source."""
    lock = (ROOT / "requirements.lock").read_text()
    pins = [line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"[a-zA-Z0-9]", line)]
    head = "# Written by `make lock` from requirements.lock: conda env create -f environment.yml\n"
    lines = ["name: lecturekit", "dependencies:", "  - python=3.11", "  - pip", "  - pip:"]
    return head + "\n".join(lines + [f"      - {pin}" for pin in [*pins, "-e ."]]) + "\n"


if __name__ == "__main__":
    (ROOT / "environment.yml").write_text(environment())
