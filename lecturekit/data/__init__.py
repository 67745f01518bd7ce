"""Datasets of the course, most of them (image, target) in torchvision's convention."""

from lecturekit.data.coco import CocoInstances
from lecturekit.data.digits import Digits, Mnist
from lecturekit.data.photos import FolderPatches, FolderPhotos, Photographs, PhotoPatches
from lecturekit.data.pictures import read_picture
from lecturekit.data.town import TownClips, TownPairs, TownPeople, TownScenes, collate, collate_frames
from lecturekit.data.views import TownHeaps, TownMaps, TownViews

__all__ = [
    "CocoInstances",
    "Digits",
    "FolderPatches",
    "FolderPhotos",
    "Mnist",
    "PhotoPatches",
    "Photographs",
    "TownClips",
    "TownHeaps",
    "TownMaps",
    "TownPairs",
    "TownPeople",
    "TownScenes",
    "TownViews",
    "collate",
    "collate_frames",
    "read_picture",
]
