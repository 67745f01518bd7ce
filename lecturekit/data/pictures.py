"""Reading any photograph: turned by its camera, grey, 16-bit, with a palette, transparent or CMYK."""

import os
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

LARGEST = 89_478_485  # pixels; Pillow's own limit, a quarter of a GB as uint8 RGB


def read_picture(path: str | os.PathLike, *, turn: bool = True) -> torch.Tensor:
    """Read a picture file as float32 [3,H,W], RGB, 0..1.

    The picture is turned as its EXIF orientation says (`turn=False` leaves it as it is stored), what is
    transparent lies on white, 16-bit grey keeps its depth, and of an animation the first frame is taken.

    Raises FileNotFoundError for a missing file, ValueError for one that is no picture, that is broken off, or
    that holds more than LARGEST pixels.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: expected a picture file, such as {path / '*.jpg'}")
    if not path.exists():
        raise FileNotFoundError(f"no picture at {path}")
    try:
        with warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning):
            image = Image.open(path)
        with image:
            image.load()
            return torch.from_numpy(_rgb(_turned(image) if turn else image))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ValueError(
            f"{path} holds more than {LARGEST / 1e6:.0f} megapixels: make it smaller first"
        ) from error
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is no picture that can be read here: {_what(path)}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ValueError(f"{path} can't be read as a picture: {error}") from error


def _what(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        return "the file is empty"
    if head[4:8] == b"ftyp":
        return "a HEIC or AVIF photo or a video; save it as JPEG or PNG first"
    return f"expected JPEG or PNG, and the file starts with {head!r}"


def _turned(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except (
        Exception
    ):  # broken EXIF raises half a dozen kinds; a picture without orientation is still a picture
        return image


def _rgb(image: Image.Image) -> np.ndarray:
    """float32 [3,H,W], 0..1."""
    if image.mode.startswith("I"):  # 16-bit grey: "I;16" and its kin; "I" where a 16-bit file was widened
        grey = np.asarray(image).astype(np.float32) / 65535
        if grey.max(initial=0) > 1 or grey.min(initial=0) < 0:
            raise ValueError("its grey values leave 0..65535")
        return np.repeat(grey[None], 3, axis=0)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a known white: expected 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    pixels = np.asarray(image.convert("RGB"))  # [H, W, 3]
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32) / 255
