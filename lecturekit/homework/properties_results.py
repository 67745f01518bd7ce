"""What right measures and a rightly trained generator have, property by property."""

import numpy as np

from lecturekit.homework import reference
from lecturekit.homework.answers import Property, Received, Wrong, close
from lecturekit.homework.hidden import CLASSES
from lecturekit.homework.properties_losses import compare

# --- measures


def accuracy_value(given, got):
    cases = range(int(given["cases"]))
    arguments = [(given[f"logits_{c}"].astype(float), given[f"y_{c}"]) for c in cases]
    truth = [reference.conditional_accuracy(*a) for a in arguments]
    first = got.number("value_0")
    if not close(np.array(first), np.array(truth[0])) and not got.has("value_1"):
        # the second batch stopped it: what the first one gave tells more
        compare([first], truth[:1], reference.ACCURACY_MISTAKES, arguments[:1])
    compare([got.number(f"value_{c}") for c in cases], truth, reference.ACCURACY_MISTAKES, arguments)


def _diversity(given, got: Received, cases: range) -> None:
    arguments = [(given[f"features_{c}"].astype(float), given[f"y_{c}"]) for c in cases]
    truth = [reference.diversity(*a) for a in arguments]
    compare([got.number(f"value_{c}") for c in cases], truth, reference.DIVERSITY_MISTAKES, arguments)


def diversity_value(given, got):
    _diversity(given, got, range(1))


def diversity_some_classes(given, got):
    if not np.isfinite(got.number("value_1")):
        raise Wrong(
            "nan where some classes don't occur",
            "the mean of no pairs is no number: go over the classes that occur, y.unique().",
        )
    _diversity(given, got, range(2))


# --- the trained generator

# Thresholds: for all points, and for half of them. Honest generators, six pairs of networks and three seeds,
# 2,000 steps each: accuracy 0.91 to 1.00; variety 0.91 to 1.29, but 0.22 to 0.65 for two pairs whose D has
# one hidden layer and no dropout; nearness 0.94 and more, twins 1.00 and more. Stored pictures with noise
# of 0.2: twins 0.89; blends of two stored ones, 7 to 3: nearness 0.65.
ACCURATE, VARIED = (0.85, 0.60), (0.15, 0.07)
NEAR, TWIN = 0.75, 0.92  # stored pictures lie below
MARGIN = 0.03  # a result this near to a threshold is looked at by a person
JUMP = 0.1  # of a pixel, for a move of the noise by 0.001


def _drawn(given, got: Received) -> np.ndarray:
    x = got.array("x", (len(given["y"]), 1, 8, 8))
    if x.min() < -1e-3 or x.max() > 1.001:
        raise Wrong(f"pixels from {x.min():.3g} to {x.max():.3g}", "pixels lie in 0..1.")
    if np.abs(x - got.array("again", x.shape)).max() > 1e-5:
        raise Wrong("other pictures for the same z and y", "in eval mode G(z|y) has nothing random in it.")
    return x.clip(0, 1)


def _measured(given, got: Received) -> dict[str, float]:
    if not got.kept:
        got.kept.update(measure(given, _drawn(given, got)))
    return got.kept


def measure(given, drawn: np.ndarray) -> dict[str, float]:
    """What the judge says of pictures [N, 1, 8, 8] that were drawn for given["y"]: their accuracy, variety
    (as a share of the real digits'), and by how much they are nearer to the training pictures than held-out
    real digits are (nearness), and nearer to one of them alone (twins).
    """
    import torch

    from lecturekit.data import Digits
    from lecturekit.metrics import judges

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x, images = torch.from_numpy(drawn).float(), torch.from_numpy(given["images"])
        names, held_out = torch.from_numpy(given["labels"]), Digits("val").all()[0]
        read = judges.judge("digit_judge")(images).argmax(dim=1)
        digit = torch.stack([read[names == k].mode().values for k in range(CLASSES)])
        y = digit[torch.from_numpy(given["y"])]
        return {
            "accuracy": judges.conditional_accuracy(x, y),
            "variety": judges.diversity(x, y, images, digit[names]),
            "nearness": judges.copies(x, images, held_out),
            "twins": twins(x, images) / twins(held_out, images),
        }
    finally:
        torch.set_num_threads(threads)


def twins(pictures, real) -> float:
    """How much nearer the nearest real picture is than the second nearest: the median of their ratio, 0..1.

    A stored picture with noise on it is far from all, but much nearer to one than to any other.
    """
    import torch

    first, second = torch.cdist(pictures.flatten(1), real.flatten(1)).topk(2, largest=False).values.T
    return float((first / second.clamp(min=1e-9)).median())


def _graded(value: float, thresholds: tuple[float, float], came: str, hint: str) -> None:
    """All points from the first threshold on, half of them from the second; doubtful near either."""
    full, half = thresholds
    doubtful = min(abs(value - full), abs(value - half)) < MARGIN
    if value < full:
        raise Wrong(came, hint, doubtful=doubtful, share=0.5 if value >= half else 0.0)
    if doubtful:
        raise Wrong(came, "so near to the threshold a person looks at it.", doubtful=True, share=1.0)


def trained_own(given, got):
    """No table of stored pictures; a suspicion of that is always for a person to look at."""
    measured = _measured(given, got)
    for value, bar, came in (
        (measured["nearness"], NEAR, "pictures that lie on training pictures"),
        (measured["twins"], TWIN, "pictures that look like single training pictures with noise on them"),
    ):
        if value < bar:
            raise Wrong(came, "a generator draws; it doesn't look up.", doubtful=True)
    x = got.array("x")
    if np.abs(got.array("near", x.shape) - x).max() > JUMP:
        raise Wrong(
            "pictures that jump when z moves by a thousandth",
            "G(z|y) is a smooth function of z, not a table.",
            doubtful=True,
        )


def trained_accuracy(given, got):
    trained_own(given, got)
    share = _measured(given, got)["accuracy"]
    _graded(
        share,
        ACCURATE,
        f"{share:.0%} of the pictures read as their labels",
        "is the condition in both networks, and in train_step the same y for G and D?",
    )


def _worth_looking(given, got: Received) -> dict[str, float]:
    """Noise is varied and copies nobody: such points are for pictures that are digits."""
    measured = _measured(given, got)
    if measured["accuracy"] < ACCURATE[1]:
        raise Wrong("pictures that are not yet the digits asked for", "first the digits have to be right.")
    return measured


def trained_variety(given, got):
    trained_own(given, got)
    share = _worth_looking(given, got)["variety"]
    _graded(
        share,
        VARIED,
        f"{share:.0%} of the variety of the real digits",
        "a generator that draws the same 3 each time has collapsed: does z matter, and is it new each step? "
        "A D that is too weak lets it pass, too.",
    )


def trained_new(given, got):
    _worth_looking(given, got)
    trained_own(given, got)


RESULTS: dict[str, tuple[Property, ...]] = {
    "conditional_accuracy": (
        Property(4, "the share of pictures that the judge reads as their labels", accuracy_value),
    ),
    "diversity": (
        Property(
            2, "the mean distance of two pictures of a class, averaged over the classes", diversity_value
        ),
        Property(2, "the same where some classes don't occur", diversity_some_classes),
    ),
    "trained": (
        Property(4, "the judge reads at least 85 % of the pictures as their labels", trained_accuracy),
        Property(3, "at least 15 % of the variety of the real digits", trained_variety),
        Property(1, "no copies of training pictures", trained_new),
    ),
}
