"""What a run of many jobs is laid out as: sheets of cells with rows and columns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from nst_core.errors import JobError
from nst_core.experiments.naming import short_name
from nst_core.experiments.sweep import Variation, product
from nst_core.job.schema import Job

__all__ = ["Cell", "Sheet", "batch_grids", "batch_list", "blend_sheet", "grid_sheet", "sweep_sheets"]

T = TypeVar("T")
LONGEST_SIDE = 20
"""Rows and columns of a sheet of a batch: more make a contact sheet that no image format and no screen holds."""


@dataclass(frozen=True)
class Cell:
    """One job at its place in a sheet.

    Attributes:
        row: label of its row, "" where there is one row.
        column: label of its column, "" where there is one column.
        job: the job.
        name: what its picture is called, as text and without a suffix.
    """

    row: str
    column: str
    job: Job
    name: str


@dataclass(frozen=True)
class Sheet:
    """Cells that are to be seen side by side.

    Attributes:
        title: heading.
        cells: in any order; rows and columns appear in the order of the cells.
        row_axis: what differs from row to row, "" where there is one row.
        column_axis: what differs from column to column.
        note: a sentence on what is to be seen.
    """

    title: str
    cells: tuple[Cell, ...]
    row_axis: str = ""
    column_axis: str = ""
    note: str = ""

    @property
    def rows(self) -> list[str]:
        """Labels of the rows, in order."""
        return list(dict.fromkeys(cell.row for cell in self.cells))

    @property
    def columns(self) -> list[str]:
        """Labels of the columns, in order."""
        return list(dict.fromkeys(cell.column for cell in self.cells))


def sweep_sheets(variations: Sequence[Variation], make: Callable[[dict[str, str]], Job]) -> list[Sheet]:
    """Lay a cartesian product out: the last key across, the one before down, a sheet for every choice of the rest.

    Args:
        variations: at least one.
        make: the job of one choice.

    Raises:
        JobError: nothing varies, or a choice makes no sense.
    """
    if not variations:
        raise JobError("nothing to vary; give at least one --vary KEY=v1,v2,…")
    *others, last = [variation.key for variation in variations]
    down = others.pop() if others else ""
    sheets: dict[str, list[Cell]] = {}
    for choice in product(variations):
        title = ", ".join(f"{key}={choice[key]}" for key in others)
        name = "-".join(f"{key}={value}" for key, value in choice.items())
        sheets.setdefault(title, []).append(Cell(choice.get(down, ""), choice[last], make(choice), name))
    fallback = " × ".join(variation.key for variation in variations)
    return [Sheet(title or fallback, tuple(cells), down, last) for title, cells in sheets.items()]


def grid_sheet(
    contents: Sequence[str],
    styles: Sequence[str],
    make: Callable[[str, str], Job],
    title: str = "Grid",
    prefix: str = "",
) -> Sheet:
    """Lay every content with every style out: contents down, styles across; names of pictures begin with ``prefix``.

    Raises:
        JobError: one of the lists is empty or has an image twice.
    """
    for name, images in (("content", contents), ("style", styles)):
        if not images:
            raise JobError(f"a grid needs at least one {name} image; give --{name}s A B C")
        for image in images:
            if images.count(image) > 1:
                raise JobError(f"the {name} image '{image}' is given twice")
    rows, columns = _labels(contents), _labels(styles)
    cells = [
        Cell(row, column, make(content, style), f"{prefix}{short_name(content)}-{short_name(style)}")
        for content, row in zip(contents, rows, strict=True)
        for style, column in zip(styles, columns, strict=True)
    ]
    return Sheet(title, tuple(cells), "content", "style")


def batch_grids(contents: Sequence[str], styles: Sequence[str], make: Callable[[str, str], Job]) -> list[Sheet]:
    """Lay every content with every style out as :func:`grid_sheet` does, in sheets that can still be looked at."""
    return [
        grid_sheet(down, across, make, f"Batch {number}" if number > 1 else "Batch")
        for number, (down, across) in enumerate(itertools.product(_parts(contents), _parts(styles)), 1)
    ]


def batch_list(names: Sequence[str], jobs: Sequence[Job]) -> list[Sheet]:
    """Lay jobs out one below the other under their names, in sheets that can still be looked at."""
    cells = [Cell(name, "", job, name) for name, job in zip(names, jobs, strict=True)]
    return [
        Sheet(f"Batch {number}" if number > 1 else "Batch", tuple(part)) for number, part in enumerate(_parts(cells), 1)
    ]


def _parts(things: Sequence[T]) -> list[Sequence[T]]:
    return [things[start : start + LONGEST_SIDE] for start in range(0, len(things), LONGEST_SIDE)]


def blend_sheet(styles: Sequence[str], count: int, make: Callable[[list[float]], Job], title: str = "Blend") -> Sheet:
    """Lay blends of styles out: of two in a row from one to the other, of four in a square with one in each corner.

    The shares in a square are bilinear: at a fraction u of the way across and v of the way down they are
    (1 - u)(1 - v), u(1 - v), (1 - u)v and uv, of the styles at the top left, top right, bottom left and bottom right.

    Args:
        styles: two or four.
        count: pictures along a side, at least 2.
        make: the job of some shares, in the order of the styles.
        title: heading.

    Raises:
        JobError: there are not two or four styles, or too few pictures.
    """
    if len(styles) not in (2, 4):
        raise JobError(f"a sheet of blends needs two style images, or four for a square, not {len(styles)}")
    if count < 2:
        raise JobError(f"a sheet of blends needs at least 2 pictures along a side, not {count}")
    names, steps = _labels(styles), [number / (count - 1) for number in range(count)]
    downs = steps if len(styles) == 4 else [0.0]
    cells = []
    for v in downs:
        row = f"{names[0]} {1 - v:.0%}, {names[2]} {v:.0%}" if len(downs) > 1 else ""
        for u in steps:
            shares = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v][: len(styles)]
            column = f"{names[0]} {1 - u:.0%}, {names[1]} {u:.0%}"
            name = "-".join(f"{short_name(style)}={share:.2g}" for style, share in zip(styles, shares, strict=True))
            cells.append(Cell(row, column, make(shares), f"{title}-{name}"))
    return Sheet(title, tuple(cells), "down" if len(downs) > 1 else "", "across")


def _labels(images: Sequence[str]) -> list[str]:
    """Return short names, or the whole paths where the short ones are not different."""
    short = [short_name(image) for image in images]
    return short if len(set(short)) == len(short) else list(images)
