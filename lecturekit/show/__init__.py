"""Pictures, widgets and looks inside, for the notebooks and the command line.

`watch`, `source`, `figure` and `evidence` are functions; they hide the modules of the same names.
"""

from lecturekit.show import diagrams, draw, explore, generated
from lecturekit.show.album import snapshots
from lecturekit.show.cost import multiply_adds
from lecturekit.show.evidence import evidence, findings
from lecturekit.show.figure import features, figure, maps, outline, table
from lecturekit.show.source import source
from lecturekit.show.watch import watch

__all__ = [
    "diagrams",
    "draw",
    "evidence",
    "explore",
    "features",
    "figure",
    "findings",
    "generated",
    "maps",
    "multiply_adds",
    "outline",
    "snapshots",
    "source",
    "table",
    "watch",
]
