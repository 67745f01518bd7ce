"""What masks cost in memory: counted from shapes, and measured at the peak."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

FLOAT = 4  # bytes


def yolact_bytes(prototypes: int, detections: int = 100, side: int = 138) -> dict[str, int]:
    """What a picture's masks are mixed from: prototypes [K, side, side] and coefficients [D, K]."""
    return {
        "prototypes": FLOAT * prototypes * side * side,
        "coefficients": FLOAT * detections * prototypes,
    }


def mask_rcnn_bytes(num_classes: int = 91, detections: int = 100, side: int = 28) -> dict[str, int]:
    """What the mask branch gives: a mask for each class, [D, C, side, side], of which one [D, side, side] is
    taken."""
    return {
        "masks of all classes": FLOAT * detections * num_classes * side * side,
        "masks taken": FLOAT * detections * side * side,
    }


def peak_bytes(call: Callable[[], object]) -> int:
    """The most that torch holds at once for a call, beyond what was there before, in bytes.

    Counts torch's own allocations on the processor, by its profiler; the operators' scratch space isn't seen.
    """
    from torch.profiler import ProfilerActivity, profile

    call()  # so that what is kept from call to call is there before
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        call()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text())["traceEvents"]
    held = most = 0
    for event in sorted((e for e in events if e.get("name") == "[memory]"), key=lambda e: e["ts"]):
        held += event["args"]["Bytes"]
        most = max(most, held)
    return most
