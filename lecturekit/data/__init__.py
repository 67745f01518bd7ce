"""Datasets of the course, each a list of (image, target) in torchvision's convention."""

from lecturekit.data.coco import CocoInstances
from lecturekit.data.pictures import read_picture
from lecturekit.data.town import TownClips, TownPairs, TownPeople, TownScenes, collate, collate_frames

__all__ = [
    "CocoInstances",
    "TownClips",
    "TownPairs",
    "TownPeople",
    "TownScenes",
    "collate",
    "collate_frames",
    "read_picture",
]
