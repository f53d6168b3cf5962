"""The workers of a run on a cluster: started, asked whether they are fit, given tasks, and replaced when they die."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nst_core import ExecutorError, Finished, Progress, Work
from nst_plugins.executors.attempts import GRACE, Attempt
from nst_plugins.executors.ray.actor import RayWorker

__all__ = ["Crew", "Lost"]

EVERY = 0.3
"""Seconds between two questions to a worker how far it is, at least."""
STILLBORN = 3
"""Workers in a row that may die before they can be asked anything, until no more are started."""


@dataclass(frozen=True)
class Lost:
    """A worker died, or cannot be reached.

    Attributes:
        attempt: what it was at.
        how: what Ray says of it, with the machine.
    """

    attempt: Attempt
    how: str


@dataclass(eq=False)
class _Member:
    """An actor, and what it was asked last.

    Attributes:
        actor: handle of the actor.
        answer: reference to what it is to return.
        node: name of its machine, "" before it has said anything.
        fit: whether it has said that it is fit for the work.
        attempt: what it is at.
        contents: references that must stay as long.
        asked: reference to its answer how far it is.
        told: the last such answer.
    """

    actor: Any
    answer: Any = None
    node: str = ""
    fit: bool = False
    attempt: Attempt | None = None
    contents: Mapping[str, Any] | None = field(default=None, repr=False)
    asked: Any = None
    told: Progress | None = None


class Crew:
    """Actors, as many as were asked for; those for which there is no room yet wait for it without being in the way."""

    def __init__(self, ray: Any, work: Work, size: int, options: Mapping[str, Any]) -> None:
        """Start actors.

        Args:
            ray: the package, connected.
            work: that they do.
            size: how many.
            options: of each actor, as Ray takes them.
        """
        self._ray = ray
        self._class = ray.remote(RayWorker).options(max_concurrency=2, max_restarts=0, max_task_retries=0, **options)
        self._work: Any = None
        self._members: list[_Member] = [_Member(self._class.remote()) for _ in range(size)]
        self._stillborn = 0
        self._asked = 0.0
        self.prepare(work)

    def prepare(self, work: Work) -> None:
        """Let all workers say whether they are fit for this work."""
        self._work = self._ray.put(work)
        for member in self._members:
            member.fit, member.answer = False, member.actor.check.remote(self._work)

    @property
    def idle(self) -> int:
        """How many workers could begin with a task."""
        return sum(1 for member in self._members if member.answer is None)

    @property
    def alive(self) -> bool:
        """Whether there is a worker that has said that it is fit."""
        return any(member.fit for member in self._members)

    @property
    def busy(self) -> bool:
        """Whether a worker is at a task."""
        return any(member.attempt for member in self._members)

    def begin(self, attempt: Attempt, contents: Mapping[str, Any] | None) -> None:
        """Give a task to a worker that is idle; ``contents`` are references to its files, if they must be sent."""
        member = next(member for member in self._members if member.answer is None)
        member.attempt, member.contents = attempt, contents
        member.asked = member.told = None
        member.answer = member.actor.perform.remote(attempt.task, contents)

    def news(self) -> Iterator[Progress | Finished | Lost]:
        """Wait a little, and give what workers have to say.

        Raises:
            ExecutorError: one is unfit, or none can be started.
        """
        by_answer = {member.answer: member for member in self._members if member.answer is not None}
        ready, _ = self._ray.wait([*by_answer], num_returns=1, timeout=EVERY)
        if ready:  # and all others that are
            ready, _ = self._ray.wait([*by_answer], num_returns=len(by_answer), timeout=0)
        for answer in ready:
            if message := self._heard(by_answer[answer]):
                yield message
        if time.monotonic() - self._asked >= EVERY:
            self._asked = time.monotonic()
            yield from self._progress()

    def stop(self) -> list[Finished]:
        """Ask all workers to end, wait a while, and end those that do not; return what they had finished by then."""
        members, self._members = self._members, []
        busy = [member for member in members if member.attempt]
        found = []
        try:
            for member in busy:
                member.actor.stop.remote()
            answers = [member.answer for member in busy]
            ready, _ = self._ray.wait(answers, num_returns=len(busy), timeout=GRACE) if busy else ([], [])
            for answer in ready:
                try:
                    found.append(self._ray.get(answer))
                except self._ray.exceptions.RayError:
                    continue
        finally:  # Ctrl-C once more ends the wait
            for member in members:
                self._ray.kill(member.actor)
        return [finished for finished in found if not finished.stopped]

    def _heard(self, member: _Member) -> Finished | Lost | None:
        """Return what the answer of a worker means; ``None`` where it is no task's."""
        attempt, answer = member.attempt, member.answer
        member.attempt = member.answer = member.contents = None
        errors = self._ray.exceptions
        try:
            said = self._ray.get(answer)
        except errors.RayTaskError as error:
            if attempt is None:
                raise ExecutorError(_unstarted(error)) from error
            return Finished(attempt.task.key, error=_last_line(error))
        except errors.RayError as error:
            return self._lost(member, attempt, error)
        if attempt is not None:
            finished: Finished = said
            return finished
        node, problem = said
        if problem:
            raise ExecutorError(f"a worker on '{node}' cannot be used: {problem}")
        member.node, member.fit, self._stillborn = node, True, 0
        return None

    def _lost(self, member: _Member, attempt: Attempt | None, error: Exception) -> Lost | None:
        """Replace a worker that died."""
        if getattr(error, "actor_init_failed", False):
            raise ExecutorError(_unstarted(error)) from error
        self._members.remove(member)
        self._ray.kill(member.actor)  # it may be out of reach only
        self._stillborn += not member.node
        if self._stillborn < STILLBORN:
            actor = self._class.remote()
            self._members.append(_Member(actor, actor.check.remote(self._work)))
        elif not self._members:
            raise ExecutorError(f"no worker lives long enough to begin; of the last one Ray says: {_last_line(error)}")
        if attempt is None:
            return None
        return Lost(attempt, f"on '{member.node}': {_last_line(error)}")

    def _progress(self) -> Iterator[Progress]:
        """Give what workers said how far they are, and ask them again."""
        asked = {member.asked: member for member in self._members if member.asked is not None}
        ready, _ = self._ray.wait([*asked], num_returns=len(asked), timeout=0) if asked else ([], [])
        for answer in ready:
            member = asked[answer]
            member.asked = None
            try:
                told = self._ray.get(answer)
            except self._ray.exceptions.RayError:
                continue  # the answer to the task says so, too
            if told and told != member.told and member.attempt and told.key == member.attempt.task.key:
                member.told = told
                yield told
        for member in self._members:
            if member.attempt and member.asked is None:
                member.asked = member.actor.progress.remote()


def _unstarted(error: Exception) -> str:
    return (
        f"a worker could not be started: {_last_line(error)}; install the versions of nst and its plugins that this "
        "machine has on all machines of the cluster"
    )


def _last_line(error: Exception) -> str:
    """Return the end of what Ray says, which is about the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
