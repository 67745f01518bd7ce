"""The claims of the instance lecture, a file each; `CLAIMS` lists them in the order of the lesson."""

from lecturekit.claims.instance import competition, neighbours, pooling
from lecturekit.claims.instance.neighbours import (
    components,
    found,
    instances_of,
    recall,
    semantic_map,
    touching,
)

__all__ = ["CLAIMS", "components", "found", "instances_of", "recall", "semantic_map", "touching"]

CLAIMS = (pooling.CLAIM, competition.CLAIM, neighbours.CLAIM)
