"""The instant checks of the student's notebook: `check("generator", Generator)`.

They ask what the grader asks, with inputs of another seed, and tell the first thing that isn't as expected:
what was expected, what came, and where a usual mistake is recognised, a hint.
"""

import contextlib
import io
from collections.abc import Iterator

from lecturekit.homework import hidden, loop, probes, probes_training
from lecturekit.homework.answers import NotWritten, Property, Received, Wrong
from lecturekit.homework.properties import NETWORKS
from lecturekit.homework.properties_losses import LOSSES
from lecturekit.homework.properties_results import RESULTS
from lecturekit.homework.properties_sampling import SAMPLING
from lecturekit.homework.properties_training import TRAINING

PROPERTIES: dict[str, tuple[Property, ...]] = NETWORKS | LOSSES | TRAINING | SAMPLING | RESULTS
NAMES: dict[str, tuple[str, ...]] = {  # what of a notebook each task is about
    "embedding": ("Embedding",),
    "generator": ("Generator",),
    "discriminator": ("Discriminator",),
    **{
        name: (name,)
        for name in (
            "discriminator_loss",
            "generator_loss",
            "train_step",
            "sample_grid",
            "conditional_accuracy",
            "diversity",
        )
    },
    "trained": loop.PARTS,
}
RUNS = {  # the module in which each task's questions are asked
    name: {"train_step": probes_training, "sample_grid": probes_training, "trained": loop}.get(name, probes)
    for name in NAMES
}
SEED = 0


def check(name: str, *answer) -> bool:
    """Print how an answer does; True if it is right in everything that is looked at.

    name: the task. answer: what it asks for, in the order of NAMES[name]. Raises ValueError for an unknown
    name and for the wrong number of answers, for nothing that the student's code does.
    """
    if name not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}, got {name!r}")
    if len(answer) != len(NAMES[name]):
        raise ValueError(f'expected check("{name}", {", ".join(NAMES[name])}), got {len(answer)} answers')
    given = hidden.INPUTS[name](SEED)
    received = Received(name, ask(name, dict(zip(NAMES[name], answer, strict=True)), given))
    results = list(judge(name, given, received))
    wrong = [(part, error) for part, error in results if error and error.share < 1]
    if not wrong:
        print(f"{name}: all {len(results)} right. Well done!")
        return True
    part, error = wrong[0]
    if isinstance(error, NotWritten):
        print(f"{name}: not written yet.")
        return False
    print(f"{name}: {len(results) - len(wrong)} of {len(results)} right, but not this:")
    print(f"  expected: {part.says}")
    print(f"  came:     {error.came}")
    if error.hint:
        print(f"  Hint: {error.hint}")
    return False


def judge(name: str, given, received: Received) -> Iterator[tuple[Property, Wrong | None]]:
    """Each property of a task, and what is wrong with it."""
    for part in PROPERTIES[name]:
        try:
            part.test(given, received)
            yield part, None
        except Wrong as error:
            yield part, error
        except (ValueError, IndexError, TypeError, KeyError, ArithmeticError):  # shapes that contradict
            yield part, Wrong("answers that don't fit together", doubtful=True)


def ask(name: str, namespace: dict, given) -> dict:
    """What the grader would get from the student's process; whatever is raised there is an answer, too.

    The dice stand afterwards as before, and nothing is printed.
    """
    import torch

    run = getattr(RUNS[name], name)
    dice, threads = torch.random.get_rng_state(), torch.get_num_threads()
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return dict(run(namespace, given))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a sys.exit() of the student's, too
        failed = probes.Answers()
        failed.fail("x", error)
        return failed
    finally:
        torch.random.set_rng_state(dice)
        torch.set_num_threads(threads)
