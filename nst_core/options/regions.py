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
_PARAMETERS = re.compile(r":(?=[a-z-]+=)")
_NEXT = re.compile(r",(?=[a-z-]+=)")
# Colours of two maps that are farther apart than this, in units of 8-bit RGB, do not belong together.
_FARTHEST = 96.0


def with_regions(job: Job, texts: Sequence[str | Region], context: Context) -> Job:  # noqa: ARG001
    """Set the regions: ``NAME=MASK:style=2,style-mask=FILE,weight=1`` each, or :class:`Region` values.

    "none" alone removes those of a recipe.
    """
    if list(texts) == ["none"]:
        return replace(job, regions=())
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
        if not value:
            raise JobError(f"'{key}' of region '{name}' has no value; write {key}=VALUE, or leave it out")
        values[key] = value
    style_mask = Source(values["style-mask"]) if "style-mask" in values else None
    try:
        weight = float(values.get("weight", "1"))
    except ValueError:
        raise JobError(f"the weight of region '{name}' must be a number, not '{values['weight']}'") from None
    return Region(name, Source(path), _style(values.get("style", "1"), name, job), style_mask, weight=weight)


def _style(text: str, region: str, job: Job) -> int:
    """Return the number of a style image that is named by number, file name or its stem."""
    if text == "blend":
        return 0
    if text.isdecimal() and int(text):
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
    from nst_core.images.mask import Color, color_name, load_mask, palette

    if "regions" in context.given:
        raise JobError("give --region or --regions, not both")
    if len(paths) < 2:
        raise JobError("--regions needs two maps: of the content image, and of the style image")
    content, *styles = paths
    if len(styles) > max(1, len(job.styles)):
        raise JobError(f"there are {len(styles)} maps of style images, but {len(job.styles)} style images")
    found = [color for color, _ in palette(load_mask(content, "map of the content image"))]
    # A colour of a style image's map belongs to the nearest one in the content image's, as each of its pixels will.
    partners: dict[Color, list[tuple[float, int]]] = {color: [] for color in found}
    lost, listed = [], [_listed(content, found)]
    for number, path in enumerate(styles, 1):
        there = [color for color, _ in palette(load_mask(path, f"map of style image {number}"))]
        listed.append(_listed(path, there))
        for other in there:
            distance, nearest = min((_distance(color, other), color) for color in found)
            if distance > _FARTHEST:
                lost.append(other)
            else:
                partners[nearest].append((distance, number))
    lost += [color for color, those in partners.items() if not those]
    if lost:
        names = ", ".join(dict.fromkeys(map(color_name, lost)))
        raise JobError(
            f"{'; '.join(listed)}. Without a counterpart: {names}; give areas that belong together the same colour in "
            "both maps"
        )
    regions = []
    for color, those in partners.items():
        number, name = min(those)[1], color_name(color)
        regions.append(Region(name, Source(content), number, Source(styles[number - 1]), name))
    return replace(job, regions=tuple(regions))


def _listed(path: str, colors: Sequence[tuple[int, int, int]]) -> str:
    from nst_core.images.mask import color_name

    return f"the map '{path}' has the colours {', '.join(map(color_name, colors))}"


def _distance(one: Sequence[int], other: Sequence[int]) -> Any:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
