"""The toys stand beside the tests; they need no torch in the sandbox."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
