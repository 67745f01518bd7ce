"""The homework on the Conditional GAN: its tasks, their points, and how answers become marks."""

from functools import partial
from pathlib import Path

from lecturekit.homework.answers import NotWritten, Received, Wrong
from lecturekit.homework.checks import PROPERTIES, RUNS, judge
from lecturekit.homework.hidden import INPUTS
from lecturekit.homework.tasks import Arrays, Assignment, Mark, Task

TITLES = {
    "embedding": "The condition: embedding the label",
    "generator": "The generator G(z|y)",
    "discriminator": "The discriminator D(x|y)",
    "discriminator_loss": "The discriminator's loss",
    "generator_loss": "The generator's loss",
    "train_step": "The training step",
    "sample_grid": "A grid of samples",
    "conditional_accuracy": "Conditional accuracy",
    "diversity": "Diversity",
    "trained": "The trained generator",
}
SECONDS = {"trained": 300.0}  # 2,000 steps: 10 s for the solution on a quiet core, 30 s with convolutions


def mark(name: str, given: Arrays, answers: Arrays) -> Mark:
    """The points of a task's properties that hold, and what the student reads about the others."""
    points, comments, came, doubtful = 0.0, [], set(), False
    for part, error in judge(name, given, Received(name, answers)):
        if error is None:
            points += part.points
            continue
        points += error.share * part.points
        doubtful |= error.doubtful
        if error.came not in came:  # what stopped it once is told once
            comments.append(_comment(part.says, error))
            came.add(error.came)
    out_of = sum(part.points for part in PROPERTIES[name])
    return Mark(points, out_of, " ".join(comments) or "All as expected.", doubtful)


def _comment(says: str, error: Wrong) -> str:
    if isinstance(error, NotWritten):
        return "Not written yet."
    hint = f" {error.hint[:1].upper()}{error.hint[1:]}" if error.hint else ""
    return f"Expected: {says}. Came: {error.came}.{hint}"


CONDITIONAL_GAN = Assignment(
    name="conditional_gan",
    tasks=tuple(
        Task(
            name=name,
            title=title,
            points=sum(part.points for part in PROPERTIES[name]),
            inputs=INPUTS[name],
            run=f"{RUNS[name].__name__}:{name}",
            mark=partial(mark, name),
            seconds=SECONDS.get(name, 60.0),
        )
        for name, title in TITLES.items()
    ),
    source=Path(__file__).parents[2] / "notebooks" / "homework" / "conditional_gan.ipynb",
    written=(("written_l1", 10.0), ("written_condition", 10.0)),
    hidden=("cgan", "claims", "exercises", "layers/gan.py", "layers/generators.py"),
)
