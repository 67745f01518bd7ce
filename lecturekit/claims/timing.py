"""Fair timings: all arms take turns in one run, on one thread, and what counts is their ratio, with a spread.

Seconds are the process's own (time of its thread on the processor), so that other programs on the machine
count little. Untrained networks serve as well as trained ones, once `settle` has tamed their norms and
`equal_detections` has made them find equally much.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor, nn

from lecturekit.layers.blocks import live_norms

SHORTEST = 0.02  # seconds that one measurement lasts at least; short calls are repeated within it


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch computes on one thread and keeps no gradients unless asked to."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


def seconds(call: Callable[[], object], times: int = 1) -> float:
    """Processor seconds of a call, the mean of `times` calls in a row."""
    start = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - start) / times


def interleaved(arms: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, list[float]]:
    """Seconds of each arm, one value per repeat; in every repeat all arms run once, each time another first.

    Calls before that warm up; where they are short, the second one says how many make one measurement.
    """
    times = {}
    for name, call in arms.items():
        first = seconds(call)
        once = first if first > 10 * SHORTEST else seconds(call)
        times[name] = max(1, round(SHORTEST / max(once, 1e-9)))
    measured = {name: [] for name in arms}
    names = list(arms)
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            measured[name].append(seconds(arms[name], times[name]))
    return measured


def spread(values: list[float]) -> dict[str, float]:
    """Median and quartiles: {median, low, high}; a single value is all three."""
    if len(values) == 1:
        return dict.fromkeys(("median", "low", "high"), values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": median, "low": low, "high": high}


@torch.no_grad()
def settle(model: nn.Module, images: list[Tensor]) -> None:
    """Give an untrained detector's norms, frozen ones too, the statistics of its own maps; in eval mode.

    Otherwise the maps of a deep untrained network grow from block to block beyond all reason.
    """
    live_norms(model)
    model.eval()
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    model(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum


def equal_detections(model: nn.Module, image: Tensor, candidates: int = 200, detections: int = 20) -> None:
    """Set a detector's thresholds so that of this picture `candidates` go into non-maximum suppression and
    `detections` come out with a mask. Mask R-CNN's family (torchvision's too) and YOLACT's.

    Raises ValueError where fewer come out.
    """
    scores = candidate_scores(model, image)
    threshold = scores.topk(candidates + 1).values[-1].item()
    if hasattr(model, "detections_per_image"):
        model.score_threshold, model.detections_per_image = threshold, detections
    else:
        model.roi_heads.score_thresh, model.roi_heads.detections_per_img = threshold, detections
    found = len(model([image])[0]["boxes"])
    if found != detections:
        raise ValueError(f"detections: {detections} were asked for, {found} came of {candidates} candidates")


def candidate_scores(model: nn.Module, image: Tensor) -> Tensor:
    """What a detector's score threshold is compared with in one picture: [number of candidates]."""
    if hasattr(model, "outputs"):
        return model.outputs(model.prepare([image]))["classes"][0].softmax(-1)[:, 1:].amax(-1)
    logits = []
    predictor = model.get_submodule("roi_heads.box_predictor")
    hook = predictor.register_forward_hook(lambda module, inputs, outputs: logits.append(outputs[0]))
    try:
        model([image])
    finally:
        hook.remove()
    return logits[0].softmax(-1)[:, 1:].flatten()


def random_boxes(count: int, side: float, seed: int = 0) -> Tensor:
    """Boxes [count, 4] inside a picture of that side, their own sides from a sixteenth to a half of it."""
    generator = torch.Generator().manual_seed(seed)
    sides = side * 0.0625 * 8 ** torch.rand(count, 2, generator=generator)
    corner = torch.rand(count, 2, generator=generator) * (side - sides)
    return torch.cat((corner, corner + sides), dim=1)
