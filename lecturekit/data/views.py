"""Toy Town seen in several ways: label maps, edges, day and night, as pictures for image translation."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lecturekit.data.town import _Town
from lecturekit.town import SEMANTIC, Labels, Scene, picture_size

VIEWS = ("labels", "edges", "day", "night")
LABEL_COLOURS = np.array(  # RGB of SEMANTIC's classes on a label map: far enough apart to be read back
    [
        (86, 180, 233), (60, 160, 60), (190, 186, 178), (70, 70, 78),
        (213, 94, 0), (240, 228, 66), (0, 80, 45), (204, 121, 167), (0, 60, 190), (128, 0, 64),
    ],
    np.uint8,
)  # fmt: skip


def label_picture(semantic: np.ndarray) -> np.ndarray:
    """A semantic map [H,W] (indices into SEMANTIC) as a picture uint8 [H,W,3] in LABEL_COLOURS."""
    return LABEL_COLOURS[semantic]


def read_labels(pictures: torch.Tensor) -> torch.Tensor:
    """The semantic maps [B,H,W] whose LABEL_COLOURS are nearest to pictures [B,3,H,W] in 0..1."""
    colours = torch.from_numpy(LABEL_COLOURS[: len(SEMANTIC)]).to(pictures) / 255  # [K, 3]
    distance = (pictures[:, None] - colours[:, :, None, None]).square().sum(dim=2)  # [B, K, H, W]
    return distance.argmin(dim=1)


def edge_picture(image: np.ndarray) -> np.ndarray:
    """White outlines on black, uint8 [H,W,3], of a picture uint8 [H,W,3]: Canny's edges of its luma."""
    from skimage.color import rgb2gray
    from skimage.feature import canny

    edges = canny(rgb2gray(image), sigma=0.7, low_threshold=0.05, high_threshold=0.12)
    return np.repeat(edges[..., None], 3, axis=2).astype(np.uint8) * 255


def views(
    scene: Scene, names: Sequence[str], size: int | tuple[int, int]
) -> tuple[list[torch.Tensor], Labels]:
    """A scene as pictures [3,H,W] in 0..1, one for each name; and its labels.

    All are without the camera's grain, which nothing could foretell. ValueError for a name that is none of
    VIEWS.
    """
    if unknown := [name for name in names if name not in VIEWS]:
        raise ValueError(f"view must be one of {', '.join(VIEWS)}, got {unknown[0]!r}")
    drawn = {night: scene.render(size, night=night, noise=False) for night in {n == "night" for n in names}}
    pictures = []
    for name in names:
        labels = drawn[name == "night"]
        image = labels.image
        if name == "labels":
            image = label_picture(labels.semantic)
        elif name == "edges":
            image = edge_picture(image)
        pictures.append(torch.from_numpy(image.transpose(2, 0, 1).astype(np.float32) / 255))
    return pictures, labels


@dataclass(frozen=True)
class TownViews(_Town):
    """Pairs: sample i is (given [3,H,W], wanted [3,H,W]), two of the VIEWS of one scene."""

    given: str = "labels"
    wanted: str = "day"

    def __post_init__(self) -> None:
        super().__post_init__()
        views(Scene.random(self.first, actors=(0, 0)), (self.given, self.wanted), 16)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        scene = Scene.random(self._seed(i), **self._dials())
        (given, wanted), _ = views(scene, (self.given, self.wanted), self.size)
        return given, wanted

    def semantic(self, i: int) -> torch.Tensor:
        """The semantic map int64 [H,W] of sample i."""
        labels = Scene.random(self._seed(i), **self._dials()).render(self.size, noise=False)
        return torch.from_numpy(labels.semantic.astype(np.int64))


@dataclass(frozen=True)
class TownHeaps(_Town):
    """Two heaps without pairs: sample i is (day [3,H,W] of one scene, night [3,H,W] of another).

    No scene is in both heaps. `crop` pixels high and wide patches of both, from random places, are taken
    unless it is 0. Raises ValueError for one larger than the pictures.
    """

    crop: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.crop <= min(picture_size(self.size)):
            raise ValueError(f"crop must lie within the picture's {self.size} pixels, got {self.crop!r}")

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        seed = self._seed(i)
        rng = np.random.default_rng([seed, 11])
        pair = []
        for k, name in enumerate(("day", "night")):
            (picture,), _ = views(Scene.random(2 * seed + k, **self._dials()), (name,), self.size)
            if self.crop:
                top, left = (int(rng.integers(side - self.crop + 1)) for side in picture.shape[1:])
                picture = picture[:, top : top + self.crop, left : left + self.crop].contiguous()
            pair.append(picture)
        return pair[0], pair[1]

    def semantic(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The semantic maps int64 [H,W] of both pictures of sample i, uncropped."""
        scenes = [Scene.random(2 * self._seed(i) + k, **self._dials()) for k in (0, 1)]
        maps = [scene.render(self.size, noise=False).semantic.astype(np.int64) for scene in scenes]
        return torch.from_numpy(maps[0]), torch.from_numpy(maps[1])


@dataclass(frozen=True)
class TownMaps(_Town):
    """Pictures by day and by night, with what they show: sample i is (picture [3,H,W], semantic map [H,W],
    1 by night else 0).

    Every other picture is by night; a share `dimmed` of them has its brightness changed, so that a judge of
    day and night can't go by that alone.
    """

    dimmed: float = 0.5

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        seed = self._seed(i)
        night = seed % 2
        scene = Scene.random(seed, **self._dials())
        (picture,), labels = views(scene, (("day", "night")[night],), self.size)
        rng = np.random.default_rng([seed, 13])
        if rng.random() < self.dimmed:
            picture = (picture * float(rng.uniform(0.6, 1.4))).clamp(0, 1)
        return picture, torch.from_numpy(labels.semantic.astype(np.int64)), night
