"""The speed table as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nst_benchmarks.speed import Row
from nst_core.errors import NstError

__all__ = ["plot"]


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw seconds per evaluation against megapixels, a line for each variant, and save the picture.

    Raises:
        NstError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise NstError("--plot needs matplotlib: pip install 'nst[plot]'") from error
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
