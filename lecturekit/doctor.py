"""What `lecturekit doctor` looks at: a small function for each thing that can be wrong with an installation.

A check gives {name, status, found, mend}: "ok", "note" (worth knowing, breaks nothing) or "wrong"; `mend`
says what to do, None if nothing.
"""

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
LOCK = HOME / "requirements.lock"
TIED = (
    "torch",
    "torchvision",
    "pillow",
)  # other versions give other operators, or other pictures of Toy Town
AGAIN = "run `make setup` in the course's folder"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Wrong(Exception):
    """A check's finding: what was found, and how to mend it."""


class Note(Wrong):
    """A finding that breaks nothing."""


def examine() -> list[dict]:
    """All checks, in the order in which one thing needs the other; none of them raises."""
    checks = [_checked("python", python), _checked("platform", platform.platform)]
    checks += [_checked(name, lambda name=name: library(name)) for name in libraries()]
    named: list[tuple[str, Callable[[], str]]] = [
        ("torch works", torch_works),
        ("torchvision's operators", operators),
        ("average precision", average_precision),
        ("drawing", drawing),
        ("digits and photographs", own_data),
        *((f"weights of {name}", lambda name=name: weights(name)) for name in systems()),
        ("threads", threads),
        ("graphics processor", graphics),
        ("browser (for its test)", browser),
        ("bubblewrap (for grading)", sandbox),
        ("disk", disk),
    ]
    return checks + [_checked(name, check) for name, check in named]


def _checked(name: str, check: Callable[[], str]) -> dict:
    try:
        return {"name": name, "status": "ok", "found": check(), "mend": None}
    except Wrong as finding:
        found, mend = finding.args
        status = "note" if isinstance(finding, Note) else "wrong"
        return {"name": name, "status": status, "found": found, "mend": mend}
    except Exception as error:  # whatever a broken library raises is what was looked for
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return {"name": name, "status": "wrong", "found": found, "mend": AGAIN}


def python() -> str:
    found = f"{platform.python_version()} in {sys.prefix}"
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        raise Wrong(found, "the course needs Python 3.11 to 3.13: make setup PYTHON=python3.11")
    return found


def libraries() -> list[str]:
    """The names of the libraries that the package itself asks for."""
    from packaging.requirements import Requirement

    asked = map(Requirement, importlib.metadata.requires("lecturekit") or [])
    return [r.name for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})]


def locked() -> dict[str, str]:
    """The versions of requirements.lock that are meant for this machine; none outside a checkout."""
    from packaging.requirements import Requirement

    if not LOCK.is_file():
        return {}
    lines = [line.split(" \\")[0] for line in LOCK.read_text().splitlines() if line[:1].isalnum()]
    asked = [r for r in map(Requirement, lines) if r.marker is None or r.marker.evaluate()]
    return {r.name: str(r.specifier).removeprefix("==") for r in asked}


def library(name: str) -> str:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        raise Wrong("not installed", AGAIN) from None
    tested = locked().get(name)
    if tested and found.split("+")[0] != tested:
        how = Wrong if name in TIED else Note
        raise how(found, f"the course was tested with {tested}: {AGAIN}")
    return found


def torch_works() -> str:
    import torch

    product = torch.ones(2, 3) @ torch.ones(3, 2)
    if not torch.equal(product, torch.full((2, 2), 3.0)):
        raise Wrong(f"2x3 ones times 3x2 ones gave {product.tolist()}", AGAIN)
    return f"{torch.__version__} computes"


def operators() -> str:
    import torch

    mend = f"torch and torchvision aren't a pair (one is a CPU-only build?): {AGAIN}"
    try:
        from torchvision.ops import nms, roi_align

        boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30]])
        kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist()
        pooled = roi_align(torch.ones(1, 1, 8, 8), [boxes[:1] / 2], 2)
    except (ImportError, RuntimeError, AttributeError) as error:
        raise Wrong(" ".join(str(error).split()), mend) from error
    if kept != [0, 2] or not torch.equal(pooled, torch.ones(1, 1, 2, 2)):
        raise Wrong(f"nms kept {kept} of three boxes, 0 and 2 were expected", mend)
    return "nms and roi_align compute"


def average_precision() -> str:
    from faster_coco_eval.core import mask
    from numpy import asfortranarray, eye

    if mask.area(mask.encode(asfortranarray(eye(5, dtype="uint8")))) != 5:
        raise Wrong("a mask of 5 pixels has another area in faster-coco-eval", AGAIN)
    return "faster-coco-eval encodes masks"


def drawing() -> str:
    from PIL import ImageFont, features

    if not features.check("freetype2"):
        raise Wrong("Pillow was built without FreeType: no texts on pictures", AGAIN)
    return f"Pillow writes with {' '.join(ImageFont.load_default(14).getname())}"


def own_data() -> str:
    """Those of scikit-learn and scikit-image; without them one lecture stands still, and no other."""
    from lecturekit.data import Digits
    from lecturekit.data.photos import HELD_OUT, TRAINING, photograph

    names = HELD_OUT + TRAINING
    try:
        digits = len(Digits("train")) + len(Digits("val"))
        for name in names:
            photograph(name)
    except Exception as error:  # whatever a broken or a smaller build raises
        found = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise Note(
            found, f"conditional generation needs scikit-learn's and scikit-image's data: {AGAIN}"
        ) from error
    return f"{digits:,} digits, {len(names)} photographs"


def systems() -> list[str]:
    """Everything that has weights: the systems, the judges and the other directions."""
    from lecturekit import recipes

    return [*recipes.names(), *recipes.EXTRAS]


def weights(name: str) -> str:
    from lecturekit import zoo

    try:
        model = zoo.load(name)
    except ValueError as error:
        raise Wrong(
            str(error), f"restore lecturekit/weights/{name}.safetensors from git, or train it"
        ) from error
    return f"load: {sum(p.numel() for p in model.parameters()):,} parameters"


def threads() -> str:
    import torch

    used, cores = torch.get_num_threads(), os.cpu_count() or 1
    found = f"{used} of {cores} cores"
    if used < cores and os.environ.get("OMP_NUM_THREADS"):
        raise Note(
            found, f"OMP_NUM_THREADS={os.environ['OMP_NUM_THREADS']} holds torch back; unset it to use all"
        )
    return found


def graphics() -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)} (--device cuda)"
    if torch.backends.mps.is_available():
        return "Apple's (--device mps)"
    return "none, and none is needed"


def browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise Note("none", "only the browser test needs one: on Debian and Ubuntu, apt-get install chromium")
    return found


def sandbox() -> str:
    found = shutil.which("bwrap")
    if not found:
        mend = "only grading homework needs it: on Debian and Ubuntu, apt-get install bubblewrap"
        raise Note("none", mend)
    return found


def disk() -> str:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    found = f"{free:.1f} GB free in {Path.cwd()}"
    if free < 1:
        raise Note(found, "trainings and notebooks need about 1 GB")
    return found
