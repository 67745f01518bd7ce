"""Any photograph a person has comes in as float32 [3,H,W], RGB, 0..1, the right way up."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from lecturekit.data import pictures
from lecturekit.data.pictures import read_picture

H, W = 24, 40


def colourful() -> np.ndarray:
    """A picture with no symmetry: red falls to the right, green grows downwards, a blue corner."""
    picture = np.zeros((H, W, 3), np.uint8)
    picture[..., 0] = np.linspace(250, 10, W)
    picture[..., 1] = np.linspace(10, 250, H)[:, None]
    picture[:6, :9, 2] = 255
    return picture


def as_bytes(tensor: torch.Tensor) -> np.ndarray:
    return (tensor * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def check(tensor: torch.Tensor, size=(H, W)) -> None:
    assert tensor.dtype == torch.float32
    assert tensor.shape == (3, *size)
    assert tensor.min() >= 0
    assert tensor.max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA"])
def test_png_in_every_mode_looks_as_pillow_shows_it(tmp_path, mode):
    image = Image.fromarray(colourful()).convert(mode)
    image.save(tmp_path / "a.png")
    tensor = read_picture(tmp_path / "a.png")
    check(tensor)
    np.testing.assert_array_equal(as_bytes(tensor), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_turned_as_its_exif_says(tmp_path, orientation):
    picture = Image.fromarray(colourful())
    # What a camera does: it stores the upright picture turned, and notes how to turn it back.
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = picture if undo is None else picture.transpose(Image.Transpose(undo))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=95, subsampling=0)
    tensor = read_picture(tmp_path / "a.jpg")
    check(tensor)
    assert np.abs(as_bytes(tensor).astype(int) - colourful()).mean() < 4
    flat = read_picture(tmp_path / "a.jpg", turn=False)
    assert flat.shape[1:] == stored.size[::-1]


def test_sixteen_bit_grey_keeps_its_depth(tmp_path):
    grey = np.linspace(0, 65535, H * W).astype(np.uint16).reshape(H, W)
    Image.fromarray(grey).save(tmp_path / "a.png")
    tensor = read_picture(tmp_path / "a.png")
    check(tensor)
    np.testing.assert_allclose(tensor[1].numpy(), grey / 65535, atol=1e-6)
    assert len(tensor.unique()) > 900


def test_transparent_parts_lie_on_white(tmp_path):
    rgba = np.dstack([colourful(), np.full((H, W), 255, np.uint8)])
    rgba[:, 20:, 3] = 0
    Image.fromarray(rgba).save(tmp_path / "a.png")
    tensor = read_picture(tmp_path / "a.png")
    assert (tensor[:, :, 20:] == 1).all()
    np.testing.assert_array_equal(as_bytes(tensor)[:, :20], colourful()[:, :20])
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([10, 20, 30, 200, 0, 0])
    palette.save(tmp_path / "p.png", transparency=1)
    assert as_bytes(read_picture(tmp_path / "p.png")).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_cmyk_jpeg(tmp_path):
    Image.fromarray(colourful()).convert("CMYK").save(tmp_path / "a.jpg", quality=95, subsampling=0)
    tensor = read_picture(tmp_path / "a.jpg")
    check(tensor)
    assert np.abs(as_bytes(tensor).astype(int) - colourful()).mean() < 8


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("L", (W, H), level) for level in (40, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (as_bytes(read_picture(tmp_path / "a.gif")) == 40).all()


def test_a_pixel_and_a_stripe(tmp_path):
    for size in [(1, 1), (900, 1)]:
        Image.new("RGB", size, (255, 0, 0)).save(tmp_path / "a.png")
        check(read_picture(tmp_path / "a.png"), size[::-1])


def test_damaged_exif_is_no_damaged_picture(tmp_path, monkeypatch):
    Image.fromarray(colourful()).save(tmp_path / "a.png")

    def broken(image):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(ImageOps, "exif_transpose", broken)
    np.testing.assert_array_equal(as_bytes(read_picture(tmp_path / "a.png")), colourful())


def test_what_is_no_picture_is_refused_by_name(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no picture at .*gone.jpg"):
        read_picture(tmp_path / "gone.jpg")
    with pytest.raises(ValueError, match="is a folder"):
        read_picture(tmp_path)
    for name, content, message in [
        ("text.jpg", b"hello, I am a text", "text.jpg is no picture.*hello"),
        ("empty.png", b"", "empty.png .*the file is empty"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1", "save it as JPEG or PNG"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_picture(tmp_path / name)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    for name in ("cut.jpg", "cut.png"):
        Image.fromarray(noise).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ValueError, match=f"{name} can't be read as a picture"):
            read_picture(tmp_path / name)
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(ValueError, match="floating-point"):
        read_picture(tmp_path / "float.tif")


def test_a_picture_too_large_for_memory_is_refused_before_it_is_unpacked(tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 100_000
    assert pictures.LARGEST == Image.MAX_IMAGE_PIXELS
    with pytest.raises(ValueError, match="more than 89 megapixels"):
        read_picture(tmp_path / "bomb.png")
