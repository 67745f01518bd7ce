"""Arguments that several commands share, and what they set."""

from pathlib import Path
from typing import Annotated, Literal

import typer

System = Annotated[
    str, typer.Argument(help="A network's name; `lecturekit list` tells them.", show_default=False)
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, and nothing else, to stdout.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads; all cores by default.", show_default=False)
]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, mps.")]
Weights = Annotated[
    Path | None,
    typer.Option(
        help="weights.safetensors or checkpoint.pt of a training, or the authors' state dict (.pth or "
        ".safetensors); the shipped weights by default.",
        show_default=False,
    ),
]
Data = Annotated[
    Literal["town", "coco", "mnist", "photos"] | None,
    typer.Option(
        help="The user's own data: coco (a folder in COCO's format: instances, or keypoints for those "
        "networks), mnist (for conditional_gan) or photos (for super-resolution); by default the recipe's.",
        show_default=False,
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(help="With --data coco, mnist or photos: the folder.", show_default=False),
]
Annotations = Annotated[
    Path | None,
    typer.Option(help="With --data coco: the JSON; looked for in ROOT by default.", show_default=False),
]


def prepare(threads: int | None, device: str) -> None:
    """Set torch's threads, and refuse a device that isn't there."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device: {device!r} can't be used here: {str(error).splitlines()[0]}") from None
