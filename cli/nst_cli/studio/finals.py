"""Large pictures that are made in the background, and that survive the end of the studio."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from nst_cli.studio.desk import Desk
from nst_cli.studio.painting import seconds_left
from nst_cli.studio.results import other_name, saved
from nst_cli.studio.wish import Wish
from nst_core import Checkpoint, Job, JobError, NstError, Resources, Result, Session
from nst_core.files import atomic_write
from nst_core.job.named_files import NamedFile, with_paths

__all__ = ["Final", "Finals"]

UNFINISHED = ".unfinished"
"""Folder, in that of the studio, with a folder for each picture that is not finished: images, job and checkpoint."""

MOST_FINALS = 20
"""Large pictures that may wait, of all visitors together."""

EVERY = 20.0
"""Seconds between two checkpoints."""

_log = logging.getLogger(__name__)


@dataclass
class Final:
    """A large picture in the making.

    Attributes:
        folder: of its images, job and checkpoint.
        job: with paths in that folder.
        owner: who is told of it; "" after a restart.
        state: what happens to it.
        done: share of the evaluations that are made.
        left: seconds left while somebody works at it.
        message: what went wrong.
    """

    folder: Path
    job: Job
    owner: str = ""
    state: Literal["waiting", "painting", "paused", "finished", "cancelled", "failed"] = "waiting"
    done: float = 0.0
    left: float | None = None
    message: str = ""
    result: Result | None = field(default=None, repr=False)
    path: Path | None = None
    wanted: bool = True

    @property
    def active(self) -> bool:
        """Whether it is not at its end yet."""
        return self.state in ("waiting", "painting", "paused")


class Finals:
    """Makes large pictures one after the other, and only while nobody paints at the desk."""

    def __init__(
        self,
        folder: Path,
        session: Session,
        desk: Desk,
        resources: Resources,
        keep: Callable[[Final, Wish | None], None],
    ) -> None:
        """Take up what an earlier studio left unfinished.

        Args:
            folder: of the studio.
            session: that all pictures share.
            desk: whose work comes first.
            resources: that a run may use.
            keep: told of every picture that is finished, in place of being only saved.
        """
        self._folder, self._session, self._desk, self._resources, self._keep = folder, session, desk, resources, keep
        self._lock = threading.Condition()
        self._finals: list[Final] = []
        self._wishes: dict[Path, Wish] = {}
        self._closed = False
        self._current: Final | None = None
        for place in sorted((folder / UNFINISHED).glob("*")):
            try:
                job = Job.from_json((place / "job.json").read_text(encoding="utf-8"))
                self._finals.append(Final(place, self._in_folder(job, place)))
            except (OSError, NstError) as error:
                _log.warning("the unfinished picture in '%s' cannot be continued: %s", place, error)
        self._thread = threading.Thread(target=self._work, name="nst-studio-finals", daemon=True)
        self._thread.start()

    def add(self, wish: Wish, size: int, owner: str) -> Final:
        """Begin a large picture: at once if nobody paints, after the others that were begun.

        Raises:
            JobError: it does not fit into memory, or the visitor has another one in the making.
            NstError: an option makes no sense.
        """
        self._check_room(owner)
        wish = wish.larger(size)
        job = wish.job(self._session)
        plan = self._session.plan(job, resources=self._resources)
        if not plan.fits:
            raise JobError(f"a picture of {size} px does not fit into memory. {plan.advice}")
        place = self._folder / UNFINISHED / secrets.token_hex(8)
        place.mkdir(parents=True)
        try:
            taken: set[str] = set()
            named = with_paths(job, lambda file: _copied(file, place, taken), self._session.registry.file_parameters)
            with atomic_write(place / "job.json") as temporary:
                temporary.write_text(named.to_json(), encoding="utf-8")
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        final = Final(place, self._in_folder(named, place), owner)
        try:
            with self._lock:
                self._check_room(owner)
                self._finals.append(final)
                self._wishes[place] = wish
                self._lock.notify_all()
        except JobError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return final

    def of(self, owner: str) -> list[Final]:
        """Return the pictures of a visitor that are not finished, or failed."""
        with self._lock:
            return [final for final in self._finals if final.owner == owner]

    def cancel(self, owner: str) -> None:
        """Give up the picture that a visitor has in the making, and forget one that failed."""
        with self._lock:
            for final in [final for final in self._finals if final.owner == owner]:
                final.wanted = False
                if final is not self._current:
                    self._drop(final, "cancelled")
            self._lock.notify_all()

    def _check_room(self, owner: str) -> None:
        """Refuse a picture too many."""
        active = [final for final in self._finals if final.active]
        if any(final.owner == owner for final in active):
            raise JobError("one large picture at a time: wait until yours is finished, or cancel it")
        if len(active) >= MOST_FINALS:
            raise JobError(f"{len(active)} large pictures wait already; try again when some of them are finished")

    def _drop(self, final: Final, state: Literal["finished", "cancelled"]) -> None:
        """Forget a picture, and what is on the disk of it; the lock is held."""
        final.state, final.left, final.result = state, None, None
        self._finals.remove(final)
        self._wishes.pop(final.folder, None)
        shutil.rmtree(final.folder, ignore_errors=True)

    def close(self) -> None:
        """Stop after the current evaluation; what is unfinished goes on when a studio opens the folder again."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        self._thread.join()

    def _in_folder(self, job: Job, place: Path) -> Job:
        """Find the images of a job in a folder."""
        parameters = self._session.registry.file_parameters
        return with_paths(job, lambda file: str(place / file.path) if file.is_path else file.path, parameters)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._closed or any(final.active for final in self._finals))
                if self._closed:
                    return
                final = self._current = next(final for final in self._finals if final.active)
            failure = ""
            try:
                self._make(final)
            except Exception as error:
                if not isinstance(error, NstError):
                    _log.exception("a large picture failed")
                failure = str(error)
            with self._lock:
                self._current = None
                if final.path is not None:
                    self._drop(final, "finished")
                elif not final.wanted:
                    self._drop(final, "cancelled")
                elif failure:
                    final.state, final.left, final.message = "failed", None, failure
                    if final.result is None:  # else it was the saving that failed, and a restart can try that again
                        shutil.rmtree(final.folder, ignore_errors=True)

    def _make(self, final: Final) -> None:
        """Paint a picture and save it, as far as it is wanted and nobody closes the studio."""
        checkpoint = Checkpoint(final.folder / "checkpoint", every=EVERY)
        with checkpoint.claimed():
            if not self._may_go_on(final):
                return
            run = self._session.run(final.job, resources=self._resources, checkpoint=checkpoint)
            for step in run:
                final.state, final.done, final.left = "painting", step.number / step.steps, seconds_left(run, step)
                if not self._may_go_on(final):
                    run.cancel()
            if run.stopped == "cancelled":  # a later studio goes on from its checkpoint, if it is wanted
                return
            final.result = run.result()
            self._keep(final, self._wishes.get(final.folder))
            if final.path is None:
                final.path = saved(final.result, self._folder)
            checkpoint.finished()

    def _may_go_on(self, final: Final) -> bool:
        """Wait while somebody paints; return whether to go on."""
        while not (self._closed or not final.wanted):
            if not self._desk.busy:
                return True
            final.state, final.left = "paused", None
            self._desk.wait_until_free(0.5)
        return False


def _copied(file: NamedFile, place: Path, taken: set[str]) -> str:
    """Copy a file of a job into a folder; return its name there."""
    if not file.is_path:
        return file.path
    name = other_name(Path(file.path).name, taken)
    taken.add(name)
    shutil.copyfile(file.path, place / name)
    return name
