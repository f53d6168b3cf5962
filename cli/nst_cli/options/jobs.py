"""The jobs of a batch, from what was named on the command line: images with images, or a list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nst_cli.options.expansion import JobOptions
from nst_cli.options.groups import RecipeOptions
from nst_cli.options.recipes import base_job
from nst_core.errors import JobError, NstError

if TYPE_CHECKING:
    from nst_core import Job, Session
    from nst_core.experiments.inputs import Skipped
    from nst_core.experiments.layout import Sheet

__all__ = ["BatchJobs", "Choice", "chosen_jobs"]


@dataclass(frozen=True)
class Choice:
    """What was named on the command line.

    Attributes:
        contents: files, folders and patterns.
        styles: files, folders and patterns.
        recursive: go into the folders of folders, too.
        pair: the first content with the first style, and so on, instead of every one with every one.
        jobs: a list of jobs, instead of images.
    """

    contents: Sequence[str] = ()
    styles: Sequence[str] = ()
    recursive: bool = False
    pair: bool = False
    jobs: Path | None = None


@dataclass(frozen=True)
class BatchJobs:
    """The jobs of a batch.

    Attributes:
        sheets: the jobs as the report shows them.
        names: file names of their pictures, in the order of the sheets.
        skipped: what was found and is no image, in words.
    """

    sheets: list[Sheet]
    names: list[str]
    skipped: list[str]


def chosen_jobs(
    choice: Choice, options: JobOptions, recipe: RecipeOptions, session: Session, folder: Path, template: str
) -> BatchJobs:
    """Return the jobs of a batch.

    Args:
        choice: what was named.
        options: of all jobs; those in a list come before them.
        recipe: that all jobs start from.
        session: where names of components are looked up.
        folder: for the results; those of an earlier batch are no images of this one.
        template: of the names of pictures.

    Raises:
        NstError: nothing is named, something does not exist, or a value is invalid.
    """
    from nst_core.experiments.layout import batch_list
    from nst_core.experiments.naming import picture_names
    from nst_core.experiments.publishing import read_index

    if choice.jobs is not None:
        jobs, presets, skipped = *_listed(choice.jobs, choice, options, recipe, session), []
        sheets = None
    else:
        sheets, jobs, found = _combined(choice, options, recipe, session, folder)
        presets = [_preset(options.given.get("preset"), recipe, session)] * len(jobs)
        skipped = [f"'{skip.path}' is {skip.reason}" for skip in found]
    earlier = [(row.name, row.content, row.style) for row in read_index(folder)]
    names = picture_names(jobs, template, presets=presets, folder=folder, earlier=earlier)
    return BatchJobs(sheets or batch_list(names, jobs), names, skipped)


def _listed(
    path: Path, choice: Choice, options: JobOptions, recipe: RecipeOptions, session: Session
) -> tuple[list[Job], list[str]]:
    """Return the jobs of a list, and the preset of each."""
    from nst_core import make_job
    from nst_core.experiments.job_list import read_job_list, with_files_beside

    if choice.contents or choice.styles or choice.pair:
        raise JobError("a list of jobs names all images; give --jobs, or CONTENT and --styles, not both")
    rows = read_job_list(path)
    replaced = {
        name for name, given in (("content", "content"), ("styles", "styles")) if all(getattr(r, given) for r in rows)
    }
    base = base_job(recipe.recipe, session.registry, replaced=replaced | {*options.given})
    jobs, presets = [], []
    for row in rows:
        try:
            if base is None and not (row.content and row.styles):
                raise JobError("a job needs a content and a style")
            given = {**options.given, **row.options}
            job = make_job(row.content, row.styles or None, base=base, session=session, **given)
        except NstError as error:
            raise JobError(f"{row.place}: {error}") from None
        jobs.append(with_files_beside(job, path, session.registry))
        presets.append(_preset(given.get("preset"), recipe, session))
    return jobs, presets


def _combined(
    choice: Choice, options: JobOptions, recipe: RecipeOptions, session: Session, folder: Path
) -> tuple[list[Sheet] | None, list[Job], list[Skipped]]:
    """Return sheets of every content with every style, or ``None`` for a plain list; the jobs; what was skipped."""
    from nst_core import make_job
    from nst_core.experiments.inputs import combine, distinct, find_images
    from nst_core.experiments.layout import batch_grids
    from nst_core.experiments.publishing import results_in

    images = {name for name, given in (("content", choice.contents), ("styles", choice.styles)) if given}
    base = base_job(recipe.recipe, session.registry, replaced=images | {*options.given})
    if not choice.contents:
        raise JobError(
            "name photographs, or a list of jobs: nst batch CONTENT --styles STYLE, or nst batch --jobs FILE"
        )
    if not choice.styles and (base is None or choice.pair):
        raise JobError("name paintings, too: nst batch CONTENT --styles STYLE")
    results = results_in(folder)
    contents = find_images(choice.contents, role="content", recursive=choice.recursive, results=results)
    styles = find_images(choice.styles, role="style", recursive=choice.recursive, results=results)
    skipped = [*contents.skipped, *styles.skipped]

    def job(content: str, style: str | None) -> Job:
        return make_job(content, style, base=base, session=session, **options.given)

    if choice.pair:
        return None, [job(*both) for both in combine(contents.paths, styles.paths)], skipped
    if not styles.paths:
        return None, [job(content, None) for content in distinct(contents.paths)], skipped
    sheets = batch_grids(distinct(contents.paths), distinct(styles.paths), job)
    return sheets, [cell.job for sheet in sheets for cell in sheet.cells], skipped


def _preset(name: str | None, recipe: RecipeOptions, session: Session) -> str:
    """Return what ``{preset}`` stands for: the preset, or where a recipe takes its place, the name of its file."""
    if name is None and recipe.recipe is not None:
        return recipe.recipe.stem
    chosen = session.registry.preset(name or "")
    return next(known for known, preset in session.registry.presets().items() if preset is chosen)
