"""Lecture 5: conditional image generation."""
