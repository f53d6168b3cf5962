"""Painting a whole clip: from its file to the painted one, frame by frame, to be interrupted at any time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from nst_core.engine.pinning import Inputs
from nst_core.engine.run import Observer
from nst_core.engine.session import Session
from nst_core.errors import CancelledError
from nst_core.planning.resources import Resources
from nst_core.video.extras import opencv
from nst_core.video.masks import MovingMasks
from nst_core.video.order import ClipOrder, pinned_order, without_moving_masks
from nst_core.video.painting import REMEMBERED, ClipPainter, Painted, as_tensor, check_painting
from nst_core.video.reading import ClipFrame, ClipSource
from nst_core.video.store import FrameRecord, FrameStore
from nst_core.video.writing import check_clip_output, write_clip

__all__ = ["ClipResult", "Watch", "check_order", "paint_clip"]

Watch = Callable[[FrameRecord, int], object]
"""Called with every painted frame, and the number of frames that there will be, 0 where it is not known; returning
``False`` ends the clip like Ctrl-C."""


@dataclass(frozen=True)
class ClipResult:
    """A painted clip.

    Attributes:
        output: the file, or the folder with the frames.
        order: what was made, with everything fixed.
        size: height and width of the frames.
        records: of all frames.
        remarks: for the user.
    """

    output: Path
    order: ClipOrder
    size: tuple[int, int]
    records: tuple[FrameRecord, ...]
    remarks: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Time of the evaluations and optimizer steps."""
        return sum(record.seconds for record in self.records)

    def count(self, kind: str) -> int:
        """Return how many frames are of a kind."""
        return sum(record.kind == kind for record in self.records)


def check_order(order: ClipOrder, session: Session) -> ClipSource:
    """Check everything that can be known before the work, and return the clip at the size that is painted.

    Raises:
        NstError: the clip or an image cannot be read, an option is invalid, or the output cannot be written.
    """
    opencv()
    source = order.source()
    size = order.size_of(source)
    if not order.is_folder:
        check_clip_output(Path(order.output), order.encoding, rate=source.info.rate, size=size)
    sized = order.source(size)
    check_painting(order.consistency, order.steps)
    first = sized.first()
    MovingMasks(order, size, Path())
    session.schedule(without_moving_masks(order.job), Inputs(content=as_tensor(first.pixels)))
    return sized


def paint_clip(
    order: ClipOrder,
    session: Session | None = None,
    *,
    resources: Resources | None = None,
    store: FrameStore | None = None,
    observers: Sequence[Observer] = (),
    watch: Watch = lambda record, frames: None,  # noqa: ARG005
) -> ClipResult:
    """Paint a clip, or continue one that was interrupted.

    Frames are saved as they are finished; the file is put together from them at the end, and then they are removed.

    Args:
        order: what to make.
        session: that it is made in.
        resources: what a frame may use.
        store: where frames are saved; by default beside the output, or in it.
        observers: called with every step of every frame; returning ``False`` ends it like Ctrl-C.
        watch: told of every frame.

    Raises:
        NstError: see :func:`check_order`; what is finished is kept.
        CancelledError: an observer ended it.
        KeyboardInterrupt: Ctrl-C; the frame that was being painted is lost, what is finished is kept.

    Example:
        >>> from nst_core.video import ClipOrder, clip_job, paint_clip
        >>> job = clip_job("painting.jpg", size=512)  # doctest: +SKIP
        >>> paint_clip(ClipOrder("walk.mp4", job, "painted.mp4"))  # doctest: +SKIP
    """
    session = session or Session()
    store = store or FrameStore.of(order)
    store.check()
    source = check_order(order, session)
    order = pinned_order(order, session)
    store.make()
    with store.claimed():
        store.begin(order)
        remarks = dict.fromkeys(source.info.remarks)
        records = _painted(order, session, source, store, resources, observers, watch, remarks)
        if not order.is_folder:
            remarks |= dict.fromkeys(_written(order, source, store, records))
    if order.is_folder or order.keep_frames:
        store.tidy()
    else:
        store.remove()
    return ClipResult(Path(order.output), order, source.info.size, tuple(records), tuple(filter(None, remarks)))


def _painted(
    order: ClipOrder,
    session: Session,
    source: ClipSource,
    store: FrameStore,
    resources: Resources | None,
    observers: Sequence[Observer],
    watch: Watch,
    remarks: dict[str, None],
) -> list[FrameRecord]:
    """Paint the frames that are missing; return what is known of all."""
    painter = ClipPainter(order.job, session, consistency=order.consistency, steps=order.steps, resources=resources)
    records = store.resumed()
    known = len(records)
    painter.colors = next((record.colors for record in reversed(records) if record.colors), ())
    masks = MovingMasks(order, source.info.size, store.folder)
    for frame in source.frames(skip=max(0, known - REMEMBERED)):
        job = masks.job_at(order.job, frame.moment)
        if frame.number < known:
            painter.remember(frame.pixels, store.load(records[frame.number]), job)
            continue
        painted = painter.paint(frame.pixels, job, observers)
        record = _record(frame, painted)
        store.save(record, painted)
        records.append(record)
        remarks |= dict.fromkeys(r for r in painted.remarks if painted.kind == "first")
        if watch(record, source.info.frames) is False:
            raise CancelledError("the clip was cancelled; the frames until here are finished")
    if source.trouble:
        remarks[source.trouble] = None
    return records


def _record(frame: ClipFrame, painted: Painted) -> FrameRecord:
    total = None if math.isnan(painted.total) else painted.total
    return FrameRecord(
        number=frame.number + 1,
        time=frame.time,
        kind=painted.kind,
        evaluations=painted.evaluations,
        seconds=painted.seconds,
        total=total,
        colors=painted.colors,
        moment=frame.moment,
    )


def _written(
    order: ClipOrder, source: ClipSource, store: FrameStore, records: Sequence[FrameRecord]
) -> tuple[str, ...]:
    """Put the file together from the frames."""

    def frames() -> Iterator[ClipFrame]:
        for record in records:
            yield ClipFrame(record.number - 1, Fraction(record.time), store.pixels(store.path(record.number)))

    sound = order.clip if order.sound and source.info.has_sound else None
    return write_clip(
        Path(order.output),
        frames(),
        rate=source.info.rate,
        encoding=order.encoding,
        sound=sound,
        start=records[0].moment,
        end=order.end,
    )
