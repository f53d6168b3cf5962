"""Jobs as a table that people write: one row a job, in CSV or as ``[[jobs]]`` in TOML."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core.errors import JobError, NstError, unknown_name
from nst_core.files import exists
from nst_core.job.named_files import NamedFile, with_paths
from nst_core.job.schema import Job
from nst_core.options.recipes import text_of
from nst_core.options.table import options_table

if TYPE_CHECKING:
    from nst_core.components.registry import Registry

__all__ = ["ListedJob", "read_job_list", "with_files_beside"]

IMAGES = ("content", "style")
SEPARATOR = ";"
"""Joins several style images of one job."""
WHAT = "list of jobs"


@dataclass(frozen=True)
class ListedJob:
    """A row.

    Attributes:
        place: where it is, for messages: "'jobs.csv', line 3".
        content: path of the content image, ``None`` if the row has none.
        styles: paths of the style images.
        options: values by name of the option, as the API takes them.
    """

    place: str
    content: str | None = None
    styles: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def read_job_list(path: Path) -> list[ListedJob]:
    """Read a list of jobs, TOML or CSV by its suffix.

    Columns are ``content``, ``style`` (several paths joined by ``;``) and names of options, with hyphens or
    underscores. Texts are values as ``nst sweep --vary`` takes them: lists are joined by ``+``. In TOML a value may
    also be a number, a boolean or a list. An empty cell of a CSV file leaves the option as it is.

    Args:
        path: the file. A CSV file begins with a row of column names; a TOML file has a table ``[[jobs]]`` for each job.

    Raises:
        UnknownNameError: a column is no option.
        JobError: the file cannot be read, has no jobs, or a value is invalid; says in which row.
    """
    readers = {".csv": _csv_rows, ".toml": _toml_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise JobError(f"a list of jobs is a .csv or .toml file, not '{path}'")
    jobs = [_job(f"'{path}', {place}", row) for place, row in reader(text_of(path, WHAT), path)]
    if not jobs:
        form = "a row for each below the names of the columns" if path.suffix.lower() == ".csv" else "[[jobs]] for each"
        raise JobError(f"there are no jobs in '{path}'; write {form}")
    return jobs


def with_files_beside(job: Job, path: Path, registry: Registry) -> Job:
    """Let the paths of a job start from the folder of its list where a file is there, else from the current folder."""

    def place(file: NamedFile) -> str:
        beside = path.parent / file.path
        return str(beside) if file.is_path and exists(beside) else file.path

    return with_paths(job, place, registry.file_parameters)


def _csv_rows(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        reader.fieldnames = names
        for name in names:
            if names.count(name) > 1:
                raise JobError(f"'{path}' has the column '{name}' twice")
        for row in reader:
            place = f"line {reader.line_num}"
            if None in row:
                raise JobError(
                    f"'{path}', {place} has more values than columns; put a value with commas in double quotes"
                )
            given = {name: value.strip() for name, value in row.items() if value and value.strip()}
            if given:
                yield place, given
    except csv.Error as error:
        raise JobError(f"'{path}', line {reader.line_num} is not valid CSV: {error}") from None


def _toml_rows(text: str, path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise JobError(f"'{path}' is not valid TOML: {error}") from None
    rows = whole.pop("jobs", [])
    if whole:
        raise JobError(f"'{path}' has '{next(iter(whole))}' outside of [[jobs]]; each job has its own values")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise JobError(f"'jobs' in '{path}' must be an array of tables; write [[jobs]] above each job")
    for number, row in enumerate(rows, 1):
        yield f"job {number}", row


def _job(place: str, row: Mapping[str, Any]) -> ListedJob:
    rows = options_table()
    options: dict[str, Any] = {}
    try:
        for column, value in row.items():
            name = column.replace("-", "_")
            if name in IMAGES:
                continue
            if name not in rows:
                raise unknown_name("column", column, [*IMAGES, *rows])
            if name in options:
                raise JobError(f"'{column}' is given twice")
            kind = rows[name].type
            options[name] = kind.parsed(value, column) if isinstance(value, str) else kind.taken(value, column)
        content, style = row.get("content"), row.get("style", [])
        styles = style.split(SEPARATOR) if isinstance(style, str) else style
        if (
            not isinstance(content, str | None)
            or not isinstance(styles, list)
            or any(type(s) is not str for s in styles)
        ):
            raise JobError("'content' must be a path, and 'style' a path, several joined by ;, or a list of paths")
    except NstError as error:
        raise type(error)(f"{place}: {error}") from None
    return ListedJob(place, content or None, tuple(text.strip() for text in styles if text.strip()), options)
