"""The table of figures, with the same columns for every cell, whatever it optimised."""

from __future__ import annotations

from nst_cli.report.contents import ShownCell, ShownSheet

__all__ = ["HEADINGS", "distances", "number", "others", "percentage", "rows", "taps"]

HEADINGS = (
    *("cell", "total loss", "losses", "content dist.", "structure", "style dist.", "pyramid", "specks", "TV"),
    *("seconds", "evaluations"),
)


def number(value: float | None) -> str:
    """Format a number with three significant digits, as an integer from 1000 to a million; ``None`` is "–"."""
    if value is None:
        return "–"
    if 1000 <= abs(value) < 1e6:
        return f"{value:.0f}"
    digits, _, exponent = f"{value:.3g}".partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def percentage(share: float) -> str:
    """Format a share of one as per cent, with two digits after the point at most."""
    return f"{round(100 * share, 2):g} %"


def rows(shown: ShownSheet) -> list[tuple[ShownCell, tuple[str, ...]]]:
    """Return each cell with its texts for :data:`HEADINGS`; a cell without figures has the reason in the second."""
    return [(cell, _texts(cell)) for cell in shown.cells]


def _texts(cell: ShownCell) -> tuple[str, ...]:
    record = cell.result.record
    if not record:
        words = {"failed": f"failed: {cell.result.error}", "missing": "not made"}
        return (cell.label, words.get(cell.result.status, cell.result.status), *[""] * (len(HEADINGS) - 2))
    metrics = record["metrics"]
    losses = ", ".join(f"{term} {number(sum(parts.values()))}" for term, parts in record["losses"].items())
    ended = "" if record["stopped"] == "finished" else f" ({record['stopped']})"
    return (
        cell.label,
        number(record["total"]),
        losses,
        number(metrics["content_mean"]),
        number(metrics["self_similarity"]),
        number(metrics["style_mean"]),
        number(metrics["pyramid"]),
        percentage(metrics["specks"]),
        number(metrics["total_variation"]),
        f"{record['seconds']:.1f}",
        f"{record['evaluations']}{ended}",
    )


def distances(cell: ShownCell) -> list[tuple[str, str]]:
    """Return the mean distances of a finished cell to its content and style image, as far as it has them."""
    metrics = cell.result.record["metrics"]
    means = (("content", metrics["content_mean"]), ("style", metrics["style_mean"]))
    return [(name, number(value)) for name, value in means if value is not None]


def taps(cell: ShownCell) -> list[tuple[str, str, str, str]]:
    """Return for every tap its layer, the relative distances to content and style, and the Fréchet distance."""
    metrics = cell.result.record.get("metrics", {})
    kinds = [metrics.get(kind, {}) for kind in ("content", "style", "frechet")]
    layers = dict.fromkeys(layer for values in kinds for layer in values)
    return [(layer, *(number(values.get(layer)) for values in kinds)) for layer in layers]


def others(cell: ShownCell) -> list[tuple[str, str]]:
    """Return the name and value of the figures that neither the table nor the taps show."""
    metrics = cell.result.record.get("metrics", {})
    named = (("edge SSIM", metrics.get("edge_ssim")), ("rim", metrics.get("rim")))
    return [(name, number(value)) for name, value in named if value is not None]
