"""Photographs in two sizes, for super-resolution: those of scikit-image and scikit-learn, or a user's own."""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from lecturekit.data.digits import check_part
from lecturekit.data.pictures import read_picture
from lecturekit.town import Scene

SCALE = 4
HELD_OUT = ("astronaut", "chelsea", "coffee", "rocket")
TRAINING = (
    *("china", "flower", "motorcycle", "hubble_deep_field", "retina", "immunohistochemistry"),
    *("brick", "camera", "coins", "grass", "gravel", "moon"),
)
SUFFIXES = (".jpg", ".jpeg", ".png")
LARGEST = 720  # pixels of the longer side, beyond which a photograph is halved: retina alone has 1411


@functools.cache
def photograph(name: str) -> torch.Tensor:
    """A photograph by its name in HELD_OUT or TRAINING: float32 [3,H,W], RGB, 0..1, H and W multiples of 4.

    Grey ones have three equal channels. Raises ValueError for an unknown name.
    """
    if name not in HELD_OUT + TRAINING:
        raise ValueError(f"name must be one of {', '.join(HELD_OUT + TRAINING)}, got {name!r}")
    if name in ("china", "flower"):
        from sklearn.datasets import load_sample_image

        pixels = load_sample_image(f"{name}.jpg")
    else:
        from skimage import data

        pixels = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    image = torch.from_numpy(np.ascontiguousarray(pixels[..., :3].transpose(2, 0, 1))).float() / 255
    if max(image.shape[1:]) > LARGEST:
        image = _shrunk(image[:, : image.shape[1] // 2 * 2, : image.shape[2] // 2 * 2], 2)
    height, width = (side // SCALE * SCALE for side in image.shape[1:])
    return image[:, :height, :width].contiguous()


def _shrunk(large: torch.Tensor, times: int) -> torch.Tensor:
    """[3,H,W] -> [3,H/times,W/times], by antialiased bicubic interpolation, as super-resolution papers do."""
    sides = [side // times for side in large.shape[1:]]
    resized = F.interpolate(large[None], sides, mode="bicubic", antialias=True, align_corners=False)
    return resized[0].clamp(0, 1)


@dataclass(frozen=True)
class Photographs:
    """Whole photographs: sample i is (small [3,H/4,W/4], large [3,H,W]).

    `part` is "val" (the four HELD_OUT, never trained on) or "train". Raises ValueError for another one.
    """

    part: str = "val"

    def __post_init__(self) -> None:
        check_part(self.part)

    @property
    def names(self) -> tuple[str, ...]:
        return HELD_OUT if self.part == "val" else TRAINING

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        large = photograph(self.names[i]).clone()
        return _shrunk(large, SCALE), large


@dataclass(frozen=True)
class PhotoPatches:
    """Patches of the TRAINING photographs and, in a share `town` of the samples, of Toy Town.

    Sample i, of the seed first + i, is (small [3,size/4,size/4], large [3,size,size]): a random place,
    perhaps turned and mirrored, of a photograph at its own or half its size. Raises ValueError for a size
    that is no multiple of 4 in 16..128.
    """

    first: int = 0
    count: int = 1000
    size: int = 64
    town: float = 0.3

    def __post_init__(self) -> None:
        if self.size % SCALE or not 16 <= self.size <= 128:
            raise ValueError(f"size must be a multiple of {SCALE} in 16..128 pixels, got {self.size!r}")

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        if not 0 <= i < self.count:
            raise IndexError(f"sample {i} of {self.count}")
        rng = np.random.default_rng([self.first + i, 7])
        if rng.random() < self.town:
            picture = Scene.random(self.first + i).render(int(rng.integers(self.size, 193)), noise=False)
            image = torch.from_numpy(picture.image.transpose(2, 0, 1).astype(np.float32) / 255)
        else:
            image = self._photo(rng)
        times = 2 if min(image.shape[1:]) >= 2 * self.size and rng.random() < 0.3 else 1
        side = self.size * times
        top, left = (int(rng.integers(length - side + 1)) for length in image.shape[1:])
        large = image[:, top : top + side, left : left + side]
        large = _shrunk(large, times) if times > 1 else large
        large = torch.rot90(large, int(rng.integers(4)), (1, 2))
        large = large.flip(2) if rng.random() < 0.5 else large
        return _shrunk(large, SCALE), large.contiguous()

    def _photo(self, rng: np.random.Generator) -> torch.Tensor:
        return photograph(TRAINING[int(rng.integers(len(TRAINING)))])


@dataclass(frozen=True)
class FolderPhotos:
    """Whole photographs of a user's folder, by name: samples as in `Photographs`.

    Those with a side of more than LARGEST pixels are shrunk to it. Raises FileNotFoundError where there is no
    such folder, ValueError where it holds no JPEG or PNG, or one smaller than `smallest` pixels; a file that
    can't be read raises ValueError when its turn comes.
    """

    root: str | Path
    smallest: int = 64

    def __post_init__(self) -> None:
        if not Path(self.root).is_dir():
            raise FileNotFoundError(f"root: {self.root} is no folder")
        if not self.files:
            raise ValueError(f"root: {self.root} holds no pictures ({', '.join(SUFFIXES)})")
        for file in self.files:
            if min(sides := _sides(file)) < self.smallest:
                raise ValueError(
                    f"root: {file} is too small: {sides[0]} x {sides[1]} pixels, "
                    f"{self.smallest} x {self.smallest} are needed"
                )

    @property
    def files(self) -> tuple[Path, ...]:
        return _pictures(str(self.root))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        large = _from_file(self.files[i], self.smallest).clone()
        return _shrunk(large, SCALE), large


@dataclass(frozen=True)
class FolderPatches(PhotoPatches):
    """Patches of the photographs in a user's folder: samples as in `PhotoPatches`, errors as in
    `FolderPhotos`.
    """

    town: float = 0.0
    root: str | Path = "."

    def __post_init__(self) -> None:
        super().__post_init__()
        FolderPhotos(self.root, self.size)

    def _photo(self, rng: np.random.Generator) -> torch.Tensor:
        files = _pictures(str(self.root))
        return _from_file(files[int(rng.integers(len(files)))], self.size)


@functools.cache
def _pictures(root: str) -> tuple[Path, ...]:
    return tuple(sorted(file for file in Path(root).iterdir() if file.suffix.lower() in SUFFIXES))


def _sides(file: Path) -> tuple[int, int]:
    """Width and height, without reading the pixels; where that fails those of nothing too small."""
    try:
        with Image.open(file) as image:
            return image.size
    except OSError:
        return (LARGEST, LARGEST)


@functools.lru_cache(maxsize=32)
def _from_file(file: Path, smallest: int) -> torch.Tensor:
    """A picture as `photograph` gives it, none of its sides shrunk below `smallest`."""
    image = read_picture(file)
    factor = min(LARGEST / max(image.shape[1:]), 1)
    sides = [max(smallest, round(side * factor)) // SCALE * SCALE for side in image.shape[1:]]
    if factor < 1:
        image = F.interpolate(image[None], sides, mode="bicubic", antialias=True)[0].clamp(0, 1)
    return image[:, : sides[0], : sides[1]].contiguous()
