"""What a right training step has, property by property.

Two calls with stand-ins for the networks are made, and the second is looked at (see probes_training.py)."""

import numpy as np

from lecturekit.homework import reference
from lecturekit.homework.answers import Property, Received, Wrong, close
from lecturekit.homework.hidden import NOISE


def step_turns(given, got: Received):
    turns = got.array("turns", kinds="iu").tolist()
    if turns == [0, 1]:
        return
    if not turns:
        raise Wrong(
            "no optimiser stepped", "backward() only computes gradients; optimizer.step() moves the weights."
        )
    if turns == [1, 0]:
        if (_is_real(given, got.array("x_d")[:, :1])).any():
            raise Wrong(
                "the generator's optimiser stepped after D's loss, and the discriminator's after G's",
                "each loss has its own player: loss_d moves optimizer_d, loss_g moves optimizer_g.",
            )
        raise Wrong(
            "the generator moved first", "first D's turn, then G's: G learns from a D that has just learnt."
        )
    if 1 not in turns:
        raise Wrong(
            "the generator never moved; optimizer_d stepped "
            + ("once" if turns == [0] else f"{len(turns)} times"),
            "after loss_g.backward() it is optimizer_g that steps.",
        )
    if 0 not in turns:
        raise Wrong("the discriminator never moved", "after loss_d.backward() it is optimizer_d that steps.")
    raise Wrong(f"{len(turns)} steps of the optimisers", "one step of each player: first D's, then G's.")


def _is_real(given, x: np.ndarray) -> np.ndarray:
    """Which pictures [N, 1, 8, 8] are of the batch, bool [N, B]."""
    rows = x.reshape(len(x), -1)
    return np.abs(rows[:, None] - given["x"].reshape(1, len(given["x"]), -1)).max(axis=2) < 1e-5


def _seen(given, got: Received, side: str):
    """What D was shown in a turn: (y_real, x_fake, y_fake). Raises Wrong for other things than the batch."""
    y = got.array(f"y_{side}", kinds="iuf")
    x = got.array(f"x_{side}", (len(y), 1, 8, 8))
    real = _is_real(given, x)
    return [y[row] for row in real.T], x[~real.any(axis=1)], y[~real.any(axis=1)]


def step_condition(given, got):
    labels, fakes, condition = _seen(given, got, "d")
    if not all(len(found) for found in labels):
        raise Wrong(
            "a D that never saw the real pictures x in its turn", "D's loss needs D(x|y) and D(G(z|y)|y)."
        )
    if not len(fakes):
        raise Wrong(
            "a D that never saw a generated picture in its turn", "D's loss needs D(x|y) and D(G(z|y)|y)."
        )
    if any((found != y).any() for found, y in zip(labels, given["y"], strict=True)):
        raise Wrong("a real picture that stood before D with another one's label", "x and y come as pairs.")
    _, later, wanted = _seen(given, got, "g")
    for x, y in ((fakes, condition), (later, wanted)):
        if (asked_for(got, x) != y).any():
            raise Wrong(
                "a G(z|y) that stood before D with another label than it was drawn for",
                "one y for both: D judges D(G(z|y)|y), the picture and the label it was asked for.",
            )


def asked_for(got: Received, x: np.ndarray) -> np.ndarray:
    """The labels [N] that the painter was given when it made the pictures [N, 1, 8, 8]."""
    painted = got.array("painted", kinds="iuf")
    made = got.array("paintings", (len(painted), 1, 8, 8))
    if not len(made):
        raise Wrong(
            "a generator that was never asked", "x = G(z|y): call the generator with noise and labels."
        )
    gaps = reference.distances(x.reshape(len(x), -1), made.reshape(len(made), -1))
    if len(x) and gaps.min(axis=1).max() > 1e-3:
        raise Wrong(
            "pictures that the generator didn't draw", "x = G(z|y), as it comes out of the generator."
        )
    return painted[gaps.argmin(axis=1)]


def step_detached(given, got):
    got.array("turns", kinds="iu")
    leak = got.array("leak")
    if leak.any() and not close(leak, got.array("held_g", leak.shape), 1e-3):
        raise Wrong(
            "a gradient at G's parameters in D's turn",
            "D's loss runs on into G: in D's turn take G(z|y).detach(), which cuts the graph.",
        )


def _games(given, got: Received):
    """For each pair of losses in reference.GAMES: D's loss, its gradient in halves, the same with real and
    generated exchanged, G's loss, its gradient (None if D was not asked in G's turn)."""
    _, fakes, condition = _seen(given, got, "d")
    _, later, wanted = _seen(given, got, "g")
    if not len(fakes):
        raise Wrong("a D that never saw a generated picture in its turn")
    before, after = got.array("critic_d", (66,)), got.array("critic_g", (66,))
    x, y = given["x"].astype(float).reshape(len(given["x"]), -1), given["y"]
    real, fake = reference.logits(before, x, y), reference.logits(before, fakes, condition)
    moved = reference.logits(after, later, wanted)
    for loss_d, slopes_d, loss_g, slope_g in reference.GAMES:
        halves = [
            reference.critic_slope(p, l, w)
            for p, l, w in zip((x, fakes), (y, condition), slopes_d(real, fake), strict=True)
        ]
        turned = [
            reference.critic_slope(p, l, w)
            for p, l, w in zip((fakes, x), (condition, y), slopes_d(fake, real), strict=True)
        ]
        painter = reference.painter_slope(after, wanted, slope_g(moved)) if len(later) else None
        yield loss_d(real, fake), halves, turned, loss_g(moved) if len(later) else np.nan, painter


def step_moves_d(given, got):
    found = got.array("grad_d", (66,))
    games = list(_games(given, got))
    if any(close(found, sum(halves), 1e-3) for _, halves, *_ in games):
        return
    held = got.array("held_d", found.shape)
    if not found.any():
        raise Wrong(
            "a step of D's without a gradient", "backward() comes before step(), and zero_grad() before both."
        )
    for _, halves, turned, *_ in games:
        if close(found, sum(halves) + held, 1e-3):
            raise Wrong(
                "a gradient of D's that still holds what earlier turns left there",
                "gradients add up, and G's turn leaves some in D, too: optimizer_d.zero_grad() before "
                "loss_d.backward().",
            )
        if any(close(found, half, 1e-3) for half in halves):
            raise Wrong("half of D's gradient", "both halves of the loss count: real and generated pictures.")
        if close(found, sum(turned), 1e-3):
            raise Wrong(
                "D's gradient with real and generated exchanged",
                "the order is discriminator_loss(real, fake).",
            )
    raise Wrong(
        "another gradient of D's",
        "loss_d = discriminator_loss(D(x|y), D(G(z|y)|y)), and nothing else, moves D.",
        doubtful=any(close(found, sum(halves), 2e-2) for _, halves, *_ in games),
    )


def step_moves_g(given, got):
    found = got.array("grad_g")
    if found.shape != (NOISE * 64 + 65,):
        raise Wrong("no gradient of G's that can be judged")
    games = list(_games(given, got))
    own, held = found[NOISE * 64 :], got.array("held_g", found.shape)[NOISE * 64 :]
    if not own.any():
        raise Wrong(
            "a step of G's without a gradient",
            "in G's turn nothing is detached: its gradient comes through D. Only D's turn has the detach().",
        )
    truths = [painter for *_, painter in games if painter is not None]
    if not truths:
        raise Wrong(
            "a D that was not asked again in G's turn", "after D's step, G's loss needs D(G(z|y)|y) anew."
        )
    if any(close(own, truth, 1e-3) for truth in truths):
        return
    for truth in truths:
        if close(own, truth + held, 1e-3):
            raise Wrong(
                "a gradient of G's that still holds that of the last step",
                "gradients add up: optimizer_g.zero_grad() before loss_g.backward().",
            )
        if close(own, -truth, 1e-3):
            raise Wrong(
                "G's gradient with the sign turned", "loss_g.backward() as it is: a loss is made small."
            )
    raise Wrong(
        "another gradient of G's",
        "loss_g = generator_loss(D(G(z|y)|y)), and nothing else, moves G.",
        doubtful=any(close(own, truth, 2e-2) for truth in truths),
    )


def step_noise(given, got):
    new_each_call(got, "first_z", "z")


def new_each_call(got: Received, first: str, second: str) -> np.ndarray:
    """The second call's noise. Raises Wrong unless it is normal, and other than at the first call."""
    one, two = got.array(first), got.array(second)
    for z in (one, two):
        if z.ndim != 2 or z.shape[1:] != (NOISE,) or len(z) < 2:
            raise Wrong(f"noise of shape {list(z.shape)}", f"z has the shape [B, {NOISE}].")
    if two.std(axis=0).max() < 1e-6:
        raise Wrong(
            "the same noise for every picture",
            "each picture has its own z: torch.randn(B, 32) has B rows; one row expanded makes B twins.",
        )
    if one.shape == two.shape and close(one, two, 1e-6):
        if not got.flag("seed_kept"):
            raise Wrong(
                "the same noise at every call, from a seed set inside",
                "manual_seed in the function sets the dice back each time; set it once, outside.",
            )
        raise Wrong(
            "the same noise at every call", "draw z inside the function, anew each time; this is reused."
        )
    mean, spread = two.mean(), two.std()
    if abs(mean) > 0.25 or not 0.75 < spread < 1.25:
        raise Wrong(
            f"noise with mean {mean:.2f} and deviation {spread:.2f}",
            "z is normal, N(0, 1): torch.randn. (torch.rand is uniform in 0..1.)",
        )
    return two


def step_reports(given, got):
    losses = got.array("losses")
    if losses.shape != (2,):
        raise Wrong(f"{losses.size} numbers", "return two: loss_d.item(), loss_g.item().")
    games = [(d, g) for d, *_, g, _ in _games(given, got)]
    if any(close(losses, np.array(game), 1e-3) for game in games):
        return
    if any(close(losses[::-1], np.array(game), 1e-3) for game in games):
        raise Wrong(
            "the two losses in the other order", "the discriminator's comes first: return loss_d, loss_g."
        )
    raise Wrong("other numbers than the two losses of this step", "return loss_d.item(), loss_g.item().")


TRAINING: dict[str, tuple[Property, ...]] = {
    "train_step": (
        Property(2, "one step of each optimiser: D's turn, then G's", step_turns),
        Property(2, "D sees (x, y) and (G(z|y), y) in its turn", step_condition),
        Property(3, "D's turn leaves G alone", step_detached),
        Property(2, "D moves by the gradient of loss_d, and of this step's alone", step_moves_d),
        Property(3, "G moves by the gradient of loss_g, through D", step_moves_g),
        Property(1, "new noise z ~ N(0, 1) at each step", step_noise),
        Property(1, "both losses come back: loss_d, loss_g", step_reports),
    ),
}
