"""What right losses have, property by property."""

import numpy as np

from lecturekit.homework import reference
from lecturekit.homework.answers import Property, Received, Wrong, close, same


def _cases(given) -> range:
    return range(int(given["cases"]) - 1)  # the last one has very large logits


def _sides(given, got: Received, case: int) -> list[np.ndarray]:
    names = ("real", "fake") if got.task == "discriminator_loss" else ("fake",)
    return [given[f"{side}_{case}"].astype(np.float64) for side in names]


def _true(got: Received):
    return getattr(reference, got.task)


def loss_is_a_tensor(given, got):
    for case in _cases(given):
        raw = got.raw(f"loss_{case}")
        if raw.size != 1:
            raise Wrong(
                f"a tensor of shape {list(raw.shape)}",
                "one number: the mean over the batch, as `reduction` has it.",
            )
        if not got.has(f"hangs_{case}") or not got.flag(f"hangs_{case}"):
            raise Wrong(
                "a number without a gradient",
                "return the tensor itself: .item(), float() and detach() cut the loss off from the networks.",
            )


def loss_value(given, got):
    came = [got.number(f"loss_{case}") for case in _cases(given)]
    sides = [_sides(given, got, case) for case in _cases(given)]
    truth = [_true(got)(*side) for side in sides]
    mistakes = (
        reference.DISCRIMINATOR_MISTAKES if got.task == "discriminator_loss" else reference.GENERATOR_MISTAKES
    )
    compare(came, truth, mistakes, sides)


def compare(came: list[float], truth: list[float], mistakes: dict, arguments: list) -> None:
    """Raises Wrong at the first number that isn't the true one, with the hint of the mistake that fits."""
    for number, expected in zip(came, truth, strict=True):
        if close(np.array(number), np.array(expected)):
            continue
        hint = ""
        for words, mistake in mistakes.items():
            values = [float(mistake(*given)) for given in arguments]
            if all(close(np.array(c), np.array(v), 1e-3) for c, v in zip(came, values, strict=True)):
                hint = words
                break
        doubtful = close(np.array(number), np.array(expected), 3e-3)
        raise Wrong(f"{number:.5g} where {expected:.5g} is right", hint, doubtful=doubtful)


def loss_slopes(given, got):
    for case in _cases(given):
        sides = _sides(given, got, case)
        if got.task == "discriminator_loss":
            truth = dict(zip(("real", "fake"), reference.discriminator_slopes(*sides), strict=True))
        else:
            truth = {"fake": reference.generator_slope(*sides)}
        got.number(f"loss_{case}")
        for side, slope in truth.items():
            found = got.array(f"slope_{side}_{case}", slope.shape)
            if not found.any():
                raise Wrong(
                    f"no gradient at the {side} logits",
                    "detach() belongs to the pictures in D's turn (train_step), not to logits in the loss.",
                )
            same(found, slope, f"a gradient at the {side} logits that is not the loss's")


def loss_extremes(given, got):
    case = int(given["cases"]) - 1
    raw = got.raw(f"loss_{case}")
    names = ("real", "fake") if got.task == "discriminator_loss" else ("fake",)
    slopes = [got.raw(f"slope_{side}_{case}") for side in names] if got.has(f"slope_fake_{case}") else []
    if not all(np.isfinite(value).all() for value in (raw, *slopes)):
        raise Wrong(
            "inf or nan at logits of -150 and 150",
            "log(sigmoid(t)) rounds to log(0); logsigmoid, softplus and ..._with_logits stay exact.",
        )
    same(
        np.array(got.number(f"loss_{case}")), np.array(_true(got)(*_sides(given, got, case))), "another value"
    )


LOSS = "one number, in a tensor on which backward() can start"
LOSSES: dict[str, tuple[Property, ...]] = {
    "discriminator_loss": (
        Property(1, LOSS, loss_is_a_tensor),
        Property(3, "L_D = - mean log sigma(D(x|y)) - mean log(1 - sigma(D(G(z|y)|y)))", loss_value),
        Property(3, "the gradient of L_D at both kinds of logits", loss_slopes),
        Property(1, "exact at very large logits, too", loss_extremes),
    ),
    "generator_loss": (
        Property(1, LOSS, loss_is_a_tensor),
        Property(2, "L_G = - mean log sigma(D(G(z|y)|y)), the non-saturating one", loss_value),
        Property(2, "the gradient of L_G at the logits", loss_slopes),
        Property(1, "exact at very large logits, too", loss_extremes),
    ),
}
