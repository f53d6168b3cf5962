"""Regions and what is kept, as a person writes them. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from nst_core.errors import JobError, unknown_name
from nst_core.job.schema import Job, Region, Source
from nst_core.options.context import Context

__all__ = ["with_keep", "with_region_maps", "with_regions"]

_KEYS = ("style", "style-mask", "weight")
_PARAMETERS = re.compile(rf":(?=(?:{'|'.join(_KEYS)}|[a-z-]+)=)")
_NEXT = re.compile(r",(?=[a-z-]+=)")
# Colours of two maps that are farther apart than this, in units of 8-bit RGB, do not belong together.
_FARTHEST = 96.0


def with_regions(job: Job, texts: Sequence[str | Region], context: Context) -> Job:  # noqa: ARG001
    """Set the regions: ``NAME=MASK:style=2,style-mask=FILE,weight=1`` each, or :class:`Region` values."""
    return replace(job, regions=tuple(t if isinstance(t, Region) else _region(t, job) for t in texts))


def _region(text: str, job: Job) -> Region:
    name, equals, rest = text.partition("=")
    if not equals or not name or not rest:
        raise JobError(f"a region must be written NAME=MASK or NAME=MASK:style=2,style-mask=FILE, not '{text}'")
    path, *more = _PARAMETERS.split(rest, maxsplit=1)
    values: dict[str, str] = {}
    for part in _NEXT.split(more[0]) if more else []:
        key, _, value = part.partition("=")
        if key not in _KEYS:
            raise unknown_name(f"key of region '{name}':", key, _KEYS)
        values[key] = value
    style_mask = Source(values["style-mask"]) if "style-mask" in values else None
    try:
        weight = float(values.get("weight", "1"))
    except ValueError:
        raise JobError(f"the weight of region '{name}' must be a number, not '{values['weight']}'") from None
    return Region(name, Source(path), _style(values.get("style", "1"), name, job), style_mask, weight=weight)


def _style(text: str, region: str, job: Job) -> int:
    """Return the number of a style image that is named by number, file name or its stem."""
    if text.isdecimal():
        return int(text)
    paths = [style.path.removeprefix("sample:") for style in job.styles]
    found = [n for n, path in enumerate(paths, 1) if text in (path, PurePath(path).name, PurePath(path).stem)]
    if len(found) != 1:
        raise JobError(
            f"region '{region}' names style '{text}', which {'several are' if found else 'none is'} called; give its "
            f"number, 1 to {len(paths)}"
        )
    return found[0]


def with_keep(job: Job, path: str, context: Context) -> Job:  # noqa: ARG001
    """Set the keep mask; "none" removes it."""
    return replace(job, keep=None if path == "none" else Source(path))


def with_region_maps(job: Job, paths: Sequence[str], context: Context) -> Job:
    """Make a region of every colour of a map of the content image, with the same colour in a map of a style image.

    The first path is the content's map; each other one is that of a style image, in order.
    """
    from nst_core.images.mask import color_name, load_mask, palette

    if "regions" in context.given:
        raise JobError("give --region or --regions, not both")
    if len(paths) < 2:
        raise JobError("--regions needs two maps: of the content image, and of the style image")
    content, *styles = paths
    if len(styles) > max(1, len(job.styles)):
        raise JobError(f"there are {len(styles)} maps of style images, but {len(job.styles)} style images")
    found = palette(load_mask(content, "map of the content image"))
    there = [[color for color, _ in palette(load_mask(p, f"map of style image {n}"))] for n, p in enumerate(styles, 1)]
    regions, unmatched = [], []
    for color, _ in found:
        nearest = min(
            ((_distance(color, other), number) for number, colors in enumerate(there) for other in colors),
        )
        if nearest[0] > _FARTHEST:
            unmatched.append(color_name(color))
            continue
        number = nearest[1]
        name = color_name(color)
        regions.append(Region(name, Source(content), number + 1, Source(styles[number]), name))
    if unmatched:
        listed = " and ".join(", ".join(map(color_name, colors)) for colors in there)
        raise JobError(
            f"the map '{content}' has the colours {', '.join(color_name(color) for color, _ in found)}, those of the "
            f"style images {listed}: nothing is like {', '.join(unmatched)}; give areas that belong together the same "
            "colour"
        )
    return replace(job, regions=tuple(regions))


def _distance(one: Sequence[int], other: Sequence[int]) -> Any:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
