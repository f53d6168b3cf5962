"""Brushes become masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from nst_cli.studio.masks import COLORS, KEEP, drawn


def drawing(*boxes: tuple[str, tuple[int, int, int, int]], size=(80, 60)) -> Image.Image:
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    for color, box in boxes:
        pen.rectangle(box, fill=color)
    return image


def mask(options, name):
    found = next((r.mask.path for r in options.get("regions", ()) if r.name == name), None) or options.get("keep")
    return np.asarray(Image.open(found), dtype=float) / 255


def test_every_color_is_a_region_and_white_is_kept(tmp_path):
    image = drawing((COLORS[0], (0, 0, 19, 59)), (COLORS[1], (20, 0, 39, 59)), (KEEP, (60, 0, 79, 59)))
    options, note = drawn([image], tmp_path, [0, 1])
    assert note == ""
    assert [(region.name, region.style) for region in options["regions"]] == [("painting 1", 1), ("painting 2", 2)]
    for name, left in (("painting 1", 0), ("painting 2", 20), ("keep", 60)):
        found = mask(options, name)
        assert found[:, left : left + 20].min() == 1
        assert found.sum() == 20 * 60


@settings(max_examples=20, deadline=None)
@given(alpha=st.integers(0, 255), shift=st.integers(-20, 20))
def test_a_soft_brush_is_grey_and_a_nearly_equal_color_is_its_own(tmp_path_factory, alpha, shift):
    red, green, blue = (int(COLORS[0][i : i + 2], 16) for i in (1, 3, 5))
    image = Image.new("RGBA", (20, 10), (red + min(shift, 255 - red), green, max(0, blue), alpha))
    options, _ = drawn([image], tmp_path_factory.mktemp("masks"), [0])
    if alpha:
        assert np.allclose(mask(options, "painting 1"), alpha / 255)
    else:
        assert options == {}


def test_edges_can_be_soft(tmp_path):
    image = drawing((COLORS[0], (0, 0, 39, 59)))
    found = mask(drawn([image], tmp_path, [0], softness=0.05)[0], "painting 1")
    edge = found[30, 30:50]
    assert (np.diff(edge) <= 0).all()
    assert 0.2 < edge[10] < 0.8
    assert found[30, 0] == 1
    assert found[30, 79] == 0


def test_brushes_of_paintings_that_are_missing_count_for_the_last(tmp_path):
    options, _ = drawn([drawing((COLORS[3], (0, 0, 39, 59)))], tmp_path, [0, 1])
    assert [(region.name, region.style) for region in options["regions"]] == [("painting 2", 2)]


def test_a_brush_is_of_its_field_whatever_fields_are_filled(tmp_path):
    image = drawing((COLORS[1], (0, 0, 19, 59)), (COLORS[3], (20, 0, 39, 59)))
    options, _ = drawn([image], tmp_path, [1, 3])
    assert [(region.name, region.style) for region in options["regions"]] == [("painting 2", 1), ("painting 4", 2)]
    assert mask(options, "painting 2")[:, :20].min() == 1


def test_slips_are_named_and_leave_nothing(tmp_path):
    options, note = drawn([drawing((COLORS[0], (0, 0, 0, 0)))], tmp_path, [0])
    assert options == {}
    assert "too small" in note


@pytest.mark.parametrize("layers", [[], [drawing()]])
def test_nothing_drawn_is_nothing(tmp_path, layers):
    assert drawn(layers, tmp_path, [0, 1, 2]) == ({}, "")


def test_an_earlier_drawing_stays_for_undo(tmp_path):
    first, _ = drawn([drawing((COLORS[0], (0, 0, 39, 59)))], tmp_path, [0])
    before = mask(first, "painting 1")
    drawn([drawing((COLORS[0], (40, 0, 79, 59)))], tmp_path, [0])
    assert (mask(first, "painting 1") == before).all()
