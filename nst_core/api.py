"""The Python API: stylize, reconstruct, synthesize."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Unpack

from nst_core.components.registry import Registry
from nst_core.engine.prepare import pastiche_size
from nst_core.engine.result import Result
from nst_core.engine.run import Observer, run
from nst_core.images import ImageInput
from nst_core.job.schedule import preview_of
from nst_core.job.schema import ImageRef, Job
from nst_core.options.build import Options, amend, default_job
from nst_core.options.presets import CONTENT_LOSS, STYLE_LOSS
from nst_core.plugins.discovery import default_registry

__all__ = ["Options", "make_job", "preview", "reconstruct", "stylize", "synthesize"]

PRESET = "content"


def make_job(
    content: ImageInput | None = None,
    style: ImageInput | None = None,
    *,
    base: Job | None = None,
    registry: Registry | None = None,
    **options: Unpack[Options],
) -> Job:
    """Make the job that :func:`stylize` carries out.

    Args:
        content: content image; a path is noted in the job, an image in memory only as such.
        style: likewise.
        base: a job to start from, a recipe for instance; else the classic algorithm. Images given here take
            the place of its images.
        registry: where names are looked up; everything installed by default.
        options: see :class:`Options`.

    Raises:
        JobError: an option is unknown or makes no sense.
    """
    registry = registry or default_registry()
    if base is None:
        base = default_job(registry, options.get("preset", PRESET), options.get("extractor", ""))
    job = amend(base, registry, options)
    return replace(
        job,
        content=job.content if content is None else _reference(content),
        style=job.style if style is None else _reference(style),
    )


def preview(job: Job) -> Job:
    """Return the job of the smallest scale of ``job`` alone: its large forms in a fraction of the time."""
    return preview_of(job, max(pastiche_size(job)))


def stylize(
    content: ImageInput,
    style: ImageInput,
    *,
    observers: Iterable[Observer] = (),
    registry: Registry | None = None,
    **options: Unpack[Options],
) -> Result:
    """Paint the content image in the manner of the style image.

    Args:
        content: a path, a Pillow image, or a tensor ``(3, H, W)`` or ``(1, 3, H, W)`` in [0, 1].
        style: likewise, of any size.
        observers: called with every :class:`Step`.
        registry: where names are looked up; everything installed by default.
        options: see :class:`Options`.

    Returns:
        The pastiche, in the size of the content image once its longest side is at most ``size``.

    Raises:
        NstError: see its subclasses.

    Example:
        >>> import nst_core as nst
        >>> result = nst.stylize("sample:landscape", "sample:brushwork", size=256)  # doctest: +SKIP
        >>> result.save("pastiche.png")  # doctest: +SKIP
    """
    registry = registry or default_registry()
    job = make_job(content, style, registry=registry, **options)
    return run(job, content=content, style=style, observers=observers, registry=registry)


def reconstruct(
    content: ImageInput,
    layer: str,
    *,
    observers: Iterable[Observer] = (),
    registry: Registry | None = None,
    **options: Unpack[Options],
) -> Result:
    """Find, from noise, an image with the content image's features at one layer: the content loss alone.

    Source: Mahendran and Vedaldi, arXiv:1412.0035; figure 1 of Gatys et al., arXiv:1508.06576.

    Args:
        content: see :func:`stylize`.
        layer: the extractor's layer to reconstruct from.
        observers: see :func:`stylize`.
        registry: see :func:`stylize`.
        options: see :class:`Options`.
    """
    registry = registry or default_registry()
    chosen: Options = {"preset": "noise", **options}
    chosen.update({"content_layers": [layer], "without": [STYLE_LOSS, *chosen.get("without", ())]})
    job = make_job(content, registry=registry, **chosen)
    return run(job, content=content, observers=observers, registry=registry)


def synthesize(
    style: ImageInput,
    *,
    shape: tuple[int, int] | None = None,
    observers: Iterable[Observer] = (),
    registry: Registry | None = None,
    **options: Unpack[Options],
) -> Result:
    """Make, from noise, a texture like the style image: the style loss alone.

    Source: Gatys, Ecker and Bethge, arXiv:1505.07376.

    Args:
        style: see :func:`stylize`.
        shape: height and width of the texture; those of the style image by default.
        observers: see :func:`stylize`.
        registry: see :func:`stylize`.
        options: see :class:`Options`.
    """
    registry = registry or default_registry()
    chosen: Options = {"preset": "noise", **options}
    chosen["without"] = [CONTENT_LOSS, *chosen.get("without", ())]
    job = replace(make_job(style=style, registry=registry, **chosen), shape=shape)
    return run(job, style=style, observers=observers, registry=registry)


def _reference(image: ImageInput) -> ImageRef:
    return ImageRef(os.fspath(image)) if isinstance(image, str | os.PathLike) else ImageRef()
