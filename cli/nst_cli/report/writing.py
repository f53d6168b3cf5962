"""Writing a report into a folder: ``report.html``, ``report.md`` and ``images/``."""

from __future__ import annotations

from pathlib import Path

from nst_cli.report.contact import contact_sheet
from nst_cli.report.contents import Report
from nst_cli.report.curves import curves, curves_possible
from nst_cli.report.rendering import html_page, markdown_page
from nst_core.files import atomic_write

__all__ = ["write_report"]


def write_report(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write a report into ``folder`` and return the paths of its HTML and Markdown pages.

    Raises:
        OSError: the folder cannot be written to.
    """
    pictures = folder / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    drawn: dict[str, bytes] | None = {} if curves_possible() or not report.compared else None
    images: dict[str, list[str]] = {}
    for shown in report.sheets:
        with atomic_write(pictures / f"{shown.name}.jpg", suffix=".jpg") as temporary:
            contact_sheet(shown).save(temporary, quality=88)
        images[shown.name] = [f"images/{shown.name}.jpg"]
        lines = curves(shown) if drawn is not None and report.compared else None
        if drawn is not None and lines is not None:
            drawn[shown.name] = lines
            with atomic_write(pictures / f"{shown.name}-curves.png") as temporary:
                temporary.write_bytes(lines)
            images[shown.name].append(f"images/{shown.name}-curves.png")
    html, markdown = folder / "report.html", folder / "report.md"
    with atomic_write(html) as temporary:
        temporary.write_text(html_page(report, drawn), encoding="utf-8")
    with atomic_write(markdown) as temporary:
        temporary.write_text(markdown_page(report, folder, images, drawn is not None), encoding="utf-8")
    return html, markdown
