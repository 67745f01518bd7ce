"""Toy Town as datasets: scenes for detectors, clips for video."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lecturekit.town import BODY_KEYPOINTS, CLASSES, Clip, Labels, Scene, flow_between, picture_size

SMALLEST = 20  # visible pixels below which an instance is left out of the target


def to_sample(labels: Labels, image_id: int) -> tuple[torch.Tensor, dict]:
    """(image float32 [3,H,W] in 0..1, target) of a rendered scene.

    target: boxes float32 [N,4] xyxy in pixels, labels int64 [N] (1 + index into CLASSES), masks uint8
    [N,H,W], keypoints float32 [N,17,3] (x, y in pixels, visibility 0, 1, 2), actor int64 [N] (who it is, the
    same in all frames of a clip), image_id int. Instances of fewer than 20 visible pixels are left out.
    """
    keep = labels.masks.sum((1, 2)) >= SMALLEST
    image = torch.from_numpy(np.ascontiguousarray(labels.image.transpose(2, 0, 1))).float() / 255
    target = {
        "boxes": torch.from_numpy(labels.boxes[keep]),
        "labels": torch.from_numpy(labels.labels[keep]),
        "masks": torch.from_numpy(labels.masks[keep].astype(np.uint8)),
        "keypoints": torch.from_numpy(labels.body[keep]),
        "actor": torch.from_numpy(labels.actor[keep]),
        "image_id": image_id,
    }
    return image, target


@dataclass(frozen=True)
class _Town:
    first: int = 0
    count: int = 1000
    size: int | tuple[int, int] = 128
    actors: tuple[int, int] = (2, 8)
    classes: tuple[str, ...] = CLASSES
    alike: float = 0.0
    occlusion: float = 0.34
    truncation: float = 0.08
    small: float = 0.0
    night: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.count, int) or self.count < 0:
            raise ValueError(f"count must be a whole number >= 0, got {self.count!r}")
        picture_size(self.size)
        Scene.random(self.first, **self._dials())

    def __len__(self) -> int:
        return self.count

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 1, 2, ..."""
        return CLASSES

    def _seed(self, i: int) -> int:
        if not 0 <= i < self.count:
            raise IndexError(f"sample {i} of {self.count}")
        return self.first + i

    def _dials(self) -> dict:
        names = ("actors", "classes", "alike", "occlusion", "truncation", "small", "night")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class TownScenes(_Town):
    """Scenes of the seeds first, first + 1, ...; sample i is (image, target) as in `to_sample`.

    The dials are those of `Scene.random`. Seeds below 1,000,000 are for training, from 10,000,000 for
    validation, from 20,000,000 for tuning. Raises ValueError for a bad dial, size or count.
    """

    def __getitem__(self, i: int) -> tuple[torch.Tensor, dict]:
        seed = self._seed(i)
        return to_sample(Scene.random(seed, **self._dials()).render(self.size), seed)


@dataclass(frozen=True)
class TownPeople(TownScenes):
    """Scenes of which only the persons, label 1, are in the targets: for detectors of their body keypoints.

    People come more often than in TownScenes; cats, cars and the rest are there, but nobody's target.
    """

    actors: tuple[int, int] = (2, 7)
    classes: tuple[str, ...] = (
        "person",
        "person",
        *CLASSES,
    )  # named three times, a person comes thrice as often

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 1, 2, ..."""
        return ("person",)

    @property
    def keypoint_names(self) -> tuple[str, ...]:
        """Names of the 17 keypoints, those of COCO's persons."""
        return BODY_KEYPOINTS

    def __getitem__(self, i: int) -> tuple[torch.Tensor, dict]:
        image, target = super().__getitem__(i)
        persons = target["labels"] == CLASSES.index("person") + 1
        target = {name: v[persons] if torch.is_tensor(v) else v for name, v in target.items()}
        return image, target | {"labels": torch.ones_like(target["labels"])}


@dataclass(frozen=True)
class TownClips(_Town):
    """Clips of the seeds first, first + 1, ...; sample i is a list of (image, target), one for each frame."""

    frames: int = 9

    def __getitem__(self, i: int) -> list[tuple[torch.Tensor, dict]]:
        seed = self._seed(i)
        clip = Clip.random(seed, self.frames, **self._dials())
        return [to_sample(labels, seed) for labels in clip.render(self.size)]


@dataclass(frozen=True)
class TownPairs(_Town):
    """Two frames of each clip: sample i is a list of a key frame and a later one, each (image, target).

    The later frame's target has `flow`, float32 [2,H,W]: how far away, in pixels, each pixel's content was in
    the key frame (x, y). The seed chooses the frames, 1 to `gap` apart. Raises ValueError for a bad gap, too.
    """

    frames: int = 9
    gap: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.gap, int) or not 1 <= self.gap < self.frames:
            raise ValueError(f"gap must be a whole number in 1..{self.frames - 1}, got {self.gap!r}")

    def __getitem__(self, i: int) -> list[tuple[torch.Tensor, dict]]:
        seed = self._seed(i)
        clip = Clip.random(seed, self.frames, **self._dials())
        rng = np.random.default_rng([seed, 5])
        gap = int(rng.integers(1, self.gap + 1))
        start = int(rng.integers(self.frames - gap))
        key, current = (clip[t].render(self.size) for t in (start, start + gap))
        pair = [to_sample(labels, seed) for labels in (key, current)]
        pair[1][1]["flow"] = torch.from_numpy(flow_between(current, key)).permute(2, 0, 1).contiguous()
        return pair


def collate(samples: Sequence[tuple[torch.Tensor, dict]]) -> tuple[list[torch.Tensor], list[dict]]:
    """A batch as detectors take it: a list of images and a list of targets."""
    images, targets = zip(*samples, strict=True)
    return list(images), list(targets)


def collate_frames(samples: Sequence) -> tuple[list[torch.Tensor], list[dict]]:
    """`collate` for clips and pairs, one after the other frame by frame; a sample alone is a clip of one."""
    return collate(
        [frame for sample in samples for frame in (sample if isinstance(sample, list) else [sample])]
    )
