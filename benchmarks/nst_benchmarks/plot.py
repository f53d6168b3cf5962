"""The speed table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nst_benchmarks.speed import Row
from nst_core.errors import NstError
from nst_core.extras import install_command
from nst_core.files import check_writable

__all__ = ["check_plot", "plot"]


def check_plot(path: Path) -> None:
    """Check that a plot could be drawn into a file, before anything is measured.

    Raises:
        NstError: matplotlib is not installed, it does not know the suffix, or the folder cannot be written to.
    """
    _pyplot()
    from matplotlib.backend_bases import FigureCanvasBase

    kinds = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix.lower().removeprefix(".") not in kinds:
        raise NstError(f"cannot tell the format of '{path}' from its suffix; use one of {', '.join(kinds)}")
    check_writable(path, NstError)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw seconds per evaluation against megapixels, a line for each variant, and save the picture.

    Raises:
        NstError: matplotlib is not installed, or the file cannot be written.
    """
    plt = _pyplot()
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for variant in dict.fromkeys(row.variant for row in rows):
        chosen = sorted((row for row in rows if row.variant == variant), key=lambda row: row.width)
        label = variant if variant == chosen[0].precision or variant == "textbook" else f"auto ({chosen[0].precision})"
        pixels = [row.width * (row.width * 3 // 4) / 1e6 for row in chosen]
        axes.plot(pixels, [row.seconds for row in chosen], marker="o", label=label)
    axes.set_xlabel("megapixels")
    axes.set_ylabel("seconds per evaluation")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise NstError(f"the plot cannot be written to '{path}': {error}") from None
    finally:
        plt.close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise NstError(f"--plot needs matplotlib; install it with: {install_command('plot')}") from error
    return plt
