"""The report as one HTML file: pictures and curves inside, nothing fetched from anywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from PIL.Image import Image

from nst_cli.report import table
from nst_cli.report.contact import thumbnail
from nst_cli.report.contents import Report, ShownCell, ShownSheet
from nst_cli.report.curves import NO_CURVES
from nst_cli.report.sources import source_thumbnails

__all__ = ["LEGEND", "html_page"]

LEGEND = (
    "Under every picture, and in the tables: the relative distance of its feature maps to those of the content image, "
    "and of its Gram matrices to those of the style image, averaged over the taps; 0 is the same. They are computed "
    "in float32 from the saved picture, alike for all cells whatever they optimised, as nst eval does. "
    "Seconds are those of the optimisation, without loading."
)
# Wide enough to judge, small enough that a report of sixty pictures can be sent by mail.
_SIDE, _QUALITY = 220, 82


def html_page(report: Report, curves: Mapping[str, bytes] | None) -> str:
    """Write the page.

    Args:
        report: what to show.
        curves: PNG by the name of the sheet, ``None`` where there is no matplotlib.
    """
    style = (files("nst_cli.report") / "style.css").read_text(encoding="utf-8")
    contents = "".join(f'<li><a href="#{s.name}">{escape(s.sheet.title)}</a></li>' for s in report.sheets)
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in report.facts())
    made, failed, missing = report.count("done", "kept"), report.count("failed"), report.count("missing")
    state = f"{made} different pictures" + (f", {failed} failed" if failed else "")
    state += f", {missing} not made yet: the same command goes on" if missing else ""
    warning = f'<p class="warn">{escape(NO_CURVES)}</p>' if curves is None else ""
    sheets = "".join(_sheet(shown, (curves or {}).get(shown.name)) for shown in report.sheets)
    navigation = f"<nav><ol>{contents}</ol></nav>" if len(report.sheets) > 1 else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{style}</style></head><body><main>"
        f'<h1>{escape(report.title)}</h1><p class="soft">{escape(state)}</p>'
        f'<p class="soft">{escape(LEGEND)}</p>{warning}{_sources(report)}{navigation}{sheets}'
        f'<h2 id="environment">Environment</h2><dl>{facts}</dl></main></body></html>\n'
    )


def _sheet(shown: ShownSheet, curves: bytes | None) -> str:
    parts = [f'<section><h2 id="{shown.name}">{escape(shown.sheet.title)}</h2>']
    if shown.sheet.note:
        parts.append(f'<p class="soft">{escape(shown.sheet.note)}</p>')
    parts += [_pictures(shown), _figures(shown)]
    if curves:
        source = base64.b64encode(curves).decode()
        parts.append(f'<img class="curves" alt="loss curves" src="data:image/png;base64,{source}">')
    parts.append("<details><summary>Recipes and distances at every tap</summary>")
    parts += [_details(cell) for cell in shown.cells]
    return "".join([*parts, "</details></section>"])


def _pictures(shown: ShownSheet) -> str:
    sheet = shown.sheet
    head = "".join(
        f'<th scope="col"><span class="axis">{escape(sheet.column_axis)}</span> {escape(column)}</th>'
        for column in sheet.columns
    )
    lines = [f"<tr>{'<td></td>' if any(sheet.rows) else ''}{head}</tr>"]
    for row in sheet.rows:
        label = f'<th scope="row" class="row"><span class="axis">{escape(sheet.row_axis)}</span> {escape(row)}</th>'
        cells = "".join(_place(shown.at(row, column)) for column in sheet.columns)
        lines.append(f"<tr>{label if any(sheet.rows) else ''}{cells}</tr>")
    return f'<div class="scroll"><table class="sheet">{"".join(lines)}</table></div>'


def _place(cell: ShownCell | None) -> str:
    if cell is None:
        return "<td></td>"
    picture = thumbnail(cell, _SIDE)
    if picture is None:
        why = cell.result.error or "not made yet"
        return f'<td><div class="none">{escape(cell.result.status)}<br>{escape(why)}</div></td>'
    metrics = cell.result.record["metrics"]
    distances = (("content", metrics["content_mean"]), ("style", metrics["style_mean"]))
    under = " · ".join(f"{name} {table.number(value)}" for name, value in distances if value is not None)
    return (
        f'<td><a href="#{cell.name}" onclick="document.getElementById(\'{cell.name}\').open=true;'
        f'document.getElementById(\'{cell.name}\').parentElement.open=true" title="recipe and figures">'
        f"{_inline(picture, cell.label)}{escape(under)}</a></td>"
    )


def _inline(picture: Image, label: str) -> str:
    """Return an image element with the picture in it."""
    with io.BytesIO() as file:
        picture.save(file, format="JPEG", quality=_QUALITY)
        source = base64.b64encode(file.getvalue()).decode()
    return (
        f'<img alt="{escape(label)}" width="{picture.width}" height="{picture.height}" '
        f'src="data:image/jpeg;base64,{source}">'
    )


def _sources(report: Report) -> str:
    figures = "".join(
        f"<figure>{_inline(picture, label)}<figcaption>{escape(label)}</figcaption></figure>"
        for label, picture in source_thumbnails(report, _SIDE * 3 // 4)
    )
    return f'<div class="sources">{figures}</div>'


def _figures(shown: ShownSheet) -> str:
    head = "".join(f"<th>{escape(heading)}</th>" for heading in table.HEADINGS)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in texts) + "</tr>" for _, texts in table.rows(shown)
    )
    return f'<div class="scroll"><table class="figures"><tr>{head}</tr>{body}</table></div>'


def _details(cell: ShownCell) -> str:
    taps = "".join(
        f"<tr><td>{escape(layer)}</td><td>{content}</td><td>{style}</td></tr>"
        for layer, content, style in table.taps(cell)
    )
    inner = f'<p class="warn">{escape(cell.result.error)}</p>' if cell.result.error else ""
    if taps:
        inner += f'<table class="figures"><tr><th>tap</th><th>content</th><th>style</th></tr>{taps}</table>'
    if cell.recipe:
        inner += f"<pre>{escape(cell.recipe)}</pre>"
    return f'<details class="cell" id="{cell.name}"><summary>{escape(cell.label)}</summary>{inner}</details>'
