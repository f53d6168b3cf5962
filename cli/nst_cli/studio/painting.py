"""A picture in progress: painted by a worker, looked at, changed and stopped by whoever asked for it."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from nst_cli.studio.desk import Desk
from nst_cli.studio.wish import Wish
from nst_core import NstError, Resources, Result, Run, Session, Step
from nst_core.errors import is_out_of_memory

__all__ = ["Painting", "Phase", "View", "seconds_left"]

Phase = Literal["empty", "waiting", "painting", "stopped", "finished", "failed"]

PREVIEW_SECONDS = 0.15
"""Time between two previews, at least."""

TURN_SECONDS = 60.0
"""How long somebody who changes a picture again and again keeps a worker while others wait."""

MOST_UNDONE = 8
"""Changes that can be undone; each keeps a picture in memory, in half precision."""

CLEARING_SECONDS = 30.0
"""The longest that an evaluation is waited for when a picture is given up."""

ONE_CHANGE_SECONDS = 1.0
"""Changes that follow each other within this time, as those of a slider that is drawn, are undone as one."""

DEARER = 1.6
"""By how much an evaluation takes longer where the picture has twice the pixels, see :func:`seconds_left`."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """What there is to see of a painting.

    Attributes:
        number: grows with every view.
        phase: what happens now.
        place: how many are served before, while it waits.
        image: ``(1, 3, H, W)`` on the CPU in [0, 1]; ``None`` before the first.
        stage: name of the network that paints.
        done: share of the evaluations that are made, 0 to 1.
        left: seconds left, ``None`` where nobody knows.
        history: total loss of every evaluation of the current network, since the last change.
        message: what went wrong.
        kept: name of the file that the picture is kept in, once it is.
    """

    number: int = 0
    phase: Phase = "empty"
    place: int = 0
    image: Tensor | None = field(default=None, repr=False)
    stage: str = ""
    done: float = 0.0
    left: float | None = None
    history: tuple[float, ...] = field(default=(), repr=False)
    message: str = ""
    kept: str = ""

    @property
    def active(self) -> bool:
        """Whether it changes by itself."""
        return self.phase in ("waiting", "painting")

    @property
    def size(self) -> int:
        """Longest side of the image in pixels, 0 without one."""
        return max(self.image.shape) if self.image is not None else 0


class Painting:
    """One visitor's picture. All methods may be called from any thread."""

    def __init__(
        self,
        session: Session,
        desk: Desk,
        keep: Callable[[Result, Wish], str],
        resources: Resources | None = None,
    ) -> None:
        """Make an empty one.

        Args:
            session: that all paintings of a studio share.
            desk: whose workers paint.
            keep: keeps a picture that is finished, or stopped, and returns the name of its file.
            resources: that a run may use.
        """
        self._session, self._desk, self._keep = session, desk, keep
        self._resources = resources or Resources()
        self._lock = threading.Condition()
        self._view = View()
        self._wish: Wish | None = None  # what is asked for now
        self._next: tuple[Wish, Tensor | None] | None = None  # what to paint next, and from which picture
        self._run: Run | None = None  # that was stopped and can go on
        self._complete = False  # whether the last run came to its end
        self._sketchy = False  # whether the picture is of a draft that did not come to its end
        self._stopping = False
        self._closed = False
        self._undo: list[tuple[Wish, Tensor]] = []
        self._future: Future[None] | None = None
        self._changed = -math.inf  # when

    @property
    def view(self) -> View:
        """What there is to see now."""
        with self._lock:
            view, future = self._view, self._future
        if view.phase == "waiting" and future is not None:
            return replace(view, place=self._desk.place(future))
        return view

    @property
    def wish(self) -> Wish | None:
        """What is asked for now."""
        return self._wish

    @property
    def can_undo(self) -> bool:
        """Whether there was a change."""
        return bool(self._undo)

    def paint(self, wish: Wish) -> None:
        """Begin anew.

        Raises:
            NstError: an option makes no sense; nothing has changed then.
        """
        self._check(wish)
        self._go(wish, None)

    def change(self, wish: Wish) -> bool:
        """Go on to something else from the picture that there is, if one is being painted; say whether one is.

        Raises:
            NstError: an option makes no sense; nothing has changed then.
        """
        view = self._view
        if not view.active or wish == self._wish:
            return view.active
        self._check(wish)
        self._go(wish, self._start_of(wish))
        return True

    def proceed(self, wish: Wish) -> None:
        """Go on with a picture that was stopped or is finished, to what is asked for now.

        Raises:
            NstError: an option makes no sense; nothing has changed then.
        """
        view = self._view
        if view.active:
            self.change(wish)
            return
        if wish == self._wish and self._run is not None and self._run.stopped is None:
            self._submit()
            return
        self._check(wish)
        self._go(wish, self._start_of(wish))

    def clear(self) -> None:
        """Stop, and forget the picture: that of another photograph is nothing to go on from."""
        self.stop()
        self.settled(CLEARING_SECONDS)
        with self._lock:
            self._wish, self._next, self._run, self._undo, self._sketchy = None, None, None, [], False
            self._view = View(self._view.number + 1)

    def undo(self) -> Wish | None:
        """Go back to picture and wish before the last change; one that is being painted goes on from there.

        Returns:
            The wish; ``None`` where there was no change.
        """
        with self._lock:
            if not self._undo:
                return None
            wish, small = self._undo.pop()
            image, self._sketchy = small.float(), False
            if self._view.active:
                self._wish, self._next, self._run = wish, (wish, image), None
                self._show(image=image)
            else:
                self._wish, self._next, self._run = wish, None, None
                self._show(phase="stopped", image=image, message="", kept="", done=0.0, left=None, history=())
        return wish

    def stop(self) -> None:
        """Stop after the current evaluation; the best picture remains."""
        with self._lock:
            self._stopping = True
            self._give_up_waiting()

    def close(self) -> None:
        """Stop, and keep nothing."""
        with self._lock:
            self._closed = True
            self._give_up_waiting()

    def _give_up_waiting(self) -> None:
        if self._future is not None and self._future.cancel():
            self._stopping = False
            self._show(phase="stopped" if self._view.image is not None else "empty", left=None)

    def settled(self, seconds: float) -> bool:
        """Wait until nothing is being painted; return whether that came within some seconds."""
        with self._lock:
            return self._lock.wait_for(lambda: not self._view.active, seconds)

    def _check(self, wish: Wish) -> None:
        """Find what is wrong with a wish before it waits for its turn."""
        wish.job(self._session)
        wish.draft(self._session)

    def _go(self, wish: Wish, start: Tensor | None) -> None:
        with self._lock:
            now = time.monotonic()
            if self._wish is not None and self._view.image is not None and now - self._changed > ONE_CHANGE_SECONDS:
                self._undo = [*self._undo[1 - MOST_UNDONE :], (self._wish, self._view.image.half())]
            self._changed = now if start is not None else -math.inf
            self._wish, self._next, self._run = wish, (wish, start), None
        self._submit()

    def _start_of(self, wish: Wish) -> Tensor | None:
        """Return the picture that a wish goes on from; a draft is made anew, as that is quicker."""
        same = self._wish is not None and self._wish.photo == wish.photo
        return self._view.image if same and not self._sketchy else None

    def _submit(self) -> None:
        with self._lock:
            self._stopping = False
            if self._closed or self._view.active:  # whoever paints sees what is next
                return
            self._show(phase="waiting", message="", kept="", left=None)
            self._future = self._desk.submit(self._work)

    def _work(self) -> None:
        """Paint what is next, until nothing is."""
        began = time.monotonic()
        try:
            while True:
                with self._lock:
                    wanted, self._next, run = self._next, None, self._run
                    self._complete = False
                    self._show(phase="painting", message="", kept="")
                if not self._closed:
                    self._paint(wanted, run)
                with self._lock:
                    if not self._more():
                        self._stopping = False
                        self._show(phase="finished" if self._complete else "stopped", left=None)
                        return
                    if time.monotonic() - began > TURN_SECONDS and self._desk.waiting:
                        self._show(phase="waiting")
                        self._future = self._desk.submit(self._work)
                        return
        except Exception as error:
            self._fail(error)

    def _more(self) -> bool:
        """Whether something else is wanted by now."""
        return self._next is not None and not self._stopping and not self._closed

    def _fail(self, error: Exception) -> None:
        if isinstance(error, NstError):
            message = str(error)
        elif is_out_of_memory(error):
            message = "there is not enough memory for a picture of this size; paint a smaller one"
        else:
            _log.exception("painting failed")
            message = f"something went wrong inside nst ({type(error).__name__}); the operator sees what in the log"
        with self._lock:
            self._next, self._run, self._stopping = None, None, False
            self._show(phase="failed", message=message[0].upper() + message[1:], left=None)

    def _paint(self, wanted: tuple[Wish, Tensor | None] | None, run: Run | None) -> None:
        """Paint a wish, or go on with a run."""
        session = self._session
        if wanted is None:
            wish = self._wish
            if run is None or wish is None:
                return
        else:
            wish, start = wanted
            draft = wish.draft(session) if start is None else None
            if draft is not None:  # small maps gain nothing from a second thread, and lose much on a busy machine
                sketch = session.run(draft, resources=replace(self._resources, threads=1))
                self._sketchy = True
                if not self._follow(sketch, last=False):
                    self._keep_it(sketch, wish)
                    return
                start = sketch.result().image
            run = session.run(wish.job(session), resources=self._resources, start=start)
            self._sketchy = False
        self._complete = self._follow(run, last=True)
        with self._lock:
            if self._next is None:  # else somebody wants something else by now
                self._run = None if self._complete else run
        self._keep_it(run, wish)

    def _keep_it(self, run: Run, wish: Wish) -> None:
        """Keep a picture, unless another one comes out of it."""
        if run.best is None or self._closed or (self._next is not None and not self._stopping):
            return
        name = self._keep(run.result(), wish)
        with self._lock:
            self._show(kept=name)

    def _follow(self, run: Run, *, last: bool) -> bool:
        """Show the steps of a run; return whether it came to its end."""
        shown, history = 0.0, list(run.result().history) if run.best is not None else []
        name = run.prepared.job.extractor.name
        for step in run:
            history.append(step.total)
            now = time.monotonic()
            if now - shown >= PREVIEW_SECONDS:
                self._preview(run, step, name, history, last)
                shown = time.monotonic()
            with self._lock:
                if self._stopping or self._closed or self._next is not None:
                    if self._next is None:
                        self._preview(run, step, name, history, last)
                    return False
        if last and run.best is not None:
            with self._lock:
                if self._next is None:
                    self._show(image=run.best.cpu(), done=1.0, left=None, history=tuple(history))
        return True

    def _preview(self, run: Run, step: Step, stage: str, history: list[float], last: bool) -> None:
        image = run.best
        with self._lock:
            if image is None or self._next is not None:
                return
            self._show(
                image=image.cpu().clone(),
                stage=stage,
                done=step.number / step.steps if last else 0.0,
                left=seconds_left(run, step) if last else None,
                history=tuple(history),
            )

    def _show(self, **changed: object) -> None:
        """Change the view; the lock is held."""
        self._view = replace(self._view, number=self._view.number + 1, **changed)  # type: ignore[arg-type]
        self._lock.notify_all()


def seconds_left(run: Run, step: Step) -> float | None:
    """Estimate how long a run takes from here, from the time of its evaluations so far.

    With every doubling of the pixels an evaluation takes :data:`DEARER` times as long: what depends on the pixels
    doubles, what depends on the channels alone stays.
    """
    sizes = [(level.size, level.steps) for level in run.prepared.levels]
    current = max(step.image.shape)
    if step.number < 3 or not math.isfinite(step.seconds):
        return None

    def cost(size: int) -> float:
        return float(DEARER ** (2 * math.log2(size / current)))

    done, spent, left = step.number, 0.0, 0.0
    for size, count in sizes:
        made = min(count, done)
        done -= made
        spent += made * cost(size)
        left += (count - made) * cost(size)
    return step.seconds / spent * left if spent else None
