"""Lecture 1: instance segmentation."""
