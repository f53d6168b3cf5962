"""Fitting a job into memory: how large its tiles and its optimizer's memory may be, and how long it will take.

What does not depend on tiles is counted; what an evaluation needs beyond it is measured on two small images, with
the very network, losses and precision of the job.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

from nst_core.components.registry import Registry
from nst_core.errors import JobError
from nst_core.job.schedule import Scale
from nst_core.job.schema import Component, Job
from nst_core.objective.tiling import Tiling
from nst_core.planning.cost_model import Probe
from nst_core.runtime.cache import Shared
from nst_core.runtime.device import choose_device
from nst_core.runtime.memory import available, shown

__all__ = ["Fit", "Plan", "ScalePlan", "fit", "fit_again", "make_plan"]

# Nothing is measured, and nothing is tiled, where this much for every pixel would fit: more than any job needs.
PLENTY = 8000
# Share of what is available that may be taken, unless a limit was named.
SHARE = 0.85
# Tiles that cost more than this, for their overlaps, are a reason to shorten the optimizer's memory.
COSTLY = 1.4
LEAST_HISTORY = 3
HISTORY = "history"


@dataclass(frozen=True)
class ScalePlan:
    """One scale of a plan.

    Attributes:
        height: of the pastiche in pixels.
        width: likewise.
        evaluations: at this scale.
        rows: of tiles.
        columns: of tiles.
        tile: most pixels of a tile, its margin included.
        overlap: pixels computed for every pixel of the image.
        bytes: of memory at the peak.
        seconds: that the scale takes.
    """

    height: int
    width: int
    evaluations: int
    rows: int
    columns: int
    tile: int
    overlap: float
    bytes: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a job would do and need.

    Attributes:
        scales: from small to large.
        limit: bytes that may be used.
        floor: bytes that are needed whatever the tiles: process, pastiche, targets and the optimizer's memory.
        history: what the optimizer is to remember, where that was shortened; 0 where it was not.
        fits: whether the peak is within the limit.
        advice: what to do where it does not fit, else "".
    """

    scales: tuple[ScalePlan, ...]
    limit: int
    floor: float
    history: int
    fits: bool
    advice: str

    @property
    def bytes(self) -> float:
        """Peak of memory."""
        return max(scale.bytes for scale in self.scales)

    @property
    def seconds(self) -> float:
        """Time of all scales."""
        return sum(scale.seconds for scale in self.scales)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self) | {"bytes": self.bytes, "seconds": self.seconds}


@dataclass(frozen=True)
class Fit:
    """How a job is to be run.

    Attributes:
        job: the job, with a shorter memory of the optimizer where that was needed.
        most_pixels: of a tile; ``None`` for images as a whole.
        remark: what the user should know, or "".
    """

    job: Job
    most_pixels: int | None = None
    remark: str = ""


def fit(
    job: Job,
    scales: tuple[Scale, ...],
    size: tuple[int, int],
    registry: Registry,
    shared: Shared,
    *,
    tile: str | int = "auto",
    limit: int | None = None,
) -> Fit:
    """Choose tiles, and a history of the optimizer, such that a job fits into memory.

    Args:
        job: what to do.
        scales: its scales.
        size: height and width of its pastiche.
        registry: where names are looked up.
        shared: what the run computed already.
        tile: "auto", "off", or the side of a square tile in pixels, its margin included.
        limit: bytes that may be used; ``None`` takes most of what is available.

    Raises:
        JobError: it does not fit; says what would.
    """
    device = choose_device(job.device)
    pixels = size[0] * size[1]
    if tile == "off":
        return Fit(job)
    if isinstance(tile, int):
        return Fit(job, tile * tile)
    if limit is None and pixels * PLENTY < SHARE * available(device):
        return Fit(job)
    plan = make_plan(job, scales, size, registry, shared, limit=limit)
    if not plan.fits:
        raise JobError(
            f"{size[1]}×{size[0]} pixels need {shown(plan.bytes)}, and {shown(plan.limit)} may be used. {plan.advice}"
        )
    last = plan.scales[-1]
    remarks = []
    if plan.history:
        job = replace(job, optimizer=Component(job.optimizer.name, {**job.optimizer.params, HISTORY: plan.history}))
        remarks.append(f"the optimizer remembers {plan.history} steps, to fit into {shown(plan.limit)}")
    if last.rows * last.columns > 1:
        remarks.append(f"computed in {last.rows}×{last.columns} tiles, to fit into {shown(plan.limit)}")
    return Fit(job, last.tile if last.rows * last.columns > 1 else None, "; ".join(remarks))


def fit_again(job: Job, before: Job, most_pixels: int | None) -> Fit:
    """Return the fit of a job that was begun before: the same pixels need the same tiles and the same history."""
    params = {key: value for key, value in before.optimizer.params.items() if key != HISTORY}
    if job.optimizer == Component(before.optimizer.name, params):
        job = replace(job, optimizer=before.optimizer)
    return Fit(job, most_pixels)


def make_plan(
    job: Job,
    scales: tuple[Scale, ...],
    size: tuple[int, int],
    registry: Registry,
    shared: Shared,
    *,
    tile: str | int = "auto",
    limit: int | None = None,
) -> Plan:
    """Measure what evaluations cost here, and lay a job out; see :func:`fit`."""
    device = choose_device(job.device)
    probe = Probe(job, registry, shared, device)
    most = limit or int(probe.base + SHARE * available(device))
    layouts = [_layout(probe, component, size, tile, most) for component in _shorter_and_shorter(job, registry)]
    fitting = [layout for layout in layouts if layout.fits]
    cheap = next((layout for layout in fitting if layout.overlap <= COSTLY), None)
    chosen = cheap or min(fitting, key=lambda layout: layout.overlap, default=layouts[-1])
    longest = max(size)
    rows = []
    for scale in scales:
        height, width = (max(1, round(side * scale.size / longest)) for side in size)
        rows.append(_scale_plan(probe, chosen, (height, width), scale.steps))
    return Plan(
        scales=tuple(rows),
        limit=most,
        floor=chosen.floor,
        history=0 if chosen is layouts[0] else int(chosen.optimizer.params[HISTORY]),
        fits=bool(fitting),
        advice="" if fitting else _advice(probe, layouts[-1], size, most, registry),
    )


@dataclass(frozen=True)
class _Layout:
    """One way to lay out the largest scale: ``tiling`` with or without a limit, ``overlap`` infinite if that fails."""

    optimizer: Component
    floor: float
    tiling: Tiling
    overlap: float
    fits: bool


def _layout(probe: Probe, optimizer: Component, size: tuple[int, int], tile: str | int, limit: int) -> _Layout:
    pixels = size[0] * size[1]
    floor = probe.floor(pixels, optimizer)
    room = (limit - floor) / probe.tile_bytes
    whole = replace(probe.tiling, most_pixels=None)
    if tile == "off" or probe.untileable or (tile == "auto" and room >= pixels):
        return _Layout(optimizer, floor, whole, 1.0, room >= pixels)
    tiling = replace(probe.tiling, most_pixels=tile * tile if isinstance(tile, int) else max(1, int(room)))
    try:
        tiles = tiling.tiles(*size)
    except JobError:
        if isinstance(tile, int):
            raise
        return _Layout(optimizer, floor, replace(tiling, most_pixels=tiling.least_pixels), math.inf, False)
    fits = max(one.pixels for one in tiles) <= room
    return _Layout(optimizer, floor, tiling, sum(one.pixels for one in tiles) / pixels, fits)


def _scale_plan(probe: Probe, layout: _Layout, size: tuple[int, int], steps: int) -> ScalePlan:
    height, width = size
    rows, columns = layout.tiling.grid(height, width)
    tiles = layout.tiling.tiles(height, width)
    largest = max(tile.pixels for tile in tiles)
    computed = sum(tile.pixels for tile in tiles)
    each = probe.seconds * computed + probe.forward_seconds * (computed - tiles[-1].pixels)
    peak = probe.floor(height * width, layout.optimizer) + probe.tile_bytes * largest
    return ScalePlan(height, width, steps, rows, columns, largest, computed / (height * width), peak, each * steps)


def _advice(probe: Probe, layout: _Layout, size: tuple[int, int], limit: int, registry: Registry) -> str:
    pixels = size[0] * size[1]
    ways = []
    if probe.untileable:
        ways.append(f"'{probe.untileable[0]}' cannot be computed in tiles: use a loss on statistics or positions")
    least = probe.tile_bytes * (pixels if probe.untileable else probe.tiling.least_pixels)
    adam = Component("adam")
    if layout.optimizer.name != "adam" and "adam" in {entry.name for entry in registry.entries("optimizer")}:
        floor = probe.floor(pixels, adam)
        if floor + least <= limit:
            ways.append(f"use --optimizer adam, which needs {shown(floor + least)}")
    each = probe.pixel_bytes(layout.optimizer) + (probe.tile_bytes if probe.untileable else 0.0)
    left = limit - probe.floor(0, layout.optimizer) - (0.0 if probe.untileable else least)
    if left > 0:
        ways.append(f"use --size {int(math.sqrt(left / each / pixels) * max(size))} or less")
    named = f"The pastiche and the memory of '{layout.optimizer.name}' alone need {shown(layout.floor)}. "
    return named + ("; or ".join(ways)[:1].upper() + "; or ".join(ways)[1:] if ways else "Use another machine") + "."


def _shorter_and_shorter(job: Job, registry: Registry) -> list[Component]:
    """Return the optimizer, and with half its history again and again where it has one that nobody chose."""
    component = job.optimizer
    found = [component]
    parameter = next((p for p in registry.get("optimizer", component.name).parameters if p.name == HISTORY), None)
    if parameter is None or HISTORY in component.params:
        return found
    length = int(parameter.default) // 2
    while length >= LEAST_HISTORY:
        found.append(Component(component.name, {**component.params, HISTORY: length}))
        length //= 2
    return found
