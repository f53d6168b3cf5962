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
from nst_core.planning.cost_model import DECODED_BYTES, IMAGE_BYTES, IMAGES, CostModel, measured_costs
from nst_core.planning.resources import Resources
from nst_core.runtime.cache import Cache
from nst_core.runtime.device import choose_device
from nst_core.runtime.memory import children_memory, format_memory, memory_available
from nst_core.runtime.scratch import room_in

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
        disk: bytes in scratch files, 0 without a scratch folder.
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
    disk: float = 0.0


@dataclass(frozen=True)
class MemoryPlan:
    """What a job would do and need.

    Attributes:
        levels: from small to large.
        limit: bytes that may be used.
        floor: bytes that are needed whatever the tiles: process, pastiche, targets and the optimizer's memory.
        optimizer: the optimizer, with parameters that need less memory where that was needed.
        optimizer_reduced: whether it was.
        fits: whether the peak is within the limit, and what is in files within the room that there is for them.
        advice: what to do where it does not fit, else "".
        disk_room: bytes that there is room for in the scratch folder, 0 without one.
    """

    levels: tuple[LevelPlan, ...]
    limit: int
    floor: float
    optimizer: Component
    optimizer_reduced: bool
    fits: bool
    advice: str
    disk_room: int = 0

    @property
    def bytes(self) -> float:
        """Peak of memory."""
        return max(level.bytes for level in self.levels)

    @property
    def disk(self) -> float:
        """Bytes in scratch files, 0 without a scratch folder."""
        return max(level.disk for level in self.levels)

    @property
    def seconds(self) -> float:
        """Time of all levels."""
        return sum(level.seconds for level in self.levels)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        optimizer = {"name": self.optimizer.name, "params": dict(self.optimizer.params)}
        plain = asdict(replace(self, optimizer=Component(self.optimizer.name)))
        return plain | {"optimizer": optimizer, "bytes": self.bytes, "disk": self.disk, "seconds": self.seconds}


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
    chosen = resources.tile != "auto"
    limit = resources.memory_limit
    room = SHARE * memory_available(device) if limit is None else limit - PROCESS
    if resources.scratch:
        room = room_in(resources.scratch) if chosen else min(room, room_in(resources.scratch))
    if pixels * PLENTY < room or (chosen and not resources.scratch):
        return Allocation(job.optimizer, resources.tile**2 if isinstance(resources.tile, int) else None)
    plan = make_plan(job, levels, size, registry, cache, resources)
    if plan.disk > plan.disk_room:
        raise JobError(
            f"{size[1]}×{size[0]} pixels need {format_memory(plan.disk)} in the scratch folder, but there is room for "
            f"{format_memory(plan.disk_room)} only. {plan.advice}"
        )
    if chosen:
        return Allocation(job.optimizer, resources.tile**2 if isinstance(resources.tile, int) else None)
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
    allowed = room_in(resources.scratch) if resources.scratch else resources.memory_limit or memory_available(device)
    what = f"can be in '{resources.scratch}'" if resources.scratch else "may be used"
    largest = max(styles, key=math.prod, default=(0, 0))
    if math.prod(largest) * IMAGE_BYTES > allowed:
        raise JobError(
            f"a style image of {largest[1]}×{largest[0]} pixels needs at least "
            f"{format_memory(math.prod(largest) * IMAGE_BYTES)}, but only {format_memory(allowed)} {what}. Use a "
            "smaller --style-scale."
        )
    if height * width * each > allowed:
        longest = max(1, int(math.sqrt(allowed / each / (height * width)) * max(size)))
        raise JobError(
            f"{width}×{height} pixels need at least {format_memory(height * width * each)}, but only "
            f"{format_memory(allowed)} {what}. Use a longest side below {longest} pixels."
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
    # On a disk the optimizer may remember as much as it likes.
    components = [job.optimizer] if resources.scratch else less_memory(job, registry)
    layouts = [_layout(costs, component, size, resources, most) for component in components]
    fitting = [layout for layout in layouts if layout.fits]
    cheap = next((layout for layout in fitting if layout.overlap <= COSTLY), None)
    chosen = cheap or min(fitting, key=lambda layout: layout.overlap, default=layouts[-1])
    longest = max(size)
    planned = []
    for level in levels:
        height, width = (max(1, round(side * level.size / longest)) for side in size)
        planned.append(_level_plan(costs, chosen, (height, width), level.steps))
    room = room_in(resources.scratch) if resources.scratch else 0
    full = bool(resources.scratch) and max(level.disk for level in planned) > room
    advice = "" if fitting else _advice(costs, layouts[-1], size, most, registry)
    if full:
        advice = _disk_advice(costs, chosen, size, room, registry)
    return MemoryPlan(
        levels=tuple(planned),
        limit=most,
        floor=chosen.floor,
        optimizer=chosen.optimizer,
        optimizer_reduced=chosen is not layouts[0],
        fits=bool(fitting) and not full,
        advice=advice,
        disk_room=room,
    )


@dataclass(frozen=True)
class _Layout:
    """One way to lay out the largest level: ``tiling`` with or without a limit, ``overlap`` infinite if that fails."""

    optimizer: Component
    scratch: bool
    floor: float
    tiling: Tiling
    overlap: float
    fits: bool


def _floor(costs: CostModel, pixels: int, optimizer: Component, scratch: bool) -> float:
    return costs.scratch_floor(pixels) if scratch else costs.floor(pixels, optimizer)


def _layout(costs: CostModel, optimizer: Component, size: tuple[int, int], resources: Resources, limit: int) -> _Layout:
    pixels, tile, scratch = size[0] * size[1], resources.tile, resources.scratch is not None
    floor = _floor(costs, pixels, optimizer, scratch)
    room = (limit - floor) / costs.tile_bytes
    whole = replace(costs.tiling, max_pixels=None)
    if tile == "off" or costs.untileable or (tile == "auto" and room >= pixels):
        return _Layout(optimizer, scratch, floor, whole, 1.0, room >= pixels)
    tiling = replace(costs.tiling, max_pixels=tile * tile if isinstance(tile, int) else max(1, int(room)))
    try:
        tiles = tiling.tiles(*size)
    except JobError:
        if isinstance(tile, int):
            raise
        return _Layout(optimizer, scratch, floor, replace(tiling, max_pixels=tiling.min_pixels), math.inf, False)
    fits = max(one.pixels for one in tiles) <= room
    return _Layout(optimizer, scratch, floor, tiling, sum(one.pixels for one in tiles) / pixels, fits)


def _level_plan(costs: CostModel, layout: _Layout, size: tuple[int, int], steps: int) -> LevelPlan:
    height, width = size
    rows, columns = layout.tiling.grid(height, width)
    tiles = layout.tiling.tiles(height, width)
    largest = max(tile.pixels for tile in tiles)
    computed = sum(tile.pixels for tile in tiles)
    each = costs.seconds * computed + costs.forward_seconds * (computed - tiles[-1].pixels)
    peak = _floor(costs, height * width, layout.optimizer, layout.scratch) + costs.tile_bytes * largest
    disk = height * width * costs.pixel_bytes(layout.optimizer) if layout.scratch else 0.0
    overlap = computed / (height * width)
    return LevelPlan(height, width, steps, rows, columns, largest, overlap, peak, each * steps, disk)


def _disk_advice(costs: CostModel, layout: _Layout, size: tuple[int, int], room: int, registry: Registry) -> str:
    """Say what would fit into a scratch folder."""
    pixels = size[0] * size[1]
    longest = int(math.sqrt(room / costs.pixel_bytes(layout.optimizer) / pixels) * max(size))
    ways = ["name a folder on a larger disk"]
    smaller = registry.create("optimizer", layout.optimizer).with_less_memory()
    if smaller:
        params = ",".join(f"{name}={value}" for name, value in smaller.items())
        ways.append(f"use --optimizer {layout.optimizer.name}:{params}")
    if longest > 0:
        ways.append(f"use --size {longest} or less")
    return f"Free some space, or {', or '.join(ways)}."


def _advice(costs: CostModel, layout: _Layout, size: tuple[int, int], limit: int, registry: Registry) -> str:
    pixels = size[0] * size[1]
    ways = []
    if costs.untileable:
        ways.append(f"'{costs.untileable[0]}' cannot be computed in tiles: use a loss on statistics or positions")
    least = costs.tile_bytes * (pixels if costs.untileable else costs.tiling.min_pixels)
    for entry in registry.entries("optimizer"):
        if layout.scratch or entry.name == layout.optimizer.name:
            continue
        try:
            needed = _floor(costs, pixels, Component(entry.name), layout.scratch) + least
        except Exception:  # noqa: S112 - a third party's optimizer that nobody asked for
            continue
        if needed <= limit:
            ways.append(f"use --optimizer {entry.name}, which needs {format_memory(needed)}")
    own = DECODED_BYTES if layout.scratch else costs.pixel_bytes(layout.optimizer)
    each = own + (costs.tile_bytes if costs.untileable else 0.0)
    left = limit - _floor(costs, 0, layout.optimizer, layout.scratch) - (0.0 if costs.untileable else least)
    if left > 0:
        ways.append(f"use --size {int(math.sqrt(left / each / pixels) * max(size))} or less")
    what = (
        "What is not in files needs"
        if layout.scratch
        else f"The pastiche and the memory of '{layout.optimizer.name}' alone need"
    )
    named = f"{what} {format_memory(layout.floor)}. "
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
