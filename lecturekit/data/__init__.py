"""Datasets of the course, each a list of (image, target) in torchvision's convention."""
