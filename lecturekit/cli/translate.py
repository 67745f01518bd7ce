"""`lecturekit translate`: pictures into pictures, of any size."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from lecturekit.cli.generate import each, finish, ready, write
from lecturekit.cli.options import AsJson, Device, System, Threads, Weights, prepare


def translate(
    system: System,
    pictures: Annotated[list[Path] | None, typer.Argument(help="JPEG or PNG files.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the translations.")] = Path("runs/translated"),
    to: Annotated[
        Literal["day", "night"] | None,
        typer.Option(
            help="For cyclegan: the time of day to translate to; night by default.", show_default=False
        ),
    ] = None,
    from_town: Annotated[
        int | None,
        typer.Option(
            min=0, help="Translate this scene of Toy Town; its picture is kept, too.", show_default=False
        ),
    ] = None,
    weights: Weights = None,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Translate pictures: label map to street, day to night.

    Any JPEG or PNG will do, of any size; PICTURE.png becomes OUT/PICTURE_SYSTEM.png, of its own size. What is
    larger than 512 pixels is translated piece by piece, without seams. A picture that can't be read is
    reported, the others are done, and the exit code is 1.

    cyclegan takes a street by day, or with --to day one by night; pix2pix_edges white outlines on black;
    pix2pix_back a street by day, and makes a label map. pix2pix takes such a label map, in which each colour
    (the nearest one counts) stands for what is to be drawn there:

    \b
      sky    #56b4e9   grass #3ca03c   pavement #bebab2   road #46464e
      person #d55e00   car   #f0e442   tree     #00502d   ball #cc79a7
      cat    #003cbe   house #800040

    The shipped weights know Toy Town, whose pictures are 128 pixels large; --from-town 7 makes one for you.

    --json: {system, weights, to, pictures: [{picture, made, width, height}] or {picture, error}], seconds}.

    \b
    Examples:
      lecturekit translate cyclegan --from-town 7
      lecturekit translate cyclegan street.png --to day --out day/
      lecturekit translate pix2pix my_town.png --json
    """
    prepare(threads, device)
    if to and system != "cyclegan":
        raise ValueError(f"--to goes with cyclegan; {system} has one direction")
    if not pictures and from_town is None:
        raise ValueError("PICTURES or --from-town SEED: what is to be translated?")
    model, source, start = ready("translate", system, weights, device)
    pictures = list(pictures or [])
    if from_town is not None:
        pictures.append(town_picture(system, from_town, to, out))
    look = translator(system, model, to, device)
    told = each(system, pictures, out, look)
    everything = {
        "system": system,
        "weights": source,
        "to": to or ("night" if system == "cyclegan" else None),
    }
    finish(everything | {"pictures": told}, start, as_json)


def town_picture(system: str, seed: int, to: str | None, out: Path) -> Path:
    """A scene of Toy Town as the system wants to see it, written to OUT."""
    from lecturekit import recipes
    from lecturekit.data.views import views
    from lecturekit.town import Scene

    data = recipes.get(system).train
    view = getattr(data, "given", "night" if to == "day" else "day")
    (picture,), _ = views(Scene.random(seed), (view,), data.size)
    out.mkdir(parents=True, exist_ok=True)
    return write((picture * 255).round().byte(), out / f"town_{seed}_{view}.png")


def translator(system: str, model, to: str | None, device: str):
    """A function of a picture [3,H,W] and a progress bar that gives its translation, uint8 [3,H,W]."""
    from lecturekit import recipes
    from lecturekit.cli import tiles
    from lecturekit.data.views import label_picture, read_labels

    def show(x):
        return model.translate(x.to(device), **({"to": to} if to else {})).cpu()

    def by_convolution(picture, progress):
        height, width = picture.shape[1:]
        picture = tiles.padded(picture, 4, smallest=8)
        if max(picture.shape[1:]) <= tiles.WHOLE:
            return tiles.as_bytes(show(picture[None])[0])[:, :height, :width]
        network = model.generators[to or model.domains[1]]
        sizes = {"margin": tiles.reach(network), "step": 4, "tile": tiles.WINDOW}
        with tiles.norms_of(network, show, picture):
            return tiles.exactly(show, picture, **sizes, progress=progress)[:, :height, :width]

    def by_u_net(picture, progress):
        if getattr(recipes.get(system).train, "given", "") == "labels":
            picture = named_colours(picture)
        height, width = picture.shape[1:]
        if max(height, width) > tiles.WHOLE:
            return tiles.blended(show, picture, max(tiles.WINDOW, model.multiple), progress)
        whole = show(tiles.padded(picture, model.multiple)[None])[0]
        return tiles.as_bytes(whole)[:, :height, :width]

    def named_colours(picture):
        import torch

        rows = [label_picture(read_labels(part[None])[0].numpy()) for part in picture.split(64, dim=1)]
        return torch.cat([torch.from_numpy(row).permute(2, 0, 1) for row in rows], dim=1).float() / 255

    return by_convolution if system == "cyclegan" else by_u_net
