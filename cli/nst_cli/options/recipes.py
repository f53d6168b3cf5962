"""Recipes as files: reading one to start from, writing one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import JobError
from nst_core.files import atomic_write, check_writable
from nst_core.job.schema import Job, Source

if TYPE_CHECKING:
    from nst_core import Result

__all__ = ["base_job", "check_recipe_target", "write_recipe"]


def base_job(recipe: Path | None, from_image: Path | None = None) -> Job | None:
    """Return the job of a recipe file or of an earlier result, or ``None`` where neither is given.

    Image paths are looked up from the current folder first, then from the folder of the recipe.
    """
    if recipe is not None and from_image is not None:
        raise JobError("give --recipe or --from-image, not both")
    if recipe is not None:
        text = _text(recipe)
        job = Job.from_json(text) if recipe.suffix.lower() == ".json" else Job.from_toml(text)
        return _found(job, recipe.parent)
    if from_image is not None:
        from nst_core.images import read_recipe

        return _found(Job.from_toml(read_recipe(from_image)), from_image.parent)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"the recipe '{path}' cannot be read: {error}") from None


def _found(job: Job, folder: Path) -> Job:
    content = _nearby(job.content, folder) if job.content else None
    return replace(job, content=content, styles=tuple(_nearby(style, folder) for style in job.styles))


def _nearby(reference: Source, folder: Path) -> Source:
    if not reference.path or Path(reference.path).exists():
        return reference
    beside = folder / reference.path
    return replace(reference, path=str(beside)) if beside.exists() else reference


def check_recipe_target(path: Path) -> None:
    """Check that a recipe could be written, before any work starts."""
    if path.suffix.lower() != ".toml":
        raise JobError(f"recipes are written as TOML; choose a file name that ends in .toml, not '{path}'")
    check_writable(path, JobError)


def write_recipe(result: Result, path: Path) -> None:
    """Write the recipe of a result as TOML, beside first and then renamed."""
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(result.recipe, encoding="utf-8")
    except OSError as error:
        raise JobError(f"the recipe could not be written to '{path}': {error}") from None
