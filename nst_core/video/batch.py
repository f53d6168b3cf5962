"""Many clips, by any executor: each is one task."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nst_core.components import Executor, Finished, Progress, Read, Task, Watch, unwatched
from nst_core.engine.session import Session
from nst_core.errors import CancelledError
from nst_core.experiments.driver import share_of
from nst_core.experiments.work import CellWork, said
from nst_core.planning.resources import Resources
from nst_core.plugins.attribution import naming_plugins
from nst_core.runtime.threads import processor_threads
from nst_core.video.order import ClipOrder, pinned_clip_job
from nst_core.video.production import paint_clip

__all__ = ["ClipWork", "paint_clips"]


@dataclass(frozen=True)
class ClipWork(CellWork):
    """Paints clips. See :class:`nst_core.Work`.

    Attributes:
        orders: by the keys of the tasks.
        resources: what one clip may use.
    """

    orders: Mapping[str, ClipOrder] = field(default_factory=dict)
    resources: Resources = field(default_factory=Resources)

    def __call__(self, task: Task, watch: Watch = unwatched, read: Read | None = None) -> Finished:
        """Paint a clip; see :class:`nst_core.Work`."""
        if read is not None:
            return Finished(
                task.key, error="clips are painted by workers that see the files of this machine; use another executor"
            )
        try:
            with processor_threads(self.threads):
                self.enter()
                result = paint_clip(
                    self.orders[task.key],
                    self.own_session(),
                    resources=self.resources,
                    watch=lambda record, frames: watch(record.number, frames),
                )
        except (KeyboardInterrupt, CancelledError):
            return Finished(task.key, stopped=True)
        except Exception as error:  # a plugin's bug, too, is no reason to stop the others
            return Finished(task.key, error=said(error))
        return Finished(task.key, {"frames": len(result.records), "seconds": result.seconds, "remarks": result.remarks})


def paint_clips(
    orders: Sequence[ClipOrder],
    session: Session,
    executor: Executor,
    *,
    resources: Resources | None = None,
    progress: Callable[[int, Progress], object] = lambda number, update: None,  # noqa: ARG005
) -> Iterator[tuple[int, Finished]]:
    """Paint clips, none stopped by another; give what became of each as soon as it is known.

    Args:
        orders: what to make; two may not have the same output.
        session: that they are planned in, and painted in where that is done in this process.
        executor: where they are painted, and how many at a time. It is not closed.
        resources: of this machine, of all workers together.
        progress: told how many frames of which clip are done.

    Returns:
        Numbers of the orders, from 0, and what became of them.

    Raises:
        ExecutorError: there is nobody to do the work.
        NstError: a style image, a mask or the weights are missing or unusable.
    """
    resources = resources or Resources()
    jobs = {job: pinned_clip_job(job, session) for job in dict.fromkeys(order.job for order in orders)}
    pinned = [replace(order, job=jobs[order.job]) for order in orders]  # workers look at the clips themselves
    keys = [hashlib.sha256(order.to_json().encode()).hexdigest() for order in pinned]
    numbers = {key: number for number, key in enumerate(keys)}
    share = share_of(executor, resources.threads)
    if share.memory_limit is None:
        share = resources
    work = ClipWork(
        Path.cwd(),
        threads=share.threads,
        session=session,
        orders=dict(zip(keys, pinned, strict=True)),
        resources=Resources(resources.tile, share.memory_limit, share.threads, resources.scratch),
    )
    tasks = [Task(key, order.job) for key, order in zip(keys, pinned, strict=True)]
    with naming_plugins(session.registry):
        for finished in executor.run(tasks, work, lambda update: progress(numbers[update.key], update)):
            yield numbers[finished.key], finished
