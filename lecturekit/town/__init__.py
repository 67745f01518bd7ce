"""Toy Town: a small drawn world with every label that the lectures need, a pure function of a seed."""

from lecturekit.town.backdrop import STUFF
from lecturekit.town.cast import CLASSES, Actor
from lecturekit.town.clip import Clip, flow_between
from lecturekit.town.figures.person import BODY_KEYPOINTS, BODY_SKELETON, FACE_LANDMARKS
from lecturekit.town.render import SEMANTIC, Labels, picture_size, render
from lecturekit.town.scene import Scene

__all__ = [
    "BODY_KEYPOINTS",
    "BODY_SKELETON",
    "CLASSES",
    "FACE_LANDMARKS",
    "SEMANTIC",
    "STUFF",
    "Actor",
    "Clip",
    "Labels",
    "Scene",
    "flow_between",
    "picture_size",
    "render",
]
