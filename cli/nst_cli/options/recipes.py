"""Recipes as files: reading one to start from, checking where one can be written."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nst_core.errors import JobError
from nst_core.files import check_writable
from nst_core.job.named_files import NamedFile
from nst_core.job.schema import Job
from nst_core.options.table import options_table

if TYPE_CHECKING:
    from nst_core import Registry

__all__ = ["base_job", "check_recipe_target"]


def base_job(
    recipe: Path | None, registry: Registry, *, from_image: Path | None = None, replaced: Iterable[str] = ()
) -> Job | None:
    """Return the job of a recipe file or of an earlier result, or ``None`` where neither is given.

    Args:
        recipe: the file.
        registry: says which parameters of components are paths.
        from_image: the earlier result.
        replaced: names of the options that are given, ``content`` and ``styles`` among them: the files that they
            replace may be missing.

    Raises:
        NstError: the recipe cannot be read, or files that it names are not found.
    """
    from nst_core.options.recipes import job_of_file, job_of_picture, missing_files

    if recipe is not None and from_image is not None:
        raise JobError("give --recipe or --from-image, not both")
    if recipe is not None:
        source, job = recipe, job_of_file(recipe, registry)
    elif from_image is not None:
        source, job = from_image, job_of_picture(from_image, registry)
    else:
        return None
    missing = [file for file in missing_files(job, registry) if not {*replaced} & {*file.options}]
    if missing:
        raise JobError(_not_found(source, missing))
    return job


def _not_found(source: Path, missing: list[NamedFile]) -> str:
    names = ", ".join(f"{file.role} '{file.path}'" for file in missing)
    ways = dict.fromkeys(_way(file) for file in missing)
    return (
        f"the recipe '{source}' names files that are not found: {names}. Put them into the folder of the recipe or the "
        f"current folder, or name them on the command line: {', '.join(ways)}"
    )


def _way(file: NamedFile) -> str:
    option = options_table().get(file.options[0])
    return f"{option.flags[0]} {file.form}" if option else "CONTENT STYLE"


def check_recipe_target(path: Path) -> None:
    """Check that a recipe could be written, before any work starts."""
    if path.suffix.lower() != ".toml":
        raise JobError(f"recipes are written as TOML; choose a file name that ends in .toml, not '{path}'")
    check_writable(path, JobError)
