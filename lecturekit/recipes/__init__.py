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
    """The Recipe of a system; ValueError for an unknown name."""
    lecture = importlib.import_module(f"lecturekit.recipes.{entry(name).lecture}")
    return getattr(lecture, name.upper())


def row(name: str) -> dict:
    """A system as `lecturekit list` tells it: {system, lecture, paper, year, arxiv, params: {tiny,
    paper}}."""
    it = entry(name)
    told = {"lecture": it.lecture, "paper": it.title, "year": it.year, "arxiv": it.arxiv}
    return {"system": name, **told, "params": {"tiny": it.tiny, "paper": it.paper}}
