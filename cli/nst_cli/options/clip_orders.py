"""The clips to paint, from what was named on the command line, and where they go."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst_cli.options.clips import ClipOptions, EncodingOptions
from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import RecipeOptions
from nst_core.errors import JobError, NstError
from nst_core.files import exists, fitting, is_folder
from nst_core.job.named_files import named_files

if TYPE_CHECKING:
    from nst_core import Job, Session
    from nst_core.video.order import ClipOrder

__all__ = ["ChosenOrders", "ClipChoice", "check_no_clip_input", "chosen_orders"]

PREVIEW_RATE = 5
"""Frames a second of a preview, about."""

FOLDER = "nst-video"
"""Where several clips go, unless told otherwise."""


@dataclass(frozen=True)
class ClipChoice:
    """What was named on the command line.

    Attributes:
        clip: a clip, a folder of pictures, or a folder or pattern of clips.
        styles: style images.
        output: file or folder.
        from_image: picture whose recipe is started from.
        preview: whether a few small frames are enough.
    """

    clip: str
    styles: Sequence[str]
    output: Path | None
    from_image: Path | None
    preview: bool = False


@dataclass(frozen=True)
class ChosenOrders:
    """What is to be made.

    Attributes:
        orders: one for each clip that can be read.
        several: whether they are several clips, whose results go into a folder.
        failed: what is wrong with the others, by clip.
    """

    orders: list[ClipOrder]
    several: bool
    failed: dict[str, str]


def chosen_orders(
    choice: ClipChoice,
    options: JobOptions,
    recipe: RecipeOptions,
    clips: ClipOptions,
    encoding: EncodingOptions,
    session: Session,
) -> ChosenOrders:
    """Return what is to be made.

    Raises:
        NstError: something that was named does not exist or is invalid.
    """
    from nst_core.video.order import ClipOrder
    from nst_core.video.painting import STEPS
    from nst_core.video.writing import Encoding

    job = _job(choice, options, recipe, session)
    paths, several = _clips(choice.clip)
    targets = _targets(paths, job, choice, several)
    chosen = ChosenOrders([], several, {})
    for path, target in zip(paths, targets, strict=True):
        order = ClipOrder(
            path,
            job,
            str(target),
            start=clips.start,
            end=clips.end,
            fps=clips.fps,
            consistency=clips.consistency,
            steps=STEPS if clips.frame_steps is None else clips.frame_steps,
            encoding=Encoding(encoding.codec, encoding.crf, encoding.lossless),
            sound=not encoding.no_sound,
            keep_frames=encoding.keep_frames,
        )
        check_no_clip_input(order, session)
        try:
            chosen.orders.append(_as_preview(order, session) if choice.preview else order)
        except NstError as error:
            if not several:
                raise
            chosen.failed[path] = str(error)
    return chosen


def _job(choice: ClipChoice, options: JobOptions, recipe: RecipeOptions, session: Session) -> Job:
    from nst_cli.options.images import check_no_folder
    from nst_cli.options.recipes import base_job
    from nst_core.video.order import clip_job

    check_no_folder(styles=choice.styles)
    replaced = {"content", *options.given, *(("styles",) if choice.styles else ())}
    base = base_job(recipe.recipe, session.registry, from_image=choice.from_image, replaced=replaced)
    if not choice.styles and base is None:
        raise JobError(f"name a painting, too: nst video {shlex.quote(choice.clip)} STYLE")
    return clip_job(choice.styles or None, base=base, session=session, **options.given)


def _clips(text: str) -> tuple[list[str], bool]:
    """Return the clips that a text names, and whether it is a folder or a pattern of them."""
    from nst_core.video.reading import is_clip

    if is_folder(text):
        try:
            inside = sorted(str(path) for path in Path(text).iterdir() if path.is_file() and is_clip(path))
        except OSError as error:
            raise JobError(f"the folder '{text}' cannot be read: {error}") from error
        return (inside, True) if inside else ([text], False)
    if not exists(text) and glob.has_magic(text):
        found = sorted(path for path in glob.glob(text, recursive=True) if is_clip(path))  # noqa: PTH207 - absolute, too
        if not found:
            raise JobError(f"no clip matches '{text}'; for numbered pictures, name their folder")
        return found, True
    return [text], False


def _targets(paths: Sequence[str], job: Job, choice: ClipChoice, several: bool) -> list[Path]:
    """Return where the results go."""
    from nst_cli.execution.single import free_path
    from nst_core.video.writing import CLIP_OUTPUTS

    style = "+".join(Path(source.path.replace(":", "-")).stem for source in job.styles) or "painted"
    ending = f"-{style}{'-preview' if choice.preview else ''}"
    if not several:
        return [choice.output or free_path(Path(), f"{Path(paths[0]).stem}{ending}", "", ".mp4")]
    folder = choice.output or Path(FOLDER)
    if (folder.exists() and not folder.is_dir()) or folder.suffix.lower() in CLIP_OUTPUTS:
        raise JobError(f"'{folder}' is the name of a file; several clips need a folder: -o FOLDER")
    targets = [fitting(folder, f"{name}{ending}", ".mp4") for name in _different([Path(path) for path in paths])]
    twice = next((target for target in targets if targets.count(target) > 1), None)
    if twice is not None:
        raise JobError(f"two clips would become '{twice}'; rename one of them, or paint them by commands of their own")
    return targets


def _different(paths: Sequence[Path]) -> list[str]:
    """Return the stems of files, with the names of folders before those that several have: new files change no name."""
    stems = [path.stem for path in paths]
    longer = [f"{path.parent.name}-{path.stem}" if stems.count(path.stem) > 1 else path.stem for path in paths]
    return [
        f"{name}-{path.suffix.removeprefix('.')}" if longer.count(name) > 1 else name
        for name, path in zip(longer, paths, strict=True)
    ]


def check_no_clip_input(order: ClipOrder, session: Session) -> None:
    """Refuse to write over a file that is read."""
    from nst_cli.execution.single import check_no_input
    from nst_core.job.named_files import NamedFile

    clip = NamedFile("clip", order.clip, "", ("clip",))
    check_no_input([("result", Path(order.output))], [clip, *named_files(order.job, session.registry.file_parameters)])


def _as_preview(order: ClipOrder, session: Session) -> ClipOrder:
    """Return an order of few and small frames."""
    from nst_core.engine.pinning import Inputs
    from nst_core.video.order import without_moving_masks
    from nst_core.video.painting import as_tensor

    source = order.source(order.size_of(order.source()))
    first = as_tensor(source.first().pixels)
    small = session.preview(without_moving_masks(order.job), Inputs(content=first))
    whole = replace(small, content=order.job.content, keep=order.job.keep, regions=order.job.regions)
    return replace(order, job=whole, every=max(1, round(source.info.rate / PREVIEW_RATE)))
