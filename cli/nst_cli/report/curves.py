"""Loss curves of a sheet: what each term adds to the total at every evaluation. They need the extra ``plot``."""

from __future__ import annotations

import io
from importlib.util import find_spec
from typing import Any

from nst_cli.report.contents import ShownSheet
from nst_core.extras import install_command

__all__ = ["NO_CURVES", "curves", "curves_possible"]

NO_CURVES = (
    "There are no loss curves because matplotlib is not installed. To draw them, run "
    f"{install_command('plot')}, then the same command again."
)


def curves_possible() -> bool:
    """Return whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def curves(shown: ShownSheet) -> bytes | None:
    """Draw a panel for the total and one for each term, with a line for each cell.

    Returns:
        The drawing as PNG, or ``None`` if no cell has a picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    finished = [(cell.label, found) for cell in shown.cells if (found := cell.result.curves())]
    if not finished:
        return None
    terms = list(dict.fromkeys(term for _, found in finished for term in found["contributions"]))
    panels = ["total", *terms] if len(terms) > 1 else ["total"]
    figure = Figure(figsize=(4.6 * len(panels) + 1.6, 3.3), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, axis in zip(panels, axes, strict=True):
        for label, found in finished:
            values = found["history"] if panel == "total" else found["contributions"].get(panel)
            if values:
                _line(axis, values, label)
        axis.set_yscale("log")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.tick_params(which="minor", labelsize=7)
        axis.set_title(panel if panel == "total" else f"{panel} × weight", fontsize=10)
        axis.set_xlabel("evaluation", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    with io.BytesIO() as file:
        figure.savefig(file, format="png")
        return file.getvalue()


def _line(axis: Any, values: list[float | None], label: str) -> None:
    points = [(n, v) for n, v in enumerate(values, 1) if v is not None and v > 0]
    if points:
        axis.plot(*zip(*points, strict=True), label=label, linewidth=1.3)
