"""The claims of the instance lecture, a file each; `CLAIMS` lists them in the order of the lesson."""

from lecturekit.claims.instance import competition, key_frames, neighbours, pooling, prototypes, speed
from lecturekit.claims.instance.neighbours import (
    components,
    found,
    instances_of,
    recall,
    semantic_map,
    touching,
)

__all__ = ["CLAIMS", "components", "found", "instances_of", "recall", "semantic_map", "touching"]

CLAIMS = (pooling.CLAIM, neighbours.CLAIM, competition.CLAIM, speed.CLAIM, prototypes.CLAIM, key_frames.CLAIM)
