"""The catalogue: which systems there are, and the recipe that trains each.

Importing this module, `names` and `CATALOGUE` wait for no heavy library; `get` imports the lecture's recipes.
"""

import importlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """A system of the catalogue: its paper, and the number of parameters of both sizes."""

    lecture: str
    title: str
    year: int
    arxiv: str
    tiny: int
    paper: int


CATALOGUE: dict[str, Entry] = {
    "mask_rcnn": Entry("instance", "Mask R-CNN", 2017, "1703.06870", tiny=832_729, paper=44_401_393),
    "keypoint_rcnn": Entry(
        "instance", "Mask R-CNN (keypoint branch)", 2017, "1703.06870", tiny=897_322, paper=59_137_258
    ),
    "yolact": Entry(
        "instance",
        "YOLACT: Real-time Instance Segmentation",
        2019,
        "1904.02689",
        tiny=460_936,
        paper=31_164_943,
    ),
    "yolact_edge": Entry(
        "instance",
        "YolactEdge: Real-time Instance Segmentation on the Edge",
        2020,
        "2012.12259",
        tiny=660_640,
        paper=35_389_247,
    ),
    "conditional_gan": Entry(
        "cgan", "Conditional Generative Adversarial Nets", 2014, "1411.1784", tiny=110_977, paper=3_638_335
    ),
    "super_resolution": Entry(
        "cgan", "SRResNet, by MAE or MSE", 2017, "1609.04802", tiny=110_915, paper=1_547_350
    ),
    "srgan": Entry(
        "cgan",
        "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network",
        2017,
        "1609.04802",
        tiny=536_100,
        paper=25_110_999,
    ),
    "pix2pix": Entry(
        "cgan",
        "Image-to-Image Translation with Conditional Adversarial Networks",
        2017,
        "1611.07004",
        tiny=694_132,
        paper=57_182_660,
    ),
    "cyclegan": Entry(
        "cgan",
        "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
        2017,
        "1703.10593",
        tiny=778_472,
        paper=28_285_832,
    ),
}

EXTRAS = {  # no systems, but trained like them: the judges of generated pictures, and other directions
    "digit_judge": "judges",
    "town_segmenter": "judges",
    "daylight_judge": "judges",
    "super_resolution_mae": "cgan",
    "pix2pix_back": "cgan",
    "pix2pix_edges": "cgan",
}


def names() -> list[str]:
    """The names of all systems, in the order of the lectures."""
    return list(CATALOGUE)


def entry(name: str) -> Entry:
    """The catalogue's entry; ValueError for an unknown name, which tells the known ones."""
    if name not in CATALOGUE:
        raise ValueError(f"system: {name!r} is no system of the catalogue; there are {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def get(name: str):
    """The Recipe of a system, or of one of the EXTRAS; ValueError for an unknown name."""
    module = EXTRAS[name] if name in EXTRAS else entry(name).lecture
    return getattr(importlib.import_module(f"lecturekit.recipes.{module}"), name.upper())


def paper(name: str):
    """A system's Paper, as the catalogue tells it."""
    from lecturekit.training import Paper

    it = entry(name)
    return Paper(it.title, it.year, it.arxiv)


def row(name: str) -> dict:
    """A system as `lecturekit list` tells it: {system, lecture, paper, year, arxiv, params: {tiny,
    paper}}."""
    it = entry(name)
    told = {"lecture": it.lecture, "paper": it.title, "year": it.year, "arxiv": it.arxiv}
    return {"system": name, **told, "params": {"tiny": it.tiny, "paper": it.paper}}
