"""The contents of a report: sheets, the outcomes of their cells, and the environment they were made in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nst_core.experiments.batch import JobOutcome
    from nst_core.experiments.layout import Sheet

__all__ = ["Report", "ShownCell", "ShownSheet", "arrange"]


@dataclass(frozen=True)
class ShownCell:
    """A cell and its outcome; ``name`` is unique in the report and can be used as an anchor."""

    name: str
    row: str
    column: str
    result: JobOutcome

    @property
    def label(self) -> str:
        """The labels of row and column, joined."""
        return " · ".join(part for part in (self.row, self.column) if part)

    @property
    def picture(self) -> Path | None:
        """The path of the picture, or ``None`` if there is none."""
        return self.result.picture

    @property
    def recipe(self) -> str:
        """The recipe as TOML, or "" if there is none."""
        picture = self.result.picture
        return picture.with_name("recipe.toml").read_text(encoding="utf-8") if picture else ""


@dataclass(frozen=True)
class ShownSheet:
    """A sheet with the outcomes of its cells."""

    name: str
    sheet: Sheet
    cells: tuple[ShownCell, ...]

    def at(self, row: str, column: str) -> ShownCell | None:
        """Return the cell in a row and column, or ``None`` if there is none."""
        return next((cell for cell in self.cells if (cell.row, cell.column) == (row, column)), None)


@dataclass(frozen=True)
class Report:
    """Everything a report shows.

    Attributes:
        title: the heading of the report.
        command: the command line that made it.
        sheets: the sheets in order.
        machine: versions, processor and more, see ``nst_core.diagnostics.machine``.
        compared: whether the cells of a sheet were made to be compared, so that their loss curves are of interest.
    """

    title: str
    command: str
    sheets: tuple[ShownSheet, ...]
    machine: dict[str, Any]
    compared: bool = True

    def cells(self) -> Iterator[ShownCell]:
        """Yield all cells, sheet after sheet."""
        for shown in self.sheets:
            yield from shown.cells

    def count(self, *statuses: str) -> int:
        """Return the number of different jobs with one of these outcomes."""
        return len({cell.result.key or cell.name for cell in self.cells() if cell.result.status in statuses})

    def sources(self) -> list[tuple[str, str]]:
        """Return the role and path of each image that the pictures were made from."""
        jobs = [cell.result.job for cell in self.cells()]
        contents = [("content", job.content.path) for job in jobs if job.content and job.content.path]
        styles = [("style", style.path) for job in jobs for style in job.styles if style.path]
        return list(dict.fromkeys(contents + styles))

    def facts(self) -> list[tuple[str, str]]:
        """Return what is needed to repeat the report, as pairs of name and value."""
        done = [cell.result.record for cell in self.cells() if cell.result.finished]
        weights = {f"{r['job']['extractor']['name']} {r['job'].get('weights_sha256', '')}" for r in done}
        made = {f"nst {r['versions']['nst']}, torch {r['versions']['torch']}, on {_place(r)}" for r in done}
        precisions = {str(r["job"].get("precision", "")) for r in done}
        sources = [source for r in done for source in [r["job"].get("content"), *r["job"].get("styles", ())] if source]
        images = {f"{source['path']} {source['sha256']}" for source in sources}
        return [
            ("command", self.command),
            ("cells made with", "; ".join(sorted(made)) or "-"),
            ("precision of the networks", ", ".join(sorted(precisions)) or "-"),
            *[("weights (SHA-256)", text) for text in sorted(weights)],
            *[("image (SHA-256)", text) for text in sorted(images)],
            ("report written on", ", ".join(f"{k} {v}" for k, v in self.machine["versions"].items())),
            ("processor", str(self.machine["processor"])),
            ("threads", str(self.machine["threads"])),
            ("kernels", str(self.machine["kernels"])),
        ]


def _place(record: dict[str, Any]) -> str:
    """Say on what a cell was computed; cells of earlier versions do not know their threads."""
    return str(record["device"]) + (f" with {record['threads']} threads" if "threads" in record else "")


def arrange(sheets: Sequence[Sheet], results: Sequence[JobOutcome]) -> tuple[ShownSheet, ...]:
    """Assign results to the cells of sheets; both are in the same order."""
    remaining = iter(results)
    shown = []
    for number, sheet in enumerate(sheets, 1):
        name = f"{number:02d}-{_slug(sheet.title)}"
        cells = tuple(
            ShownCell(f"{name}-{place:02d}", cell.row, cell.column, next(remaining))
            for place, cell in enumerate(sheet.cells, 1)
        )
        shown.append(ShownSheet(name, sheet, cells))
    return tuple(shown)


def _slug(text: str) -> str:
    plain = text.lower().replace("α", "alpha").replace("β", "beta")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "sheet"
