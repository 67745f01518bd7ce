"""`lecturekit sample` and `upscale`: networks that make pictures, on demand or of your own."""

import time
from pathlib import Path
from typing import Annotated

import typer

from lecturekit.cli.options import AsJson, Device, System, Threads, Weights, prepare
from lecturekit.cli.predict import names_for
from lecturekit.cli.report import MISTAKES, plain, result, say

ABLE = {
    "sample": ("conditional_gan",),
    "translate": ("pix2pix", "pix2pix_back", "pix2pix_edges", "cyclegan"),
    "upscale": ("super_resolution", "super_resolution_mae", "srgan"),
}
ENLARGED = 6  # times: the digits on a sheet
GAP = 6  # pixels between them
Pictures = Annotated[list[Path], typer.Argument(help="JPEG or PNG files.", show_default=False)]


def sample(
    system: System,
    labels: Annotated[str, typer.Option(help="Digits, drawn from left to right.")] = "0123456789",
    rows: Annotated[int, typer.Option(min=1, max=100, help="How many of each.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, other handwriting.")] = 0,
    out: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("runs/samples.png"),
    weights: Weights = None,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Have a conditional GAN draw what you ask for.

    A sheet with a column for each of the labels, enlarged six times, and as many rows as you like; noise
    makes each row another.

    --json: {system, weights, labels, rows, seed, made, width, height, seconds}.

    \b
    Examples:
      lecturekit sample conditional_gan
      lecturekit sample conditional_gan --labels 31415926 --rows 1 --seed 7 --out pi.png
      lecturekit sample conditional_gan --weights runs/conditional_gan-mnist/weights.safetensors --json
    """
    prepare(threads, device)
    model, source, start = ready("sample", system, weights, device)
    if not labels or any(label not in "0123456789" for label in labels):
        raise ValueError(f"--labels: digits such as 31415 are expected, got {labels!r}")
    wanted = [int(label) for label in labels]
    if suffix := out.suffix.lower().removeprefix("."):
        if suffix != "png":
            raise ValueError(f"--out: a PNG is written, got {out}")
    else:
        raise ValueError(f"--out: a file's name such as {out / 'samples.png'} is expected, got {out}")
    pictures = model.sample(wanted * rows, seed=seed).cpu()  # [rows * labels, 1, size, size]
    drawn = sheet(pictures, len(wanted))
    out.parent.mkdir(parents=True, exist_ok=True)
    drawn.save(out)
    told = {"system": system, "weights": source, "labels": wanted, "rows": rows, "seed": seed}
    told |= {"made": str(out), "width": drawn.width, "height": drawn.height}
    told["seconds"] = round(time.monotonic() - start, 2)
    result(told, as_json, lambda told: print(told["made"]))


def sheet(pictures, columns: int):
    """Grey pictures [N, 1, H, W] in 0..1 in rows of `columns`, enlarged, on grey: a Pillow picture."""
    import torch
    from PIL import Image
    from torchvision.utils import make_grid

    large = pictures.repeat_interleave(ENLARGED, 2).repeat_interleave(ENLARGED, 3)
    grid = make_grid(large, nrow=columns, padding=GAP, pad_value=0.35)
    return Image.fromarray((grid * 255).round().to(torch.uint8).permute(1, 2, 0).numpy())


def upscale(
    system: System,
    pictures: Pictures,
    out: Annotated[Path, typer.Option(help="Folder for the enlarged pictures.")] = Path("runs/upscaled"),
    weights: Weights = None,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Enlarge pictures four times, with details that were learnt.

    Any JPEG or PNG will do, grey, transparent or turned by the camera; PICTURE.jpg becomes
    OUT/PICTURE_SYSTEM.png. The network sees tiles with as much around them as it can look at, so that the
    result is the same as in one piece. Pictures of up to 5.5 megapixels are taken; one that is larger or
    can't be read is reported, the others are done, and the exit code is 1.

    super_resolution stays close to what is there, and soft (super_resolution_mae, too); srgan is sharper and
    makes up what it can't know. The shipped weights were trained on a few photographs and Toy Town; --weights
    takes the public SRResNet or SRGAN generator, as it is.

    --json: {system, weights, pictures: [{picture, made, width, height}] or {picture, error}], seconds}.

    \b
    Examples:
      lecturekit upscale super_resolution thumbnail.jpg
      lecturekit upscale srgan *.png --out large/ --json
    """
    prepare(threads, device)
    model, source, start = ready("upscale", system, weights, device)
    from lecturekit.cli import tiles
    from lecturekit.data.pictures import LARGEST

    times, margin = model.generator.scale, tiles.reach(model.generator)

    def look(picture, progress):
        height, width = picture.shape[1:]
        if (size := height * width * times**2) > LARGEST:
            raise ValueError(
                f"it has {width} x {height} pixels and would get {size / 1e6:.0f} million, more than the "
                f"{LARGEST / 1e6:.0f} million that pictures here may have: make it smaller first"
            )
        return tiles.exactly(
            lambda x: model.upscale(x.to(device)).cpu(), picture, margin, times=times, progress=progress
        )

    told = each(system, pictures, out, look)
    finish({"system": system, "weights": source, "pictures": told}, start, as_json)


def ready(verb: str, system: str, weights: Path | None, device: str):
    """(model, where its weights come from, the time); ValueError for a system that doesn't do it."""
    start = time.monotonic()
    from lecturekit import recipes
    from lecturekit.cli.weights import trained

    recipes.get(system)  # refuses an unknown name
    if system not in ABLE[verb]:
        raise ValueError(f"system: {system} can't {verb}; there are {', '.join(ABLE[verb])}")
    found = trained(system, weights, device)
    return found.model, found.source, start


def each(system: str, pictures: list[Path], out: Path, look) -> list[dict]:
    """Read every picture, `look` at it and write what comes of it; mistakes are told with their picture."""
    from tqdm.auto import tqdm

    from lecturekit.data import read_picture

    out.mkdir(parents=True, exist_ok=True)
    told = []
    for path, place in zip(pictures, names_for(pictures, system, out), strict=True):

        def progress(tiles, name=path.name):
            return tqdm(tiles, desc=name, unit="tile", disable=len(tiles) < 2)

        try:
            made = look(read_picture(path), progress)
            write(made, place)
            height, width = made.shape[1:]
            told.append({"picture": str(path), "made": str(place), "width": width, "height": height})
        except MISTAKES as error:
            text = plain(error) if str(path) in plain(error) else f"{path}: {plain(error)}"
            told.append({"picture": str(path), "error": text})
            say(f"error: {text}")
    return told


def write(pixels, place: Path) -> Path:
    """uint8 [3,H,W] as a PNG."""
    from PIL import Image

    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(place)
    return place


def finish(told: dict, start: float, as_json: bool) -> None:
    """Tell everything; exit code 1 if a picture failed."""
    told["seconds"] = round(time.monotonic() - start, 2)
    result(told, as_json, show)
    if any("error" in one for one in told["pictures"]):
        raise typer.Exit(1)


def show(told: dict) -> None:
    for one in told["pictures"]:
        if "error" not in one:
            print(f"{one['picture']} -> {one['made']} ({one['width']} x {one['height']})")
