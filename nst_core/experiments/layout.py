"""What a run of many jobs is laid out as: sheets of cells with rows and columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nst_core.errors import JobError
from nst_core.experiments.sweep import Variation, product
from nst_core.job.schema import Job

__all__ = ["Cell", "Sheet", "grid_sheet", "sweep_sheets"]


@dataclass(frozen=True)
class Cell:
    """One job at its place in a sheet."""

    row: str
    column: str
    job: Job


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
        sheets.setdefault(title, []).append(Cell(choice.get(down, ""), choice[last], make(choice)))
    fallback = " × ".join(variation.key for variation in variations)
    return [Sheet(title or fallback, tuple(cells), down, last) for title, cells in sheets.items()]


def grid_sheet(
    contents: Sequence[str], styles: Sequence[str], make: Callable[[str, str], Job], title: str = "Grid"
) -> Sheet:
    """Lay every content with every style out: contents down, styles across.

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
        Cell(row, column, make(content, style))
        for content, row in zip(contents, rows, strict=True)
        for style, column in zip(styles, columns, strict=True)
    ]
    return Sheet(title, tuple(cells), "content", "style")


def _labels(images: Sequence[str]) -> list[str]:
    """Return short names, or the whole paths where the short ones are not different."""
    short = [image.replace("\\", "/").rsplit("/", 1)[-1].removeprefix("sample:").rsplit(".", 1)[0] for image in images]
    return short if len(set(short)) == len(short) else list(images)
