"""Frames between the grader and a student's process: one letter, a length, the bytes.

To the student's process: JOB (JSON: steps and limits), then INPUTS (npz) for each task. From it: HELLO before
the first cell, CELL (JSON: what became of a cell), READY for the next task's inputs, ANSWER (npz) or ERROR
(text), and END.
"""

import struct

JOB, INPUTS, HELLO, CELL, READY, ANSWER, ERROR, END = (bytes([letter]) for letter in b"jihc?=!.")
HEADER = struct.Struct(">cI")


def frame(kind: bytes, body: bytes = b"") -> bytes:
    return HEADER.pack(kind, len(body)) + body


def take(inbox: bytearray, limits: dict[bytes, int]) -> tuple[bytes, bytes] | None:
    """Take the first frame out of what has arrived so far; None while it is incomplete.

    Raises ValueError for a kind that `limits` lacks or a body longer than its limit.
    """
    if len(inbox) < HEADER.size:
        return None
    kind, length = HEADER.unpack_from(inbox)
    if kind not in limits:
        raise ValueError(f"an unexpected message {kind!r}")
    if length > limits[kind]:
        raise ValueError(f"a message of {length:,} bytes, at most {limits[kind]:,} are read")
    if len(inbox) < HEADER.size + length:
        return None
    body = bytes(inbox[HEADER.size : HEADER.size + length])
    del inbox[: HEADER.size + length]
    return kind, body
