"""Masks of any mode and depth, and maps of colours."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter

from nst_core import ImageError
from nst_core.images.mask import Mask, color_name, color_of, load_mask, palette

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
STEPS = np.tile(np.linspace(0, 255, 16).round().astype(np.uint8), (8, 1))  # from black to white
HALF = np.where(np.arange(16) < 8, 0, 255).astype(np.uint8)[None].repeat(8, 0)


def loaded(folder: Path, image: Image.Image, name: str = "mask.png", **more) -> Mask:
    image.save(folder / name, **more)
    return load_mask(str(folder / name))


def opacity(values: np.ndarray, color: tuple[int, int, int]) -> Image.Image:
    image = Image.new("RGBA", values.shape[::-1], color)
    image.putalpha(Image.fromarray(values))
    return image


def map_of(size: tuple[int, int], *areas: tuple[tuple[int, int, int], tuple[int, int, int, int]]) -> Image.Image:
    image = Image.new("RGB", size, areas[0][0])
    for color, box in areas[1:]:
        ImageDraw.Draw(image).rectangle(box, fill=color)
    return image


# Grey


def paletted() -> Image.Image:
    image = Image.fromarray(STEPS // 17, "P")
    image.putpalette([17 * (k // 3) for k in range(48)])
    return image


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Image.fromarray(STEPS), "grey.png"),
        (lambda: Image.fromarray(STEPS).convert("RGB"), "colour.png"),
        (lambda: Image.fromarray(STEPS.astype(np.uint16) * 257), "deep.png"),
        (lambda: Image.fromarray(STEPS.astype(np.uint16) * 257), "deep.tif"),
        (paletted, "palette.png"),
        (paletted, "palette.gif"),
        (lambda: Image.fromarray(STEPS).convert("LA"), "opaque.png"),
        (lambda: opacity(STEPS, (255, 255, 255)), "white-alpha.png"),
        (lambda: opacity(STEPS, (0, 0, 0)), "black-alpha.png"),
        (lambda: opacity(STEPS, (0, 0, 0)), "black-alpha.webp"),
        (lambda: Image.merge("LA", [Image.new("L", (16, 8)), Image.fromarray(STEPS)]), "grey-alpha.png"),
    ],
)
def test_any_mode_and_depth_gives_the_same_mask(tmp_path, make, name):
    found = loaded(tmp_path, make(), name, **({"lossless": True, "exact": True} if name.endswith("webp") else {}))
    assert found.size == (8, 16)
    assert found.grey.dtype == torch.float32
    torch.testing.assert_close(found.grey[0, 0], torch.from_numpy(STEPS / 255).float(), atol=1 / 255, rtol=0)
    assert float(found.grey.min()) == 0
    assert float(found.grey.max()) == 1


def test_one_bit(tmp_path):
    found = loaded(tmp_path, Image.fromarray(HALF).convert("1"))
    assert torch.equal(found.grey[0, 0], torch.from_numpy(HALF / 255).float())


def test_a_transparent_colour_of_a_palette_is_not_there(tmp_path):
    image = Image.fromarray(HALF // 255, "P")
    image.putpalette([255, 255, 255, 255, 255, 255])
    found = loaded(tmp_path, image, transparency=0)
    assert torch.equal(found.grey[0, 0], torch.from_numpy(HALF / 255).float())


def test_grey_values_count_times_their_opacity(tmp_path):
    image = Image.merge("LA", [Image.fromarray(STEPS), Image.new("L", (16, 8), 51)])
    torch.testing.assert_close(loaded(tmp_path, image).grey[0, 0], torch.from_numpy(STEPS / 255).float() / 5)


def test_a_mask_is_turned_as_its_exif_data_say(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = loaded(tmp_path, Image.fromarray(STEPS), exif=exif)
    assert found.size == (16, 8)
    assert torch.equal(found.grey[0, 0, :, 0], torch.from_numpy(STEPS[0] / 255).float())


def test_a_mask_knows_its_file(tmp_path):
    found = loaded(tmp_path, Image.fromarray(STEPS))
    assert found.path == str(tmp_path / "mask.png")
    assert found.sha256 == hashlib.sha256((tmp_path / "mask.png").read_bytes()).hexdigest()


def test_a_sample_is_a_mask_too():
    assert load_mask("sample:landscape").size > (1, 1)


def test_what_is_no_mask_is_explained(tmp_path):
    with pytest.raises(ImageError, match=r"mask of the sky '.*nothing.png' does not exist"):
        load_mask(str(tmp_path / "nothing.png"), "mask of the sky")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ImageError, match=r"mask '.*text.png' is not an image in a supported format"):
        load_mask(str(tmp_path / "text.png"))
    Image.new("L", (1, 1), 255).save(tmp_path / "dot.png")
    with pytest.raises(ImageError, match=r"mask '.*dot.png' has a single pixel, which does not say where anything is"):
        load_mask(str(tmp_path / "dot.png"))


# Other sizes


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 40), st.integers(2, 40))
@settings(deadline=None)
def test_all_white_is_all_white_at_any_size(height, width, own_height, own_width):
    """To the last bit: what is kept is kept."""
    mask = Mask(torch.ones(1, 1, own_height, own_width), np.zeros((own_height, own_width, 3), np.uint8), "", "")
    assert torch.equal(mask.at((height, width)), torch.ones(1, 1, height, width))


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
@settings(deadline=None)
def test_a_resized_mask_keeps_its_range(height, width, seed):
    grey = (torch.rand(1, 1, 17, 23, generator=torch.Generator().manual_seed(seed)) > 0.5).float()
    found = Mask(grey, np.zeros((17, 23, 3), np.uint8), "", "").at((height, width))
    assert found.shape == (1, 1, height, width)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1


def test_a_mask_is_reduced_by_area(tmp_path):
    found = loaded(tmp_path, Image.fromarray(HALF)).at((4, 8))
    assert float(found.mean()) == pytest.approx(0.5, abs=0.01)
    assert torch.equal(found[0, 0, 0, [0, 1, 2, 5, 6, 7]], torch.tensor([0.0, 0, 0, 1, 1, 1]))


@pytest.mark.parametrize("size", [(8, 16), (4, 8), (80, 160), (300, 600), (301, 600), (303, 600), (38, 75)])
def test_proportions_are_those_of_the_image_to_rounding(tmp_path, size):
    loaded(tmp_path, Image.fromarray(STEPS).resize((256, 128))).check_proportions(size, "the mask", "the picture")


@pytest.mark.parametrize("size", [(16, 8), (8, 8), (300, 400), (300, 580)])
def test_other_proportions_are_an_error(tmp_path, size):
    mask = loaded(tmp_path, Image.fromarray(STEPS).resize((256, 128)))
    message = (
        rf"the mask '.*mask.png' has 256×128 pixels, but the picture has {size[1]}×{size[0]}: the proportions must"
    )
    with pytest.raises(ImageError, match=message):
        mask.check_proportions(size, "the mask", "the picture")


# Maps


def test_colours_are_names():
    assert color_name((255, 10, 0)) == "#ff0a00"
    assert color_of("#ff0a00") == (255, 10, 0)


def test_a_palette_has_the_commonest_colour_first(tmp_path):
    image = map_of((40, 30), (BLUE, ()), (RED, (0, 0, 9, 29)), (GREEN, (20, 0, 39, 2)))
    found = palette(loaded(tmp_path, image))
    assert [color for color, _ in found] == [BLUE, RED, GREEN]
    assert [share for _, share in found] == pytest.approx([0.7, 0.25, 0.05], abs=0.01)


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_the_palette_of_a_map_in_jpeg_with_soft_edges(tmp_path, quality):
    image = map_of((400, 300), (BLUE, ()), (RED, (0, 0, 150, 299)), (GREEN, (200, 100, 350, 250)))
    soft = image.resize((320, 240), Image.Resampling.BICUBIC)
    found = palette(loaded(tmp_path, soft, "map.jpg", quality=quality))
    assert len(found) == 3
    for (color, share), (wanted, expected) in zip(found, ((BLUE, 0.43), (RED, 0.38), (GREEN, 0.19)), strict=True):
        assert sum((a - b) ** 2 for a, b in zip(color, wanted, strict=True)) ** 0.5 < 10
        assert share == pytest.approx(expected, abs=0.02)


def test_a_line_is_no_area_and_a_bar_is_one(tmp_path):
    image = map_of((100, 100), (BLUE, ()), (RED, (0, 40, 99, 42)), (GREEN, (0, 70, 99, 75)))
    assert [color for color, _ in palette(loaded(tmp_path, image))] == [BLUE, GREEN]


def test_specks_are_no_area(tmp_path):
    image = map_of((100, 100), (BLUE, ()), (RED, (0, 0, 39, 99)), (GREEN, (70, 70, 75, 75)))
    assert [color for color, _ in palette(loaded(tmp_path, image))] == [BLUE, RED]


def test_a_photograph_is_no_map(tmp_path):
    noise = np.random.default_rng(0).integers(0, 4, (60, 80, 3), dtype=np.uint8) * 85
    with pytest.raises(ImageError, match=r"has more than 32 colours, and is no map of regions; draw each region in on"):
        palette(loaded(tmp_path, Image.fromarray(noise)))
    many = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    with pytest.raises(ImageError, match="has no areas of one colour; draw each region in one colour"):
        palette(loaded(tmp_path, Image.fromarray(many)))


def test_areas_share_out_every_pixel(tmp_path):
    image = map_of((80, 60), (BLUE, ()), (RED, (0, 0, 29, 59)), (GREEN, (40, 20, 70, 50)))
    mask = loaded(tmp_path, image)
    for size in ((60, 80), (17, 23), (120, 160)):
        areas = [mask.where(color, [RED, GREEN, BLUE], size) for color in (RED, GREEN, BLUE)]
        assert all(area.shape == (1, 1, *size) for area in areas)
        torch.testing.assert_close(sum(areas), torch.ones(1, 1, *size))
        assert float(areas[0].mean()) == pytest.approx(30 / 80, abs=0.01)


def test_antialiased_edges_belong_to_one_of_the_two_sides(tmp_path):
    """Between red and blue lies purple, which is a region as well."""
    purple = (128, 0, 128)
    image = map_of((400, 300), (BLUE, ()), (RED, (0, 0, 199, 299)), (purple, (0, 0, 399, 49)))
    soft = image.resize((200, 150), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.7))
    there = loaded(tmp_path, soft).where(purple, [RED, BLUE, purple], (150, 200))[0, 0]
    assert there[30:].max() == 0
    assert there[:23].min() == 1


def test_specks_take_what_is_around_them(tmp_path):
    image = map_of((100, 100), (BLUE, ()), (RED, (0, 0, 49, 99)), (RED, (80, 80, 81, 81)), (GREEN, (20, 20, 21, 21)))
    mask = loaded(tmp_path, image)
    assert torch.equal(mask.where(RED, [RED, BLUE], (100, 100))[0, 0, 50], (torch.arange(100) < 50).float())
    assert float(mask.where(RED, [RED, BLUE], (100, 100)).mean()) == 0.5


def test_transparency_of_a_map_is_white(tmp_path):
    image = map_of((40, 30), (BLUE, ())).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 20, 30))
    assert {color for color, _ in palette(loaded(tmp_path, image))} == {BLUE, (255, 255, 255)}


@given(st.integers(0, 999), st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_every_area_belongs_to_the_nearest_colour(seed, count):
    generator = np.random.default_rng(seed)
    blocks = generator.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    colors = list(dict.fromkeys(tuple(map(int, color)) for color in generator.integers(0, 256, (count, 3))))
    mask = Mask(torch.zeros(1, 1, 54, 63), blocks.repeat(9, axis=0).repeat(9, axis=1), "", "")
    distances = np.square(blocks[:, :, None].astype(int) - np.array(colors)).sum(axis=-1)
    assert np.array_equal(mask.areas(colors)[4::9, 4::9], distances.argmin(axis=-1))
