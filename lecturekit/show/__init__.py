"""Pictures, widgets and looks inside, for the notebooks and the command line.

`watch`, `source`, `figure` and `maps` are functions; they hide the modules of the same names.
"""

from lecturekit.show import draw, explore
from lecturekit.show.figure import figure, maps
from lecturekit.show.source import source
from lecturekit.show.watch import watch

__all__ = ["draw", "explore", "figure", "maps", "source", "watch"]
