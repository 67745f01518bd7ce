"""Widgets: move something, see what the network makes of it.

Each comes in three pieces, so that a lesson can show the same without a kernel and a test can check it:
a function of facts, a function that draws them, and the widget that calls both as its sliders move.
"""

from lecturekit.show.explore.mixing import draw_coefficients, draw_mixture, mixing, mixture, signed
from lecturekit.show.explore.roi import draw_roi, roi_facts, roi_sampling
from lecturekit.show.explore.suppression import draw_suppression, suppression, suppressions, tell_steps
from lecturekit.show.explore.thresholds import draw_verdicts, judge, raw_detections, thresholds

__all__ = [
    "draw_coefficients",
    "draw_mixture",
    "draw_roi",
    "draw_suppression",
    "draw_verdicts",
    "judge",
    "mixing",
    "mixture",
    "raw_detections",
    "roi_facts",
    "roi_sampling",
    "signed",
    "suppression",
    "suppressions",
    "tell_steps",
    "thresholds",
]
