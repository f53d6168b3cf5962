"""The Python API: stylize, reconstruct, synthesize, and the job and the run behind them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from nst_core.engine.checkpoint import Checkpoint
from nst_core.engine.pinning import Inputs
from nst_core.engine.result import Result
from nst_core.engine.run import Observer
from nst_core.engine.session import Session
from nst_core.images import ImageInput
from nst_core.job.schema import Job, Source
from nst_core.options.build import default_job
from nst_core.options.recipes import job_of_file, job_of_picture
from nst_core.options.table import apply_options, check_options, describe_options
from nst_core.planning.memory_plan import MemoryPlan
from nst_core.planning.resources import Resources
from nst_core.plugins.discovery import default_registry

__all__ = ["StyleInput", "load_job", "make_job", "plan", "preview", "reconstruct", "run", "stylize", "synthesize"]

StyleInput = ImageInput | Sequence[ImageInput]
"""One style image, or several that are blended."""

F = TypeVar("F", bound=Callable[..., Any])


def _with_options(function: F) -> F:
    """List all options in a docstring, from the table."""
    if function.__doc__:  # not under python -OO
        function.__doc__ += f"\n    Options:\n{describe_options('        ')}\n    "
    return function


@_with_options
def make_job(
    content: ImageInput | None = None,
    styles: StyleInput | None = None,
    *,
    base: Job | None = None,
    session: Session | None = None,
    **options: Any,
) -> Job:
    """Make the job that :func:`stylize` carries out.

    Args:
        content: content image; the job records its path, or that it is only in memory.
        styles: style image, or several that are blended; recorded like the content image.
        base: a job to start from, such as a recipe; by default, that of the preset. Images given here replace its
            images.
        session: where names of components are looked up; everything installed by default.
        options: what differs from ``base``, by name, see below.

    Raises:
        JobError: an option is unknown or has an invalid value.
    """
    options = check_options(options)
    registry = session.registry if session else default_registry()
    if base is None:
        base = default_job(registry, options.get("preset", ""), options.get("extractor", ""))
    elif {"regions", "region_maps"} & {*options}:
        base = replace(base, regions=())  # which may name styles that are not there any more
    job = base
    if content is not None:
        job = replace(job, content=Source(_path_of(content)))
    if styles is not None:
        job = replace(job, styles=_style_sources(_listed(styles), base))
    return apply_options(job, registry, options)


def load_job(path: str | os.PathLike[str], *, session: Session | None = None) -> Job:
    """Read a job from a recipe file, or from the recipe inside a picture, and find the files that it names.

    They are looked for where the recipe says and by their names alone, in the folder of ``path`` and in the current
    one; of several, the one with the hash in the recipe is taken. A file that is not found keeps its path.

    Args:
        path: a recipe (.toml, .json), or a picture that holds one.
        session: says what parameters of components are paths.

    Raises:
        ImageError: the picture cannot be read or has no recipe.
        JobError: the recipe cannot be read or is invalid.

    Example:
        >>> import nst_core as nst
        >>> job = nst.make_job(base=nst.load_job("pastiche.png"), seed=1)  # doctest: +SKIP
        >>> nst.run(job).save("again.png")  # doctest: +SKIP
    """
    source, registry = Path(path), session.registry if session else default_registry()
    is_recipe = source.suffix.lower() in (".toml", ".json")
    return (job_of_file if is_recipe else job_of_picture)(source, registry)


@_with_options
def stylize(
    content: ImageInput,
    styles: StyleInput,
    *,
    observers: Iterable[Observer] = (),
    session: Session | None = None,
    **options: Any,
) -> Result:
    """Paint the content image in the manner of the style image, or of a blend of several.

    Args:
        content: a path, a Pillow image, or a tensor ``(3, H, W)`` or ``(1, 3, H, W)`` in [0, 1].
        styles: one such image, or several; of any size.
        observers: called with every :class:`Step`; returning ``False`` cancels the run.
        session: shared with other calls, so that images, networks and style statistics are made once.
        options: see below.

    Returns:
        The pastiche, in the size of the content image once its longest side is at most ``size``.

    Raises:
        NstError: see its subclasses.

    Example:
        >>> import nst_core as nst
        >>> result = nst.stylize("sample:landscape", "sample:brushwork", size=256)  # doctest: +SKIP
        >>> result.save("pastiche.png")  # doctest: +SKIP
    """
    session = session or Session()
    job = make_job(content, styles, session=session, **options)
    return run(job, content=content, styles=styles, observers=observers, session=session)


@_with_options
def reconstruct(
    content: ImageInput,
    layer: str,
    *,
    observers: Iterable[Observer] = (),
    session: Session | None = None,
    **options: Any,
) -> Result:
    """Find, from noise, an image with the content image's features at one layer: the content loss alone.

    Source: Mahendran and Vedaldi, arXiv:1412.0035; figure 1 of Gatys et al., arXiv:1508.06576.

    Args:
        content: see :func:`stylize`.
        layer: the extractor's layer to reconstruct from.
        observers: see :func:`stylize`.
        session: see :func:`stylize`.
        options: see below.

    Raises:
        NstError: see its subclasses.
    """
    session = session or Session()
    job = single_loss_job("content", content, session=session, **options, content_layers=[layer])
    return run(job, content=content, observers=observers, session=session)


@_with_options
def synthesize(
    styles: StyleInput,
    *,
    shape: tuple[int, int] | None = None,
    observers: Iterable[Observer] = (),
    session: Session | None = None,
    **options: Any,
) -> Result:
    """Make, from noise, a texture like the style image: the style loss alone.

    Source: Gatys, Ecker and Bethge, arXiv:1505.07376.

    Args:
        styles: see :func:`stylize`.
        shape: height and width of the texture in pixels; those of the style image by default.
        observers: see :func:`stylize`.
        session: see :func:`stylize`.
        options: see below.

    Raises:
        NstError: see its subclasses.
    """
    session = session or Session()
    job = replace(single_loss_job("style", styles, session=session, **options), shape=shape)
    return run(job, styles=styles, observers=observers, session=session)


def single_loss_job(
    role: str, images: StyleInput, *, base: Job | None = None, session: Session | None = None, **options: Any
) -> Job:
    """Make a job with the losses of one role and the regularizers only, from an initial image that needs no source.

    A reconstruction shows what a layer knows and is made at one level; a texture is to look good and has the default
    preset's losses and levels.

    Args:
        role: "content" for a reconstruction, "style" for a texture.
        images: content image, or style images.
        base: a recipe to start from; its initial image is kept unless that is the photograph or needs an image that
            is missing. Colour mode, regions and what is kept belong to a pastiche and go with it.
        session: where names of components are looked up.
        options: see :func:`make_job`.
    """
    registry = session.registry if session else default_registry()
    scratch = registry.scratch_preset()
    other = "style" if role == "content" else "content"
    if base is None and role == "content":
        options = {"preset": scratch, **options}
    elif base is None or {"content", other} & {*registry.get("initializer", base.initializer.name).cls.needs}:
        options = {"init": registry.preset(scratch).initializer, **options}
    if base is not None and base.content and base.styles:
        base = base.without_control()
    content, styles = (images, None) if role == "content" else (None, images)
    job = make_job(content, styles, base=base, session=session, **options)  # type: ignore[arg-type]
    terms = tuple(term for term in job.terms if registry.get("loss", term.loss).role != other)
    kept = {"styles": ()} if role == "content" else {"content": None}
    return replace(job, terms=terms, **kept)


def run(
    job: Job,
    *,
    content: ImageInput | None = None,
    styles: StyleInput | None = None,
    observers: Iterable[Observer] = (),
    session: Session | None = None,
    resources: Resources | None = None,
    checkpoint: Checkpoint | None = None,
) -> Result:
    """Carry out a job: all steps of :meth:`Session.run`.

    Args:
        job: the job.
        content: the content image, if the job has no path for it.
        styles: the style images, if the job has no paths for them.
        observers: each is called with every :class:`Step`, in order; ``False`` cancels the run.
        session: shared with other jobs, so that images, networks and style statistics are made once.
        resources: memory, tiles and threads that the run may use.
        checkpoint: file that the run is saved to and continued from; call its ``finished`` after saving the result.

    Returns:
        The best image found. A run that is cancelled, by Ctrl-C or an observer, returns the best image so far, of the
        last level that has one.

    Raises:
        NonFiniteError: the objective remains NaN or infinite.
        CheckpointError: the checkpoint belongs to another job or version, or is damaged.
        CancelledError: the run was cancelled before its first evaluation.
        NstError: an image, component or weight set that the job names is missing or unusable.
        KeyboardInterrupt: Ctrl-C before the end of the first evaluation.
    """
    session = session or Session()
    inputs = _inputs(content, styles)
    begun = session.run(job, content=inputs.content, styles=inputs.styles, resources=resources, checkpoint=checkpoint)
    return begun.exhaust(observers)


def plan(
    job: Job,
    *,
    content: ImageInput | None = None,
    styles: StyleInput | None = None,
    session: Session | None = None,
    resources: Resources | None = None,
) -> MemoryPlan:
    """Estimate what :func:`run` needs, from a few evaluations of small images; the arguments are the same."""
    inputs = _inputs(content, styles)
    return (session or Session()).plan(job, content=inputs.content, styles=inputs.styles, resources=resources)


def preview(
    job: Job,
    *,
    content: ImageInput | None = None,
    styles: StyleInput | None = None,
    session: Session | None = None,
) -> Job:
    """Return a job that stops at a level of ``job`` of at most 256 px: it shows the strokes in a fraction of the time.

    Args:
        job: the job.
        content: the content image, if the job has no path for it.
        styles: the style images, if the job has no paths for them.
        session: shared with other calls.
    """
    return (session or Session()).preview(job, _inputs(content, styles))


def _listed(styles: StyleInput) -> list[ImageInput]:
    return list(styles) if isinstance(styles, list | tuple) else [styles]  # type: ignore[list-item]


def _path_of(image: ImageInput) -> str:
    return os.fspath(image) if isinstance(image, str | os.PathLike) else ""


def _style_sources(images: Sequence[ImageInput], base: Job) -> tuple[Source, ...]:
    """Note style images in a job: each takes share, scale and transform of the one that it replaces in the base.

    If they are more or fewer, all of them take scale and transform of the first one, and equal shares.
    """
    first = replace(base.styles[0], weight=1.0) if base.styles else Source()
    like = base.styles if len(base.styles) == len(images) else [first] * len(images)
    return tuple(replace(s, path=_path_of(image), sha256="") for s, image in zip(like, images, strict=True))


def _inputs(content: ImageInput | None, styles: StyleInput | None) -> Inputs:
    """Return the images that were passed beside a job."""
    return Inputs(content, [] if styles is None else _listed(styles))
