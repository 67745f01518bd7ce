"""The toys stand beside the tests; and whether there is a sandbox."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def sandbox():
    """For tests that need bubblewrap: skipped without it, but never in CI (LECTUREKIT_SANDBOX=required)."""
    from lecturekit.homework.sandbox import Missing, bubblewrap

    try:
        return bubblewrap()
    except Missing as reason:
        if os.environ.get("LECTUREKIT_SANDBOX") == "required":
            raise
        pytest.skip(str(reason))
