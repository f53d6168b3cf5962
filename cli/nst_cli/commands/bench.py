"""``nst bench``: how fast this machine is, against a textbook implementation and against the limit."""

from __future__ import annotations

import enum
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nst_cli import console
from nst_cli.options.groups import ThreadOptions
from nst_core.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nst_benchmarks.speed import Row

__all__ = ["bench"]


class Mode(enum.StrEnum):
    """What is measured."""

    speed = "speed"
    convergence = "convergence"
    kernels = "kernels"


def bench(
    threads: ThreadOptions,
    mode: Annotated[
        Mode,
        typer.Argument(
            help="speed: seconds of an evaluation and peak memory; convergence: time to the loss that a textbook "
            "implementation reaches; kernels: Gram matrices and optimizer alone."
        ),
    ] = Mode.speed,
    sizes: Annotated[
        str, typer.Option("--size", metavar="W[,W…]", help="Widths in pixels; heights are three quarters.")
    ] = "256,512,1024",
    content: Annotated[str, typer.Option(help="Photograph for convergence.")] = "sample:landscape",
    style: Annotated[str, typer.Option(help="Painting for convergence.")] = "sample:brushwork",
    steps: Annotated[int, typer.Option(min=2, help="Steps of the textbook for convergence.")] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Number of runs; the median is reported.")] = 7,
    weights: Annotated[str, typer.Option(metavar="PATH", help="Weights of VGG-19, as for nst run.")] = "",
    plot: Annotated[Path | None, typer.Option(help="Plot the speeds to this file (needs matplotlib).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the speed of this machine against a textbook implementation. Run nothing else meanwhile.

    The textbook is float32, NCHW, autograd and torch's L-BFGS; the floor is nothing but torch's convolutions and
    their input gradients, in the same precision. Runs alternate and medians are reported.

    Examples:

    nst bench --size 512

    nst bench convergence --size 512 --content photo.jpg --style painting.jpg

    nst bench kernels --size 512 --json
    """
    widths = _widths(sizes)
    if plot is not None and mode is not Mode.speed:
        raise JobError("--plot works with 'nst bench speed' only; omit it")
    with threads.limited():
        if mode is Mode.speed:
            _speed(widths, weights, rounds, plot, as_json)
        elif mode is Mode.kernels:
            from nst_benchmarks.kernels import measure

            _tell({f"{w}x{w * 3 // 4}": measure(w, weights, rounds, console.say).plain() for w in widths}, as_json)
        else:
            _convergence(widths, (content, style), weights, steps, as_json)


def _widths(text: str) -> list[int]:
    try:
        widths = [int(part) for part in text.split(",")]
    except ValueError:
        raise JobError(f"--size must be whole numbers separated by commas, as in 256,512, not '{text}'") from None
    if min(widths) < 64:
        raise JobError(f"--size must be at least 64, not {min(widths)}")
    return widths


def _speed(widths: list[int], weights: str, rounds: int, plot: Path | None, as_json: bool) -> None:
    from nst_benchmarks.plot import check_plot
    from nst_benchmarks.plot import plot as draw
    from nst_benchmarks.speed import measure

    if plot is not None:
        check_plot(plot)
    rows = [row for width in widths for row in measure(width, weights, rounds, console.say)]
    if as_json:
        console.out(json.dumps({"machine": _machine(), "rows": [row.plain() for row in rows]}, indent=2))
    else:
        _table(rows)
    if plot is not None:
        draw(rows, plot)


def _table(rows: Sequence[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("size", "variant", "s/evaluation", "vs textbook", "vs floor", "peak MB"):
        table.add_column(heading, justify="left" if heading in ("size", "variant") else "right", no_wrap=True)
    for row in rows:
        name = row.variant if row.variant in ("textbook", row.precision) else f"{row.variant} ({row.precision})"
        table.add_row(
            f"{row.width}x{row.width * 3 // 4}",
            name,
            f"{row.seconds:.3f}",
            f"{row.speedup:.2f}x",
            f"{row.over_floor:.2f}x",
            f"{row.peak_mb:.0f}",
        )
    Console().print(table)


def _convergence(widths: list[int], pair: tuple[str, str], weights: str, steps: int, as_json: bool) -> None:
    from nst_benchmarks.convergence import race
    from nst_benchmarks.pair import Pair
    from nst_core import load_image

    results = {}
    for width in widths:
        content, style = (load_image(path, size=width).pixels for path in pair)
        results[f"{width} px"] = race(Pair(content, style, weights), steps, console.say).plain()
    _tell(results, as_json)


def _tell(results: dict[str, dict[str, Any]], as_json: bool) -> None:
    if as_json:
        # JSON has no infinity.
        plain = {k: {n: v if math.isfinite(v) else None for n, v in r.items()} for k, r in results.items()}
        console.out(json.dumps({"machine": _machine(), "results": plain}, indent=2))
        return
    for size, figures in results.items():
        for name, value in figures.items():
            console.out(f"{size}\t{name}\t{value:.4g}")


def _machine() -> dict[str, Any]:
    from nst_core.diagnostics import machine

    return machine()
