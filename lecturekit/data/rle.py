"""COCO's ways to write a mask down: polygons, run lengths (RLE) as a list, run lengths as compressed text."""

import numpy as np


def decode_mask(segmentation: list | dict, height: int, width: int, whose: str = "mask") -> np.ndarray:
    """A COCO segmentation as uint8 [H,W].

    `segmentation` is a list of polygons [x, y, x, y, …] in pixels, filled as COCO's own tool does it, or
    {"size": [H, W], "counts": list or compressed text}. Raises ValueError, naming `whose` mask it is, when
    the run lengths don't add up to the picture.
    """
    if isinstance(segmentation, list):
        from faster_coco_eval import mask as api

        polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
        return api.decode(api.merge(api.frPyObjects(polygons, height, width)))
    counts = segmentation["counts"]
    runs = np.array(counts if isinstance(counts, list) else _uncompress(counts), np.int64)
    fits = runs.min(initial=0) >= 0 and runs.sum() == height * width
    if list(segmentation["size"]) != [height, width] or not fits:
        raise ValueError(
            f"{whose}: the RLE is {segmentation['size']} with {runs.sum()} pixels in its runs, "
            f"and its picture is [{height}, {width}] with {height * width}"
        )
    values = np.arange(len(runs)) % 2  # runs of 0 and 1 in turn, column by column
    return np.repeat(values, runs).reshape(width, height).T.astype(np.uint8)


def encode_mask(mask: np.ndarray) -> dict:
    """A mask [H,W] as COCO's compressed run lengths, {"size": [H, W], "counts": text}, ready for JSON."""
    from faster_coco_eval import mask as api

    rle = api.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(n) for n in mask.shape], "counts": rle["counts"].decode("ascii")}


def _uncompress(text: str | bytes) -> list[int]:
    """Run lengths from COCO's text: five bits of number a character and one that says "more follows".

    From the fourth on, a number is the difference to the run before the last one.
    """
    runs: list[int] = []
    value = shift = 0
    for code in text.encode("ascii") if isinstance(text, str) else text:
        value |= ((code - 48) & 31) << shift
        shift += 5
        if (code - 48) & 32:
            continue
        if (code - 48) & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return runs
