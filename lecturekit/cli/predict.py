"""`lecturekit predict`: what a network sees in your photos."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from lecturekit.cli.options import AsJson, Device, System, Threads, Weights, prepare
from lecturekit.cli.report import MISTAKES, plain, result, say


def predict(
    system: System,
    pictures: Annotated[list[Path], typer.Argument(help="JPEG or PNG files.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the drawn pictures.")] = Path("runs/predictions"),
    weights: Weights = None,
    score: Annotated[float, typer.Option(min=0, max=1, help="Leave out what scores less.")] = 0.5,
    threads: Threads = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Draw what a network finds in your pictures.

    Masks or keypoints, boxes, classes and scores are drawn onto a copy.

    Any JPEG or PNG will do, of any size, grey, transparent or turned by the camera. PHOTO.jpg becomes
    OUT/PHOTO_SYSTEM.png, of the photo's own size. (Of photos beyond 1600 pixels the network sees a smaller
    copy.) A picture that can't be read is reported, the others are done, and the exit code is 1.

    The shipped weights know Toy Town and nothing else. For photographs bring weights trained on photographs,
    such as the files that torchvision publishes: maskrcnn_resnet50_fpn_coco-….pth with 91 classes of COCO,
    and keypointrcnn_resnet50_fpn_coco-….pth with people and their joints for keypoint_rcnn.

    --json: {system, weights, score, pictures: [{picture, drawn, width, height, detections: [{box, label,
    name, score, mask or keypoints}]} or {picture, error}], seconds}; boxes x1, y1, x2, y2 in pixels, masks as
    COCO's compressed RLE, keypoints as x, y and a score above 0 for those that are sure.

    \b
    Examples:
      lecturekit predict mask_rcnn street.png
      lecturekit predict mask_rcnn *.jpg --out seen --weights maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth
      lecturekit predict mask_rcnn photo.jpg --weights runs/mask_rcnn/weights.safetensors --score 0.8 --json
    """
    prepare(threads, device)
    from lecturekit import recipes
    from lecturekit.cli.seeing import Observer
    from lecturekit.cli.weights import trained

    if system in recipes.EXTRAS or recipes.entry(system).lecture == "cgan":
        raise ValueError(f"system: {system} finds nothing in pictures; see sample, translate and upscale")
    start = time.monotonic()
    model = trained(system, weights, device)
    if weights is None:
        say(f"The shipped weights know Toy Town: {', '.join(model.class_names)}. See --help for photographs.")
    if score > getattr(model.model, "score_threshold", score):
        model.model.score_threshold = score  # no masks for what won't be shown
    observer = Observer(model.model)
    out.mkdir(parents=True, exist_ok=True)
    places = names_for(pictures, system, out)
    told = []
    for picture, place in zip(pictures, places, strict=True):
        try:
            seen = look(observer, picture, place, score, model.class_names, device)
            told.append({"picture": str(picture), **seen})
        except MISTAKES as error:
            told.append({"picture": str(picture), "error": plain(error)})
            say(f"error: {plain(error)}")
    seconds = round(time.monotonic() - start, 2)
    everything = {"system": system, "weights": model.source, "score": score, "pictures": told}
    result(everything | {"seconds": seconds}, as_json, show)
    if any("error" in one for one in told):
        raise typer.Exit(1)


def look(observer, path: Path, place: Path, score: float, names: tuple[str, ...], device: str) -> dict:
    """Predict on one picture and draw it to `place`; returns the picture's part of the JSON."""
    import torch

    from lecturekit.data import read_picture
    from lecturekit.data.rle import encode_mask
    from lecturekit.show import draw

    image = read_picture(path)
    height, width = image.shape[1:]
    found = observer([image.to(device)])[0]
    masks = found.pop("masks", None)
    drawn = found if masks is None else found | {"masks": masks.small}
    draw.detections(image, drawn, names, score=score, scale=1).save(place)
    more = [{} for _ in found["labels"]]
    if masks is not None:
        more = [{"mask": encode_mask(m[0] > 0.5)} for m in masks]
    if "keypoints" in found:
        sure = torch.cat((found["keypoints"][..., :2], found["keypoints_scores"][..., None]), dim=2)
        more = [m | {"keypoints": rounded(points)} for m, points in zip(more, sure.tolist(), strict=True)]
    detections = []
    columns = (found[k].tolist() for k in ("boxes", "labels", "scores"))
    for box, label, s, rest in zip(*columns, more, strict=True):
        if s >= score:
            one = {"box": rounded([box])[0], "label": label, "name": names[label - 1], "score": round(s, 4)}
            detections.append(one | rest)
    return {"drawn": str(place), "width": width, "height": height, "detections": detections}


def rounded(rows: list[list[float]]) -> list[list[float]]:
    """Hundredths of a pixel are enough."""
    return [[round(value, 2) for value in row] for row in rows]


def names_for(pictures: list[Path], system: str, out: Path) -> list[Path]:
    """Where each picture is drawn: two of the same name get two files, and no input is written over."""
    taken = {os.path.realpath(picture).casefold() for picture in pictures}
    places = []
    for picture in pictures:
        place, number = out / f"{picture.stem}_{system}.png", 2
        while os.path.realpath(place).casefold() in taken:
            place, number = out / f"{picture.stem}_{system}_{number}.png", number + 1
        taken.add(os.path.realpath(place).casefold())
        places.append(place)
    return places


def show(told: dict) -> None:
    for one in told["pictures"]:
        if "error" not in one:
            seen = ", ".join(f"{d['name']} {d['score']:.2f}" for d in one["detections"]) or "nothing"
            print(f"{one['picture']}: {seen}\n  -> {one['drawn']}")
