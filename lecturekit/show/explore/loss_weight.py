"""One slider over stored results: the same network, trained with more and more of a second loss."""

from lecturekit.show.explore.live import live
from lecturekit.show.generated import sheet

COLUMNS = {  # of the table: what is stored, and how it is called
    "pixel_accuracy": "pixel accuracy",
    "mean_iou": "mean IoU",
    "mae": "error (MAE)",
    "sharpness": "sharpness",
}


def draw_weight(result: dict, weight: str):
    """A picture: the label maps, what was made with this weight of L1, and the real pictures.

    result: the stored result of the claim `l1_and_gan`; weight: a key of its `slider`.
    """
    from lecturekit.claims.cgan.arms import unstrip

    rows = {"label map": "label map", _name(weight): weight, "real": "real"}
    return sheet(
        [unstrip(result["pictures"][key]) for key in rows.values()], list(rows), size=180, letters=16
    )


def tell_weight(result: dict, weight: str) -> str:
    """The numbers of that weight in a sentence of HTML."""
    found = result["slider"][weight]
    numbers = ", ".join(f"{name} <b>{found[key]:.2f}</b>" for key, name in COLUMNS.items())
    return f"{_name(weight)}: {numbers}. (A real picture's sharpness is 1.)"


def stored_weights(result: dict) -> list[str]:
    """The weights that are stored, from none of L1 to nothing else."""
    return sorted(result["slider"], key=lambda w: float(w) if w[0].isdigit() else float("inf"))


def loss_weight(result: dict):
    """The widget: one slider over the weights of L1."""
    return live(
        lambda weight: draw_weight(result, weight),
        lambda weight: tell_weight(result, weight),
        {"weight": ("weight of L1", stored_weights(result), stored_weights(result)[0])},
    )


def _name(weight: str) -> str:
    return "GAN alone" if weight == "0" else weight if not weight[0].isdigit() else f"GAN + {weight} L1"
