"""What right networks have, property by property: what is expected, and how it is seen.

The instant check tells the first property that doesn't hold; the grader adds the points of those that do.
"""

import numpy as np

from lecturekit.homework import reference
from lecturekit.homework.answers import Property, Received, Wrong, close
from lecturekit.homework.hidden import CLASSES

APART = 1e-6  # by how much answers to different questions must differ: any dependence is more


def differ(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max(initial=0.0) > APART)


# --- embedding


def _vectors(given, got: Received) -> np.ndarray:
    return got.array("e", (len(given["y"]), int(given["size"])))


def embedding_shape(given, got):
    batch, size, classes = len(given["y"]), int(given["size"]), int(given["classes"])
    raw = got.raw("e")
    if raw.dtype.kind == "f" and raw.shape == (batch, classes):
        raise Wrong(
            f"the shape {list(raw.shape)}, a number for each class",
            "one-hot rows alone are fixed; a Linear(classes, size) makes vectors of them that can be learnt.",
        )
    if raw.shape == (batch, CLASSES, size) or raw.shape == (batch, 1, size):
        raise Wrong(f"the shape {list(raw.shape)}", "one vector for each label: no dimension in between.")
    _vectors(given, got)


def embedding_steady(given, got):
    e, again = _vectors(given, got), got.array("again")
    if differ(e, again):
        raise Wrong(
            "other vectors at the second call",
            "draw the vectors once, in __init__, as parameters; forward only looks them up.",
        )
    table = got.array("table", (int(given["classes"]), int(given["size"])))
    if not close(table[given["y"]], e, 1e-3):
        raise Wrong(
            "vectors that depend on which other labels are in the batch",
            "each label's vector is its own: no softmax, norm or mean may run over the batch (dim=0).",
        )


def embedding_apart(given, got):
    table = got.array("table", (int(given["classes"]), int(given["size"])))
    gaps = reference.distances(table, table) + np.eye(len(table))
    if gaps.min() < 1e-5:
        raise Wrong(
            "the same vector for different labels", "the label y has to decide which vector comes out."
        )
    steps = np.diff(table, axis=0)
    if np.abs(steps - steps[:1]).max() < 1e-3 * np.abs(steps).max():
        raise Wrong(
            "vectors on one straight line: 1 stands between 0 and 2",
            "a label is a name, not an amount. nn.Embedding, or one-hot and Linear, gives each a vector.",
        )


def embedding_learns(given, got):
    _vectors(given, got)
    if int(got.array("made", (), "iu")) == 0:
        raise Wrong(
            "a module without parameters that learn",
            "the vectors have to be learnt: nn.Embedding has a table of parameters.",
        )
    if not got.array("slopes").any():
        raise Wrong(
            "no gradient at its parameters",
            "something between parameters and result cuts the gradient off: detach(), no_grad() or .data.",
        )


def embedding_any_batch(given, got):
    size = int(given["size"])
    one = got.raw("one")
    if one.shape == (size,):
        raise Wrong(
            f"the shape {list(one.shape)} for a single label",
            "squeeze() without a dimension throws the batch away when B is 1.",
        )
    e = _vectors(given, got)
    if not close(got.array("one", (1, size)), e[:1], 1e-3):
        raise Wrong("another vector for a label that comes alone")
    if not close(got.array("turned", e.shape), e[::-1], 1e-3):
        raise Wrong("other vectors when the labels come in another order")
    got.array("low", e.shape)


# --- generator


def _pictures(given, got: Received, name: str = "x", count: int | None = None) -> np.ndarray:
    return got.array(name, (len(given["y"]) if count is None else count, 1, 8, 8))


def generator_shape(given, got):
    raw, batch = got.raw("x"), len(given["y"])
    if raw.shape == (batch, 64):
        raise Wrong(f"the shape {list(raw.shape)}", "the 64 numbers are a picture: x.view(-1, 1, 8, 8).")
    if raw.shape == (batch, 8, 8):
        raise Wrong(f"the shape {list(raw.shape)}", "a picture has a channel, too: [B, 1, 8, 8].")
    if raw.shape[:1] == (2 * batch,):
        raise Wrong(
            f"{2 * batch} pictures for {batch} labels",
            "torch.cat joined along the batch; the label's vector stands beside z, along dim=1.",
        )
    _pictures(given, got)


def generator_range(given, got):
    x, wide = _pictures(given, got), got.array("wide")
    low, high = min(x.min(), wide.min()), max(x.max(), wide.max())
    came = f"pixels from {low:.3g} to {high:.3g}"
    if low >= 0 and high <= 1.0001:
        if np.abs(x.sum(axis=(1, 2, 3)) - 1).max() < 1e-3:
            raise Wrong(
                "64 pixels that sum to 1",
                "softmax makes shares of a whole; each pixel has a sigmoid of its own.",
            )
        return
    if low >= -1.0001 and high <= 1.0001:
        raise Wrong(came, "tanh gives -1..1; the digits' pixels lie in 0..1, so end with sigmoid().")
    if low >= 0 and high > 100 and x.max() > 1.5:
        raise Wrong(came, "the digits are scaled to 0..1 here, not to 0..16 or 0..255: end with sigmoid().")
    raise Wrong(
        came, "the last layer's numbers are unbounded: end with sigmoid(), which makes pixels of them."
    )


def generator_heeds_y(given, got):
    if not differ(_pictures(given, got), _pictures(given, got, "other_label")):
        raise Wrong(
            "the same pictures for other labels y",
            "the condition is forgotten: G(z|y) reads the label's vector beside the noise.",
        )


def generator_heeds_z(given, got):
    if not differ(_pictures(given, got), _pictures(given, got, "other_noise")):
        raise Wrong(
            "the same pictures for other noise z",
            "the noise is forgotten: without z, G knows a single picture of each class.",
        )


def generator_rows(given, got):
    x, turned = _pictures(given, got), _pictures(given, got, "turned")
    if not close(turned[::-1], x, 1e-3):
        raise Wrong(
            "pictures that mix samples of the batch",
            "row i of z and label i belong together: join them along dim=1, and never view() across rows.",
        )
    one = got.raw("one")
    if one.ndim == 3:
        raise Wrong(
            f"the shape {list(one.shape)} for a batch of one",
            "squeeze() without a dimension throws the batch away when B is 1: view(-1, 1, 8, 8) keeps it.",
        )
    if not close(_pictures(given, got, "one", 1), x[:1], 1e-3):
        raise Wrong(
            "another picture when the sample comes alone", "a mean or norm runs over the batch (dim=0)."
        )


def generator_steady(given, got):
    if not differ(_pictures(given, got), _pictures(given, got, "again")):
        return
    if int(got.array("made", (), "iu")) == 0:
        raise Wrong(
            "other pictures at the second call, and no parameters",
            "make the layers in __init__, once; layers made in forward are new and random at every call.",
        )
    raise Wrong(
        "other pictures for the same z and y at the second call",
        "forward draws noise of its own; the noise is the argument z, so that one z is one picture.",
    )


def generator_learns(given, got):
    _pictures(given, got)
    if int(got.array("made", (), "iu")) == 0 or not got.array("slopes").any():
        raise Wrong(
            "no gradient at G's parameters",
            "D's judgement can't reach them: a detach() or no_grad() in forward cuts G off from its loss.",
        )


# --- discriminator


def _logits(given, got: Received, name: str = "logits") -> np.ndarray:
    return got.array(name, (len(given["y"]), 1))


def discriminator_shape(given, got):
    raw, batch = got.raw("logits"), len(given["y"])
    if raw.shape == (batch,):
        raise Wrong(
            f"the shape {list(raw.shape)}",
            "keep the last dimension, [B, 1]: [B] against [B, 1] broadcasts to [B, B] without a word.",
        )
    if raw.shape == (batch, 2):
        raise Wrong(
            f"the shape {list(raw.shape)}", "one logit is enough: sigma of it is the probability of 'real'."
        )
    if raw.shape in ((1,), (), (1, 1)):
        raise Wrong(
            f"the shape {list(raw.shape)}",
            "every pair of picture and label gets its own logit: no mean over the batch.",
        )
    _logits(given, got)


def discriminator_logits(given, got):
    values = np.concatenate((_logits(given, got), _logits(given, got, "strong")))
    if values.min() >= 0 and values.max() <= 1:
        raise Wrong(
            f"numbers from {values.min():.3g} to {values.max():.3g} only, even with large weights",
            "leave the sigmoid out: D gives logits, and the loss has its own sigmoid, which never overflows.",
        )


def discriminator_heeds_x(given, got):
    if not differ(_logits(given, got), _logits(given, got, "other_picture")):
        raise Wrong(
            "the same logits for other pictures x", "D(x|y) looks at the picture as well as at the label."
        )


def discriminator_heeds_y(given, got):
    if not differ(_logits(given, got), _logits(given, got, "other_label")):
        raise Wrong(
            "the same logits for other labels y",
            "the condition is forgotten: then D can't object to a fine 3 where a 7 was asked for.",
        )


def discriminator_rows(given, got):
    logits = _logits(given, got)
    if differ(logits, _logits(given, got, "again")):
        raise Wrong("other logits at the second call", "nothing random belongs into forward, in eval mode.")
    one = got.array("one")
    if one.shape != (1, 1) or not close(one, logits[:1], 1e-3):
        raise Wrong(
            "another logit for a pair that comes alone",
            "a softmax, norm or mean runs over the batch (dim=0): each pair is judged for itself.",
        )
    if not close(_logits(given, got, "turned")[::-1], logits, 1e-3):
        raise Wrong("logits that mix samples of the batch", "row i of x and label i belong together: dim=1.")


def discriminator_learns(given, got):
    _logits(given, got)
    if int(got.array("made", (), "iu")) == 0 or not got.array("slopes").any():
        raise Wrong(
            "no gradient at D's parameters",
            "D can't learn: its layers belong into __init__, and forward must not cut their gradient off.",
        )


def discriminator_passes(given, got):
    _logits(given, got)
    if not got.array("slope_x", given["x"].shape).any():
        raise Wrong(
            "no gradient at the pictures x",
            "G learns through D: a detach() inside D keeps it from G for good. It belongs into train_step.",
        )


NETWORKS: dict[str, tuple[Property, ...]] = {
    "embedding": (
        Property(1, "a float vector for each label: e [B, size]", embedding_shape),
        Property(1, "a label always has the same vector, whatever else is in the batch", embedding_steady),
        Property(2, "every class y has a vector of its own", embedding_apart),
        Property(1, "the vectors can be learnt", embedding_learns),
        Property(1, "any batch will do: a single label, any order, not every class", embedding_any_batch),
    ),
    "generator": (
        Property(1, "pictures x = G(z|y) of shape [B, 1, 8, 8]", generator_shape),
        Property(2, "pixels in 0..1, whatever z is", generator_range),
        Property(3, "the picture depends on the label y", generator_heeds_y),
        Property(2, "the picture depends on the noise z", generator_heeds_z),
        Property(1, "the same z and y give the same picture", generator_steady),
        Property(1, "each picture is made of its own z and y, alone", generator_rows),
        Property(2, "a gradient reaches G's parameters", generator_learns),
    ),
    "discriminator": (
        Property(1, "a logit D(x|y) for each pair: [B, 1]", discriminator_shape),
        Property(2, "logits, which may be any number", discriminator_logits),
        Property(1, "the logit depends on the picture x", discriminator_heeds_x),
        Property(3, "the logit depends on the label y", discriminator_heeds_y),
        Property(1, "each pair (x, y) is judged for itself", discriminator_rows),
        Property(1, "a gradient reaches D's parameters", discriminator_learns),
        Property(1, "a gradient reaches the pictures x", discriminator_passes),
    ),
}
