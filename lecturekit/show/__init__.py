"""Pictures, widgets and looks inside, for the notebooks and the command line.

`watch`, `source`, `figure` and `panels` are functions; they hide the modules of the same names.
"""

from lecturekit.show.figure import figure, panels
from lecturekit.show.source import source
from lecturekit.show.watch import watch

__all__ = ["figure", "panels", "source", "watch"]
