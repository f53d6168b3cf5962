"""What is drawn on the photograph: masks of regions, one for each painting, and of what is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageColor, ImageFilter

from nst_core import Region, Source

__all__ = ["COLORS", "KEEP", "drawn"]

COLORS = ("#e69f00", "#56b4e9", "#009e73", "#cc79a7")
"""Colour of the brush for each painting; they can be told apart by the colour-blind (Okabe and Ito)."""

KEEP = "#ffffff"
"""Colour of the brush for what is kept of the photograph."""

LEAST_SHARE = 1e-3
"""Share of the photograph below which a drawing is taken for a slip."""


def drawn(
    layers: Sequence[Image.Image], folder: Path, slots: Sequence[int], softness: float = 0.0
) -> tuple[Mapping[str, Any], str]:
    """Turn what was drawn into options of a job, and write their masks.

    Args:
        layers: drawings in mode RGBA, of one size, transparent where nothing is drawn; a pixel belongs to the brush
            whose colour is the nearest.
        folder: where the masks are written, in a folder of its own for every drawing.
        slots: which brushes have a painting, from 0, in the order of the job's styles; others count for the last one.
        softness: how far edges are blurred: standard deviation as a share of the longest side.

    Returns:
        The options ``regions`` and ``keep``, as far as something was drawn, and what the visitor should know, or "".
    """
    found: dict[str, Any] = {}
    if not layers or not slots:
        return found, ""
    drawing = layers[0].convert("RGBA")
    for layer in layers[1:]:
        drawing = Image.alpha_composite(drawing, layer.convert("RGBA"))
    pixels = np.asarray(drawing, dtype=np.float32)
    content = drawing.tobytes() + repr((drawing.size, slots, softness)).encode()
    place = folder / hashlib.sha256(content).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    brushes = np.array([ImageColor.getrgb(color) for color in (*COLORS, KEEP)], dtype=np.float32)
    distances = ((pixels[..., None, :3] - brushes) ** 2).sum(axis=-1)
    nearest = distances.argmin(axis=-1)
    keep = len(COLORS)
    nearest[(nearest != keep) & ~np.isin(nearest, slots)] = slots[-1]
    regions, small = [], False
    for number in (*slots, keep):
        mask = np.where(nearest == number, pixels[..., 3], 0.0)
        if mask.mean() < 255.0 * LEAST_SHARE:
            small = small or bool(mask.any())
            continue
        image = Image.fromarray(np.rint(mask).astype(np.uint8))
        if softness > 0:
            image = image.filter(ImageFilter.GaussianBlur(softness * max(image.size)))
        name = "keep.png" if number == keep else f"region-{number + 1}.png"
        image.save(place / name)
        if number == keep:
            found["keep"] = str(place / name)
        else:
            regions.append(Region(f"painting {number + 1}", Source(str(place / name)), slots.index(number) + 1))
    if regions:
        found["regions"] = tuple(regions)
    return found, "A stroke was too small to count; draw a larger one." if small else ""
