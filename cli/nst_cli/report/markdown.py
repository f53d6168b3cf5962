"""The report as Markdown, beside a folder of contact sheets and curves."""

from __future__ import annotations

import os
from pathlib import Path

from nst_cli.report import table
from nst_cli.report.contents import Report, ShownCell, ShownSheet
from nst_cli.report.curves import NO_CURVES
from nst_cli.report.page import LEGEND

__all__ = ["markdown_page"]


def markdown_page(report: Report, folder: Path, images: dict[str, list[str]], with_curves: bool) -> str:
    """Write the page.

    Args:
        report: what to show.
        folder: where the page will be, for links.
        images: paths of contact sheet and curves, relative to the page, by the name of the sheet.
        with_curves: whether there is matplotlib.
    """
    lines = [f"# {report.title}", "", LEGEND, ""]
    if not with_curves:
        lines += [f"**{NO_CURVES}**", ""]
    for shown in report.sheets:
        lines += _section(shown, folder, images.get(shown.name, []))
    lines += ["## Environment", "", "| | |", "|---|---|"]
    lines += [f"| {_safe(name)} | {_safe(value)} |" for name, value in report.facts()]
    return "\n".join(lines) + "\n"


def _section(shown: ShownSheet, folder: Path, images: list[str]) -> list[str]:
    lines = [f"## {shown.sheet.title}", ""]
    if shown.sheet.note:
        lines += [shown.sheet.note, ""]
    for image in images:
        lines += [f"![{shown.sheet.title}]({image})", ""]
    lines += ["| " + " | ".join(table.HEADINGS) + " | recipe |", "|" + "---|" * (len(table.HEADINGS) + 1)]
    for cell, texts in table.rows(shown):
        lines.append("| " + " | ".join(_safe(text) for text in texts) + f" | {_links(cell, folder)} |")
    return [*lines, ""]


def _links(cell: ShownCell, folder: Path) -> str:
    if cell.picture is None:
        return ""
    place = Path(os.path.relpath(cell.picture.parent, folder)).as_posix()
    return f"[recipe]({place}/recipe.toml), [picture]({place}/image.png)"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
