"""Stands in the sandbox for files that students could copy from."""

raise ImportError("this part of lecturekit is withheld while homework is graded")
