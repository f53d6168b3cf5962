"""What is saved is what was made, and never half-written."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from sample_images import NOISE, SMOOTH, SUFFIXES

from nst_core import ImageError, load_image, save_image
from nst_core.images import check_output, holds_alpha, quantize, to_pil


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_lossless_formats_hold_the_rounded_pixels(tmp_path, suffix):
    save_image(NOISE, tmp_path / f"a.{suffix}")
    assert torch.equal(load_image(tmp_path / f"a.{suffix}").pixels, (NOISE * 255).round() / 255)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_formats_are_near(tmp_path, suffix):
    save_image(SMOOTH, tmp_path / f"a.{suffix}")
    torch.testing.assert_close(load_image(tmp_path / f"a.{suffix}").pixels, SMOOTH, atol=0.02, rtol=0)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("quality", [60, 92, 95, 100])
def test_pure_noise_can_be_written(tmp_path, suffix, quality):
    """What compresses worst: encoders with a buffer of a fixed size break on it."""
    noise = torch.rand(1, 3, 192, 256, generator=torch.Generator().manual_seed(0))
    save_image(noise, tmp_path / f"a.{suffix}", quality=quality)
    Image.open(tmp_path / f"a.{suffix}").load()


def test_sixteen_bits(tmp_path):
    save_image(NOISE, tmp_path / "a.tif", bits=16)
    expected = (NOISE[0].double() * 65535).round().permute(1, 2, 0).numpy().astype(np.uint16)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), expected)
    save_image(NOISE, tmp_path / "a.png", bits=16)
    data = (tmp_path / "a.png").read_bytes()
    assert data[24] == 16  # bit depth in the header
    with Image.open(tmp_path / "a.png") as image:
        image.verify()
    torch.testing.assert_close(load_image(tmp_path / "a.png").pixels, NOISE, atol=1.01 / 255, rtol=0)


ALPHA = torch.linspace(0, 1, 37).round(decimals=2)[None, None, :, None].expand(1, 1, 37, 51)


@pytest.mark.parametrize(("name", "bits"), [("a.png", 8), ("a.png", 16), ("a.tif", 8), ("a.tif", 16), ("a.webp", 8)])
def test_alpha_is_written_and_read_again(tmp_path, name, bits):
    save_image(NOISE, tmp_path / name, bits=bits, alpha=ALPHA, quality=100)
    torch.testing.assert_close(load_image(tmp_path / name).alpha, ALPHA, atol=1.01 / 255, rtol=0)
    with Image.open(tmp_path / name) as image:
        assert image.mode == "RGBA"


@pytest.mark.parametrize(("suffix", "bits"), [("png", 8), ("tif", 8), ("tif", 16)])
def test_colours_are_the_same_whatever_is_transparent(tmp_path, suffix, bits):
    save_image(NOISE, tmp_path / f"a.{suffix}", bits=bits)
    save_image(NOISE, tmp_path / f"b.{suffix}", bits=bits, alpha=ALPHA[0])
    if suffix == "tif":
        one, other = (tifffile.imread(tmp_path / f"{name}.tif") for name in "ab")
    else:
        one, other = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in "ab")
    np.testing.assert_array_equal(one, other[..., :3])
    np.testing.assert_array_equal(other[..., 3], (ALPHA[0, 0].double() * (2**bits - 1)).round().numpy())


def test_jpeg_is_white_where_the_image_is_transparent(tmp_path):
    save_image(SMOOTH * 0.5, tmp_path / "a.jpg", alpha=torch.zeros(1, 1, 48, 64))
    assert load_image(tmp_path / "a.jpg").pixels.min() > 0.98
    assert [holds_alpha(f"a.{suffix}") for suffix in ("png", "JPG", "jpeg", "webp", "tiff")] == [1, 0, 0, 1, 1]


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
@pytest.mark.parametrize("shape", [(1, 3, 37, 51), (1, 1, 37, 50), (37, 51)])
def test_alpha_of_another_shape_is_refused(tmp_path, name, shape):
    with pytest.raises(ImageError, match=r"alpha must have the shape \(1, 1, 37, 51\) or \(1, 37, 51\), not"):
        save_image(NOISE, tmp_path / name, alpha=torch.ones(shape))


def test_rounding_and_range():
    image = torch.tensor([-0.5, 0.499 / 255, 0.501 / 255, 1.7]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert quantize(image)[0, :, 0].tolist() == [0, 0, 1, 255]
    assert (to_pil(NOISE).size, to_pil(NOISE).mode) == ((51, 37), "RGB")
    assert to_pil(NOISE, ALPHA).mode == "RGBA"


@pytest.mark.parametrize(
    ("name", "bits", "message"),
    [
        ("a.xyz", 8, r"format of .*a.xyz.* from its suffix; use .png"),
        ("a", 8, r"from its suffix"),
        ("a.jpg", 16, r"JPEG cannot be written with 16 bits"),
        ("a.png", 12, r"12 bits"),
        ("no/a.png", 8, r"folder .*no' does not exist"),
        ("folder.png", 8, r"is a folder"),
    ],
)
def test_outputs_that_cannot_be_are_refused_beforehand(tmp_path, name, bits, message):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match=message):
        check_output(tmp_path / name, bits=bits)


@pytest.mark.parametrize(("name", "longest"), [("a.webp", 16383), ("a.jpg", 65500)])
def test_sizes_that_a_format_cannot_hold_are_refused(tmp_path, name, longest):
    path = tmp_path / name
    save_image(torch.rand(3, 1, longest), path)
    assert load_image(path).original_size == (1, longest)
    message = rf"holds at most {longest} pixels per side, not {longest + 1}; use .png or .tif"
    with pytest.raises(ImageError, match=message):
        check_output(path, longest=longest + 1)
    with pytest.raises(ImageError, match=message):
        save_image(torch.rand(3, longest + 1, 1), path)
    save_image(torch.rand(3, longest + 1, 1), tmp_path / "a.png")


def test_whatever_an_encoder_raises_is_an_error_of_ours(tmp_path):
    with pytest.raises(ImageError, match=r"a.jpg' could not be written: .*EXIF data is too long"):
        save_image(NOISE, tmp_path / "a.jpg", recipe="#" * 70000)
    with pytest.raises(ImageError, match=r"a.png' could not be written: .*surrogates not allowed"):
        save_image(NOISE, tmp_path / "a.png", recipe="caf\udce9")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match="not writable"):
        check_output(tmp_path / "a.png")


def test_pixels_that_are_not_finite_are_not_written(tmp_path):
    with pytest.raises(ImageError, match="NaN or infinite"):
        save_image(torch.full((3, 4, 4), float("nan")), tmp_path / "a.png")
    with pytest.raises(ImageError, match="shape"):
        save_image(torch.zeros(4, 4), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_trouble_while_writing_leaves_the_old_file(tmp_path, monkeypatch, trouble, name):
    path = tmp_path / name
    save_image(SMOOTH, path)
    old = path.read_bytes()

    def fail(*_args, **_options):
        raise trouble

    monkeypatch.setattr("nst_core.images.write._write", fail)
    with pytest.raises(ImageError if isinstance(trouble, OSError) else KeyboardInterrupt):
        save_image(NOISE, path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_files_get_the_usual_permissions(tmp_path):
    save_image(NOISE, tmp_path / "a.png")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path, suffix):
    path = tmp_path / f"{'n' * (254 - len(suffix))}.{suffix}"
    save_image(NOISE, path)
    assert load_image(path).original_size == (37, 51)
