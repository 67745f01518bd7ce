"""Draw docs/town.png, the README's picture: Toy Town, and what the shipped Mask R-CNN finds in it."""

from pathlib import Path

import torch

from lecturekit import zoo
from lecturekit.show import draw
from lecturekit.town import CLASSES, Scene

SEEDS = (10_000_002, 10_000_014, 10_000_022, 10_000_043)


@torch.no_grad()
def main() -> None:
    """The network sees 128 px; its answer is drawn on the same scene, rendered larger."""
    model = zoo.load("mask_rcnn")
    scenes = [Scene.random(seed, actors=(4, 7)) for seed in SEEDS]
    large = [draw.picture(scene.render(384).image) for scene in scenes]
    found = []
    for scene, picture in zip(scenes, large, strict=True):
        image = torch.from_numpy(scene.render(128).image).permute(2, 0, 1) / 255
        answer = model([image])[0]
        answer["boxes"] = answer["boxes"] * 3
        found.append(draw.detections(picture, answer, CLASSES))
    path = Path(__file__).resolve().parents[1] / "docs" / "town.png"
    path.parent.mkdir(exist_ok=True)
    draw.panel(large + found, columns=len(scenes)).quantize(192, dither=0).save(path, optimize=True)


if __name__ == "__main__":
    main()
