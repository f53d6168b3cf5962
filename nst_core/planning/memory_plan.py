"""Fitting a job into memory: how large its tiles and its optimizer's memory may be, and how long it will take.

What does not depend on tiles is counted; what an evaluation needs beyond it is measured on two small images, with
the very network, losses and precision of the job.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from nst_core.components import Optimizer
from nst_core.components.registry import Registry
from nst_core.errors import JobError
from nst_core.job.schedule import Level
from nst_core.job.schema import Component, Job
from nst_core.objective.tiling import Tiling
from nst_core.planning.cost_model import IMAGE_BYTES, IMAGES, CostModel, measured_costs
from nst_core.planning.resources import Resources
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import choose_device
from nst_core.runtime.memory import children_memory, format_memory, memory_available

__all__ = [
    "MAX_REDUCTIONS",
    "Allocation",
    "LevelPlan",
    "MemoryPlan",
    "allocate",
    "available_share",
    "check_possible",
    "less_memory",
    "make_plan",
]

# Nothing is measured, and nothing is tiled, where this much for every pixel would fit: more than any job needs.
PLENTY = 8000
# Bytes of a process with torch and the largest network, before it computes anything.
PROCESS = 2_000_000_000
# Share of what is available that may be taken, unless a limit was named.
SHARE = 0.85
# Tiles that cost more than this, for their overlaps, are a reason to shorten the optimizer's memory.
COSTLY = 1.4
# How often an optimizer is asked to remember less: halving comes to an end long before.
MAX_REDUCTIONS = 64


@dataclass(frozen=True)
class LevelPlan:
    """One resolution level of a plan.

    Attributes:
        height: of the pastiche in pixels.
        width: of the pastiche in pixels.
        evaluations: at this level.
        rows: of tiles.
        columns: of tiles.
        tile: most pixels of a tile, its margin included.
        overlap: pixels computed for every pixel of the image.
        bytes: of memory at the peak.
        seconds: that the level takes.
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
class MemoryPlan:
    """What a job would do and need.

    Attributes:
        levels: from small to large.
        limit: bytes that may be used.
        floor: bytes that are needed whatever the tiles: process, pastiche, targets and the optimizer's memory.
        optimizer: the optimizer, with parameters that need less memory where that was needed.
        optimizer_reduced: whether it was.
        fits: whether the peak is within the limit.
        advice: what to do where it does not fit, else "".
    """

    levels: tuple[LevelPlan, ...]
    limit: int
    floor: float
    optimizer: Component
    optimizer_reduced: bool
    fits: bool
    advice: str

    @property
    def bytes(self) -> float:
        """Peak of memory."""
        return max(level.bytes for level in self.levels)

    @property
    def seconds(self) -> float:
        """Time of all levels."""
        return sum(level.seconds for level in self.levels)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        optimizer = {"name": self.optimizer.name, "params": dict(self.optimizer.params)}
        plain = asdict(replace(self, optimizer=Component(self.optimizer.name)))
        return plain | {"optimizer": optimizer, "bytes": self.bytes, "seconds": self.seconds}


@dataclass(frozen=True)
class Allocation:
    """How a job is to be run with the memory that there is.

    Attributes:
        optimizer: the job's, with parameters that need less memory where that was needed.
        max_pixels: of a tile; ``None`` for images as a whole.
        remark: what the user should know, or "".
    """

    optimizer: Component
    max_pixels: int | None = None
    remark: str = ""


def allocate(
    job: Job,
    levels: tuple[Level, ...],
    size: tuple[int, int],
    registry: Registry,
    cache: Cache,
    resources: Resources,
) -> Allocation:
    """Choose tiles, and how much the optimizer remembers, such that a job fits into memory.

    Args:
        job: the job.
        levels: its resolution levels.
        size: height and width of its pastiche in pixels.
        registry: where names are looked up.
        cache: networks of the session.
        resources: what may be used.

    Raises:
        JobError: it does not fit; says what would.
    """
    device = choose_device(job.device)
    pixels = size[0] * size[1]
    if resources.tile == "off":
        return Allocation(job.optimizer)
    if isinstance(resources.tile, int):
        return Allocation(job.optimizer, resources.tile**2)
    limit = resources.memory_limit
    room = SHARE * memory_available(device) if limit is None else limit - PROCESS
    if pixels * PLENTY < room:
        return Allocation(job.optimizer)
    plan = make_plan(job, levels, size, registry, cache, resources)
    if not plan.fits:
        needed, allowed = format_memory(plan.bytes), format_memory(plan.limit)
        raise JobError(f"{size[1]}×{size[0]} pixels need {needed}, but only {allowed} may be used. {plan.advice}")
    last = plan.levels[-1]
    remarks = []
    if plan.optimizer_reduced:
        changed = [f"{k}={v}" for k, v in plan.optimizer.params.items() if job.optimizer.params.get(k) != v]
        remarks.append(f"the optimizer runs with {', '.join(changed)}, to fit into {format_memory(plan.limit)}")
    if last.rows * last.columns > 1:
        remarks.append(f"computed in {last.rows}×{last.columns} tiles, to fit into {format_memory(plan.limit)}")
    return Allocation(plan.optimizer, last.tile if last.rows * last.columns > 1 else None, "; ".join(remarks))


def available_share(share: float, device: torch.device) -> int:
    """Return the bytes that one of several processes may use, which has ``share`` of what is available.

    What child processes of this one use on the processor's side counts as available: they are the ones that share it.
    """
    used = children_memory() if device.type != "cuda" else 0
    return max(1, int((SHARE * memory_available(device) + used) * share))


def check_possible(
    size: tuple[int, int], resources: Resources, device: torch.device, styles: Sequence[tuple[int, int]] = ()
) -> None:
    """Refuse a pastiche or style image that has no room whatever the tiles, before anything of its size is made.

    Args:
        size: height and width of the pastiche in pixels.
        resources: what may be used.
        device: where it is computed.
        styles: height and width at which the style images are used.

    Raises:
        JobError: says what it needs at least, and which size fits.
    """
    height, width = size
    each = IMAGES * IMAGE_BYTES
    allowed = resources.memory_limit or memory_available(device)
    largest = max(styles, key=math.prod, default=(0, 0))
    if math.prod(largest) * IMAGE_BYTES > allowed:
        raise JobError(
            f"a style image of {largest[1]}×{largest[0]} pixels needs at least "
            f"{format_memory(math.prod(largest) * IMAGE_BYTES)}, but only {format_memory(allowed)} may be used. Use a "
            "smaller --style-scale."
        )
    if height * width * each > allowed:
        longest = max(1, int(math.sqrt(allowed / each / (height * width)) * max(size)))
        raise JobError(
            f"{width}×{height} pixels need at least {format_memory(height * width * each)}, but only "
            f"{format_memory(allowed)} may be used. Use a longest side below {longest} pixels."
        )


def make_plan(
    job: Job,
    levels: tuple[Level, ...],
    size: tuple[int, int],
    registry: Registry,
    cache: Cache,
    resources: Resources,
) -> MemoryPlan:
    """Measure what evaluations cost here, and lay a job out; see :func:`allocate`."""
    device = choose_device(job.device)
    costs = measured_costs(job, registry, cache, device)
    most = resources.memory_limit or int(costs.base + SHARE * memory_available(device))
    layouts = [_layout(costs, component, size, resources.tile, most) for component in less_memory(job, registry)]
    fitting = [layout for layout in layouts if layout.fits]
    cheap = next((layout for layout in fitting if layout.overlap <= COSTLY), None)
    chosen = cheap or min(fitting, key=lambda layout: layout.overlap, default=layouts[-1])
    longest = max(size)
    planned = []
    for level in levels:
        height, width = (max(1, round(side * level.size / longest)) for side in size)
        planned.append(_level_plan(costs, chosen, (height, width), level.steps))
    return MemoryPlan(
        levels=tuple(planned),
        limit=most,
        floor=chosen.floor,
        optimizer=chosen.optimizer,
        optimizer_reduced=chosen is not layouts[0],
        fits=bool(fitting),
        advice="" if fitting else _advice(costs, layouts[-1], size, most, registry),
    )


@dataclass(frozen=True)
class _Layout:
    """One way to lay out the largest level: ``tiling`` with or without a limit, ``overlap`` infinite if that fails."""

    optimizer: Component
    floor: float
    tiling: Tiling
    overlap: float
    fits: bool


def _layout(costs: CostModel, optimizer: Component, size: tuple[int, int], tile: str | int, limit: int) -> _Layout:
    pixels = size[0] * size[1]
    floor = costs.floor(pixels, optimizer)
    room = (limit - floor) / costs.tile_bytes
    whole = replace(costs.tiling, max_pixels=None)
    if tile == "off" or costs.untileable or (tile == "auto" and room >= pixels):
        return _Layout(optimizer, floor, whole, 1.0, room >= pixels)
    tiling = replace(costs.tiling, max_pixels=tile * tile if isinstance(tile, int) else max(1, int(room)))
    try:
        tiles = tiling.tiles(*size)
    except JobError:
        if isinstance(tile, int):
            raise
        return _Layout(optimizer, floor, replace(tiling, max_pixels=tiling.min_pixels), math.inf, False)
    fits = max(one.pixels for one in tiles) <= room
    return _Layout(optimizer, floor, tiling, sum(one.pixels for one in tiles) / pixels, fits)


def _level_plan(costs: CostModel, layout: _Layout, size: tuple[int, int], steps: int) -> LevelPlan:
    height, width = size
    rows, columns = layout.tiling.grid(height, width)
    tiles = layout.tiling.tiles(height, width)
    largest = max(tile.pixels for tile in tiles)
    computed = sum(tile.pixels for tile in tiles)
    each = costs.seconds * computed + costs.forward_seconds * (computed - tiles[-1].pixels)
    peak = costs.floor(height * width, layout.optimizer) + costs.tile_bytes * largest
    return LevelPlan(height, width, steps, rows, columns, largest, computed / (height * width), peak, each * steps)


def _advice(costs: CostModel, layout: _Layout, size: tuple[int, int], limit: int, registry: Registry) -> str:
    pixels = size[0] * size[1]
    ways = []
    if costs.untileable:
        ways.append(f"'{costs.untileable[0]}' cannot be computed in tiles: use a loss on statistics or positions")
    least = costs.tile_bytes * (pixels if costs.untileable else costs.tiling.min_pixels)
    for entry in registry.entries("optimizer"):
        if entry.name == layout.optimizer.name:
            continue
        try:
            needed = costs.floor(pixels, Component(entry.name)) + least
        except Exception:  # noqa: S112 - a third party's optimizer that nobody asked for
            continue
        if needed <= limit:
            ways.append(f"use --optimizer {entry.name}, which needs {format_memory(needed)}")
    each = costs.pixel_bytes(layout.optimizer) + (costs.tile_bytes if costs.untileable else 0.0)
    left = limit - costs.floor(0, layout.optimizer) - (0.0 if costs.untileable else least)
    if left > 0:
        ways.append(f"use --size {int(math.sqrt(left / each / pixels) * max(size))} or less")
    named = f"The pastiche and the memory of '{layout.optimizer.name}' alone need {format_memory(layout.floor)}. "
    return named + ("; or ".join(ways)[:1].upper() + "; or ".join(ways)[1:] if ways else "Use another machine") + "."


def less_memory(job: Job, registry: Registry) -> list[Component]:
    """Return the optimizer of a job, and after it what it becomes as it gives up memory again and again.

    Parameters that somebody chose stay as they are. An optimizer that never comes to an end is cut short.
    """
    component = job.optimizer
    found = [component]
    while len(found) < MAX_REDUCTIONS:
        optimizer: Optimizer = registry.create("optimizer", component)
        smaller = optimizer.with_less_memory()
        if smaller is None or smaller.keys() & job.optimizer.params.keys():
            break
        component = registry.checked("optimizer", Component(component.name, {**component.params, **smaller}))
        if component in found:
            break
        found.append(component)
    return found
