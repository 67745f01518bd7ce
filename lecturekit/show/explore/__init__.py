"""Widgets: move something, see what the network makes of it.

Each comes in three pieces, so that a lesson can show the same without a kernel and a test can check it:
a function of facts, a function that draws them, and the widget that calls both as its sliders move.
"""

from lecturekit.show.explore.arrows import draw_arrows, to_pixels
from lecturekit.show.explore.key_frames import (
    coverage,
    draw_costs,
    draw_key_frames,
    draw_time_line,
    frame_costs,
    key_frames,
    summary,
    watch_clip,
)
from lecturekit.show.explore.mixing import draw_coefficients, draw_mixture, mixing, mixture, signed
from lecturekit.show.explore.roi import draw_roi, roi_facts, roi_sampling
from lecturekit.show.explore.suppression import draw_suppression, suppression, suppressions, tell_steps
from lecturekit.show.explore.thresholds import draw_verdicts, judge, raw_detections, thresholds

__all__ = [
    "coverage",
    "draw_arrows",
    "draw_coefficients",
    "draw_costs",
    "draw_key_frames",
    "draw_mixture",
    "draw_roi",
    "draw_suppression",
    "draw_time_line",
    "draw_verdicts",
    "frame_costs",
    "judge",
    "key_frames",
    "mixing",
    "mixture",
    "raw_detections",
    "roi_facts",
    "roi_sampling",
    "signed",
    "summary",
    "suppression",
    "suppressions",
    "tell_steps",
    "thresholds",
    "to_pixels",
    "watch_clip",
]
