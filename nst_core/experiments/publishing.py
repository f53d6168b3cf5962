"""Pictures of a batch under their names, beside the cells, and the table ``index.csv`` that lists them."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from filecmp import cmp
from pathlib import Path

from nst_core.errors import JobError
from nst_core.experiments.batch import JobOutcome
from nst_core.experiments.naming import images_of
from nst_core.files import atomic_write, exists

__all__ = ["INDEX", "IndexRow", "check_free", "index_row", "publish", "read_index", "results_in", "write_index"]

INDEX = "index.csv"


@dataclass(frozen=True)
class IndexRow:
    """What ``index.csv`` says of a picture; all texts, "" where there is nothing to say.

    Attributes:
        name: file name of the picture.
        content: path of the content image.
        style: path of the style image; several are joined by ``;``.
        status: done, cached, failed or missing.
        seconds: that the optimization took.
        total: the loss.
        evaluations: of the loss.
        key: hash of the job, whose first 16 digits are the name of the folder in ``cells``.
        error: what went wrong.
    """

    name: str
    content: str = ""
    style: str = ""
    status: str = ""
    seconds: str = ""
    total: str = ""
    evaluations: str = ""
    key: str = ""
    error: str = ""


_COLUMNS = [column.name for column in fields(IndexRow)]


def index_row(name: str, result: JobOutcome) -> IndexRow:
    """Return the row of a picture."""
    job, record = result.job, result.record

    def figure(key: str, digits: str) -> str:
        value = record.get(key)
        return "" if value is None else format(value, digits)

    return IndexRow(
        name,
        *images_of(job),
        result.status,
        figure("seconds", ".1f"),
        figure("total", ".6g"),
        figure("evaluations", "d"),
        result.key,
        result.error,
    )


def read_index(folder: Path) -> list[IndexRow]:
    """Return the rows of the table in a folder; none where there is no table.

    Raises:
        JobError: the table cannot be read, or is another program's.
    """
    path = folder / INDEX
    if not exists(path):
        return []
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            header, *rows = [*csv.reader(file)] or [[]]
    except (OSError, csv.Error) as error:
        raise JobError(f"'{path}' cannot be read: {error}; choose another folder") from None
    if header != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
        raise JobError(f"'{path}' is not the table of a batch; move it, or choose another folder")
    return [IndexRow(*row) for row in rows]


def write_index(folder: Path, rows: Iterable[IndexRow], earlier: Iterable[IndexRow] = ()) -> Path:
    """Write the table as a whole and return its path.

    Args:
        folder: of the batch.
        rows: of this batch, in order.
        earlier: rows that were there; those whose picture is still there, and has no new row, are kept at the end.

    Raises:
        OSError: it cannot be written.
    """
    new = list(rows)
    names = {row.name for row in new}
    kept = [row for row in earlier if row.name not in names and exists(folder / row.name)]
    with (
        atomic_write(folder / INDEX) as temporary,
        temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows([getattr(row, column) for column in _COLUMNS] for row in [*new, *kept])
    return folder / INDEX


def results_in(folder: Path) -> frozenset[Path]:
    """Return the files and folders that earlier batches made in a folder, resolved.

    Raises:
        JobError: see :func:`read_index`.
    """
    whole = folder.resolve()
    rows = read_index(folder)
    written = ("images", INDEX, "report.html", "report.md") if rows else ()
    return frozenset(whole / name for name in ("cells", *written, *(row.name for row in rows)))


def check_free(folder: Path, names: Sequence[str], results: Sequence[JobOutcome]) -> None:
    """Check that no picture would take the place of a file that is no result of a batch.

    Raises:
        JobError: one would; says which.
    """
    ours = {row.name for row in read_index(folder)}
    for name, result in zip(names, results, strict=True):
        target = folder / name
        if name not in ours and exists(target) and not _published(result, target):
            raise JobError(
                f"'{target}' exists and is not a result of this batch; move it, or choose another folder (-o) or --name"
            )


def publish(result: JobOutcome, target: Path) -> None:
    """Put the picture of a finished job under a name; nothing happens where it is there, or where there is none.

    It takes no space where the file system has hard links. A reader of ``target`` sees the old picture or the new one.

    Raises:
        OSError: the file cannot be written.
    """
    picture = result.picture
    if picture is None or _published(result, target):
        return
    with atomic_write(target, suffix=target.suffix) as temporary:
        temporary.unlink()
        try:
            os.link(picture, temporary)
        except OSError:  # no hard links here
            shutil.copyfile(picture, temporary)


def _published(result: JobOutcome, target: Path) -> bool:
    picture = result.picture
    if picture is None or not target.is_file():
        return False
    return target.samefile(picture) or cmp(picture, target, shallow=False)
