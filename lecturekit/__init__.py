"""lecturekit: the networks of the course, small enough to read and real enough to be true."""

__version__ = "0.1.0"
