"""Widgets: move something, see what the network makes of it.

Each comes in three pieces, so that a lesson can show the same without a kernel and a test can check it:
a function of facts, a function that draws them, and the widget that calls both as its sliders move.
"""

from lecturekit.show.explore.arrows import draw_arrows, to_pixels
from lecturekit.show.explore.digits import digit_walk, digits, draw_digit_walk
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
from lecturekit.show.explore.loss_weight import draw_weight, loss_weight, stored_weights, tell_weight
from lecturekit.show.explore.mixing import draw_coefficients, draw_mixture, mixing, mixture, signed
from lecturekit.show.explore.repaint import draw_repainted, repaint, repaint_facts, repainted
from lecturekit.show.explore.roi import draw_roi, roi_facts, roi_sampling
from lecturekit.show.explore.suppression import draw_suppression, suppression, suppressions, tell_steps
from lecturekit.show.explore.thresholds import draw_verdicts, judge, raw_detections, thresholds

__all__ = [
    "coverage",
    "digit_walk",
    "digits",
    "draw_arrows",
    "draw_coefficients",
    "draw_costs",
    "draw_digit_walk",
    "draw_key_frames",
    "draw_mixture",
    "draw_repainted",
    "draw_roi",
    "draw_suppression",
    "draw_time_line",
    "draw_verdicts",
    "draw_weight",
    "frame_costs",
    "judge",
    "key_frames",
    "loss_weight",
    "mixing",
    "mixture",
    "raw_detections",
    "repaint",
    "repaint_facts",
    "repainted",
    "roi_facts",
    "roi_sampling",
    "signed",
    "stored_weights",
    "summary",
    "suppression",
    "suppressions",
    "tell_steps",
    "tell_weight",
    "thresholds",
    "to_pixels",
    "watch_clip",
]
