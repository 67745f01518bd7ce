"""`python -m lecturekit` is the command line `lecturekit`."""

from lecturekit.cli import main

if __name__ == "__main__":
    main()
