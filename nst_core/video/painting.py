"""Painting the frames of a clip one after the other, each from those before it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from nst_core.components import ROLES
from nst_core.components.registry import Registry
from nst_core.engine.pinning import EarlierFrame
from nst_core.engine.regions import open_masks
from nst_core.engine.result import Result
from nst_core.engine.run import Observer
from nst_core.engine.session import Session
from nst_core.errors import CancelledError, JobError
from nst_core.images.write import quantize
from nst_core.job.schema import Job, Source, Term
from nst_core.planning.resources import Resources
from nst_core.video.cuts import is_cut
from nst_core.video.flow import Frame, Motion, moved

__all__ = [
    "REMEMBERED",
    "STEPS",
    "ClipPainter",
    "Kind",
    "Painted",
    "as_tensor",
    "check_painting",
    "consistency_factor",
    "first_job",
    "following_job",
]

DISTANCES = (1, 2, 4)
"""How many frames back those are that a frame is compared with: Ruder et al., arXiv:1604.08610, section 5.1."""

REMEMBERED = max(DISTANCES)
"""How many frames a painter remembers."""

STEPS = 20
"""Evaluations of a frame that follows another, unless told otherwise."""

_RIDGE = 1e-3
_FOLLOWED = 1 / 3  # part of the way that a painted mean colour follows the clip's (docs/notes/video.md)
_LEAST_KNOWN = 0.05  # share of a frame that earlier ones must show for its mean colour to be compared

DECADES = 1.5
"""Powers of ten by which a consistency near 0 or 1 changes the weight of the temporal losses."""

Kind = Literal["first", "cut", "next", "same"]


def consistency_factor(consistency: float) -> float:
    """Return what the weights of temporal losses are multiplied by: 10^(1.5 (2 c - 1)), which is 1 at c = ½.

    Args:
        consistency: in (0, 1]; at 0 every frame is painted on its own.
    """
    factor: float = 10 ** (DECADES * (2 * consistency - 1))
    return factor


def first_job(job: Job, registry: Registry) -> Job:
    """Return the job of a frame that follows no other: without temporal losses."""
    terms = tuple(term for term in job.terms if not _is_temporal(term, registry))
    return replace(job, content=Source(), terms=terms)


def following_job(job: Job, registry: Registry, *, steps: int = STEPS, consistency: float = 0.5) -> Job:
    """Return the job of a frame that follows others: at full size alone, with few evaluations.

    Args:
        job: of the clip, with its temporal losses.
        registry: where the roles of losses are looked up.
        steps: number of evaluations.
        consistency: see :func:`consistency_factor`.
    """
    factor = consistency_factor(consistency)
    terms = tuple(replace(t, weight=t.weight * factor) if _is_temporal(t, registry) else t for t in job.terms)
    return replace(job, content=Source(), terms=terms, levels=(), steps=steps)


def _is_temporal(term: Term, registry: Registry) -> bool:
    return ROLES[registry.get("loss", term.loss).role].source == "earlier"


@dataclass(frozen=True)
class Painted:
    """A painted frame.

    Attributes:
        frame: as a person is to see it, ``(H, W, 3)``.
        unfinished: before the last stage of the colour mode: what the next frame goes on from.
        kind: the ``first`` of the clip or after a ``cut``, painted as any picture; the ``next`` one, which follows
            others; the ``same`` as the one before.
        evaluations: made for it.
        seconds: of the evaluations and optimizer steps.
        total: its total loss, NaN where none was computed.
        colors: of a frame that begins a scene, the affine map (4, 3) from the colours of the clip to the painted ones,
            by rows, and the mean painted colour; empty for the others.
        remarks: for the user.
    """

    frame: Frame = field(repr=False)
    unfinished: Frame = field(repr=False)
    kind: Kind
    evaluations: int = 0
    seconds: float = 0.0
    total: float = math.nan
    colors: tuple[float, ...] = ()
    remarks: tuple[str, ...] = ()


def check_painting(consistency: float, steps: int) -> None:
    """Check what a :class:`ClipPainter` is given.

    Raises:
        JobError: the consistency or the number of evaluations is invalid.
    """
    if not 0 <= consistency <= 1:
        raise JobError(f"the consistency must be from 0 to 1, not {consistency:g}")
    if steps < 1:
        raise JobError(f"a frame needs at least 1 evaluation, not {steps}")


@dataclass(frozen=True)
class _Past:
    """A frame before the current one, and what was painted of it."""

    source: Frame = field(repr=False)
    painted: Painted = field(repr=False)
    job: Job = field(repr=False)
    kept: Tensor | None = field(repr=False)


class ClipPainter:
    """Paints frames in their order. It remembers the last four, however long the clip is.

    What a frame is painted from is rounded to 8 bits as the pictures are, so a clip that goes on from saved pictures
    comes out as if it had not been interrupted.

    Attributes:
        colors: of the scene, see :class:`Painted`; to be set where a clip goes on.
    """

    def __init__(
        self,
        job: Job,
        session: Session,
        *,
        consistency: float = 0.5,
        steps: int = STEPS,
        resources: Resources | None = None,
    ) -> None:
        """Begin a clip.

        Args:
            job: what every frame is painted by; its content image is not looked at.
            session: that the frames are painted in.
            consistency: how much frames are held together, from 0, each on its own, to 1; see
                :func:`consistency_factor`.
            steps: evaluations of a frame that follows another.
            resources: what a frame may use.

        Raises:
            JobError: the consistency or the number of evaluations is invalid.
        """
        check_painting(consistency, steps)
        self._session, self._resources = session, resources
        self._job, self._consistency, self._steps = job, consistency, steps
        self._past: deque[_Past] = deque(maxlen=REMEMBERED)
        self.colors: tuple[float, ...] = ()

    def remember(self, source: Frame, painted: Painted, job: Job | None = None) -> None:
        """Take a frame that was painted before, of which only the last four matter; in their order.

        Args:
            source: the frame of the clip.
            painted: what was made of it.
            job: that it was made by, with the masks of that frame; the clip's by default.
        """
        if painted.kind in ("first", "cut"):
            self._past.clear()
        if painted.colors:
            self.colors = painted.colors
        job = job or self._job
        self._past.append(_Past(source, painted, job, _kept(job, source)))

    def paint(self, source: Frame, job: Job | None = None, observers: Sequence[Observer] = ()) -> Painted:
        """Paint the next frame.

        Args:
            source: the frame of the clip.
            job: the clip's job with the masks that it has at this frame; unchanged by default.
            observers: called with every step; returning ``False`` cancels the frame.

        Raises:
            NstError: the job cannot be done.
            CancelledError: Ctrl-C, or an observer; the frame is lost, and what is remembered is as before.
        """
        job = job or self._job
        painted = self._painted(source, job, observers)
        self.remember(source, painted, job)
        return painted

    def _painted(self, source: Frame, job: Job, observers: Sequence[Observer]) -> Painted:
        if not self._past:
            return self._alone(source, job, "first", observers)
        last = self._past[-1]
        if last.source.shape != source.shape:
            raise JobError(f"the frames of a clip have one size, but {last.source.shape} is followed by {source.shape}")
        if last.job == job and np.array_equal(last.source, source):
            return replace(last.painted, kind="same", evaluations=0, seconds=0.0, colors=(), remarks=())
        if self._consistency == 0:
            return self._alone(source, job, "next", observers)
        motions = {1: Motion.between(source, last.source)}
        if is_cut(source, last.source, motions[1]):
            return self._alone(source, job, "cut", observers)
        for distance in DISTANCES[1:]:
            if distance <= len(self._past):
                motions[distance] = Motion.between(source, self._past[-distance].source)
        return self._following(source, job, self._earlier(as_tensor(source), motions), observers)

    def _earlier(self, source: Tensor, motions: dict[int, Motion]) -> list[EarlierFrame]:
        """Return earlier frames, the nearest first, each counting where no nearer one does.

        Ruder et al., equation 9: c_long = max(c - the sum of the nearer frames' c, 0).
        """
        found, taken = [], torch.zeros_like(motions[1].weight)
        for distance, motion in sorted(motions.items()):
            past = self._past[-distance]
            pixels = moved(as_tensor(past.painted.unfinished), motion.flow)
            usable = motion.weight
            if past.kept is not None:  # what was kept is not painted
                usable = usable * (1.0 - moved(past.kept, motion.flow))
            weight = (usable - taken).clamp_min(0.0)
            taken = taken + weight
            found.append(EarlierFrame(pixels, weight))
        return self._steadied(source, found)

    def _steadied(self, source: Tensor, earlier: list[EarlierFrame]) -> list[EarlierFrame]:
        """Shift the colours of earlier frames so that their mean is what the scene's first frame says it is.

        Neither the style nor the motion holds the mean colour: what leaves the frame, and what the optimizer leaves
        undone, would add up from frame to frame. By itself, a painted frame has a mean that follows the clip's part of
        the way only, since the style holds the palette.
        """
        weight = torch.stack([frame.weight for frame in earlier]).sum(0)
        total = weight.sum()
        if not self.colors or total < _LEAST_KNOWN * weight.numel():
            return earlier
        colors = torch.tensor(self.colors, dtype=torch.float64).reshape(5, 3)
        mapped = (_mapped(source, colors[:4]) * weight).sum((-2, -1), keepdim=True) / total
        expected = torch.lerp(colors[4].reshape(1, 3, 1, 1).float(), mapped, _FOLLOWED)
        seen = (
            torch.stack([(frame.weight * frame.pixels).sum((-2, -1), keepdim=True) for frame in earlier]).sum(0) / total
        )
        return [replace(frame, pixels=(frame.pixels + expected - seen).clamp(0.0, 1.0)) for frame in earlier]

    def _alone(self, source: Frame, job: Job, kind: Kind, observers: Sequence[Observer]) -> Painted:
        run = self._session.run(
            first_job(job, self._session.registry), content=as_tensor(source), resources=self._resources
        )
        painted = _as_painted(run.exhaust(observers), run.unfinished, kind)
        if kind == "next":
            return painted
        return replace(painted, colors=_scene_colors(source, painted.unfinished, _kept(job, source)))

    def _following(
        self, source: Frame, job: Job, earlier: list[EarlierFrame], observers: Sequence[Observer]
    ) -> Painted:
        run = self._session.run(
            following_job(job, self._session.registry, steps=self._steps, consistency=self._consistency),
            content=as_tensor(source),
            resources=self._resources,
            start=_start(as_tensor(source), earlier),
            earlier=earlier,
        )
        result = run.exhaust(observers)
        return _as_painted(result, run.unfinished, "next")


def _start(source: Tensor, earlier: Sequence[EarlierFrame]) -> Tensor:
    """Return what a frame begins with: earlier frames where they show what is there now, elsewhere the source.

    The colours of the source are changed by the affine map that comes closest to the painted ones where both are known.
    """
    new = _recolored(source, earlier)
    start = new + torch.stack([frame.weight * (frame.pixels - new) for frame in earlier]).sum(0)
    return start.clamp(0.0, 1.0)


def _recolored(source: Tensor, earlier: Sequence[EarlierFrame]) -> Tensor:
    """Return the source in the colours that were painted where earlier frames show the same, by least squares."""
    pixels = torch.cat([frame.pixels.flatten(2)[0] for frame in earlier], 1)
    weights = torch.cat([frame.weight.flatten() for frame in earlier])
    return _mapped(source, _color_map(source.flatten(2)[0].repeat(1, len(earlier)), pixels, weights)).clamp(0.0, 1.0)


def _color_map(colors: Tensor, painted: Tensor, weights: Tensor) -> Tensor:
    """Return the affine map (4, 3) from colours to painted ones that has the least squared error.

    Args:
        colors: ``(3, n)``.
        painted: ``(3, n)``.
        weights: ``(n,)``. Where all are nothing the map is the identity, to which a small ridge pulls.
    """
    known = torch.cat([colors, torch.ones_like(colors[:1])]).double()
    ridge = _RIDGE * max(float(weights.sum()), 1.0) * torch.eye(4, dtype=torch.float64)
    left = (known * weights) @ known.T + ridge
    right = (known * weights) @ painted.double().T + ridge @ torch.eye(4, 3, dtype=torch.float64)
    return cast(Tensor, torch.linalg.solve(left, right))


def _mapped(image: Tensor, colors: Tensor) -> Tensor:
    """Return an image ``(1, 3, H, W)`` after an affine map (4, 3) of its colours."""
    known = torch.cat([image, torch.ones_like(image[:, :1])], 1).flatten(2)[0].double()
    return (colors.T @ known).reshape(image.shape).to(image.dtype)


def _scene_colors(source: Frame, painted: Frame, kept: Tensor | None) -> tuple[float, ...]:
    """Return the map from the colours of a scene's first frame to its painted ones, and the mean of these."""
    before, after = (as_tensor(frame).flatten(2)[0].double() for frame in (source, painted))
    weights = torch.ones(before.shape[1], dtype=torch.float64) if kept is None else 1.0 - kept.flatten().double()
    if not weights.sum() > 0:
        return ()
    found = _color_map(before, after, weights)
    found[3] = ((after - found[:3].T @ before) * weights).sum(1) / weights.sum()
    mean = (after * weights).sum(1) / weights.sum()
    return tuple(torch.cat([found.flatten(), mean]).tolist())


def _kept(job: Job, source: Frame) -> Tensor | None:
    """Return how much every pixel of a frame is the clip's own, ``(1, 1, H, W)``, ``None`` for nothing."""
    if job.keep is None and not (job.regions and job.outside == "keep"):
        return None
    return open_masks(job).kept(job, (source.shape[0], source.shape[1]))


def as_tensor(frame: Frame) -> Tensor:
    """Return a frame as ``(1, 3, H, W)`` float32 in [0, 1]."""
    return torch.from_numpy(np.array(frame)).permute(2, 0, 1)[None].float() / 255.0


def _frame(pixels: Tensor) -> Frame:
    found: Frame = quantize(pixels)
    return found


def _as_painted(result: Result, unfinished: Tensor | None, kind: Kind) -> Painted:
    if result.stopped == "cancelled":
        raise CancelledError("the frame was cancelled; those before it are finished")
    frame = _frame(result.image)
    return Painted(
        frame=frame,
        unfinished=frame if unfinished is None else _frame(unfinished),
        kind=kind,
        evaluations=result.evaluations,
        seconds=result.seconds,
        total=result.total,
        remarks=result.remarks,
    )
