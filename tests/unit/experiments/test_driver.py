"""The driver: the plan is its own, whoever carries it out, and results are what executors give."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import plugin, tiny_registry

from nst_core import (
    Executor,
    ExecutorError,
    Finished,
    Job,
    PluginError,
    Resources,
    Session,
    load_image,
    make_job,
    save_image,
)
from nst_core.experiments.batch import BatchObserver, prepare
from nst_core.experiments.driver import machines, run_batch, share_of
from nst_plugins.executors.local import Local
from nst_plugins.executors.processes import Processes


def carried_out(jobs, folder, registry, executor=None):
    session = Session(registry)
    return run_batch(prepare(jobs, folder, session), folder, session, executor or Local())


def statuses(batch):
    return [result.status for result in batch.results]


class _Given(Executor):
    """Computes here, and notes what it is given."""

    def __init__(self, workers: int = 1, limits: tuple[int | None, int | None] = (None, None)) -> None:
        self.workers, self._limits, self.tasks, self.work = workers, limits, [], None

    def run(self, tasks, work, progress):
        self.work = work
        for task in tasks:
            self.tasks.append(task)
            yield work(task)

    def limits(self):
        return self._limits


def test_the_plan_is_the_drivers(job, registry, tmp_path):
    """What decides the pixels is in the task: precision, weights, images by content, optimizer and tiles."""
    session, executor = Session(registry), _Given()
    run_batch(prepare([job], tmp_path, session), tmp_path, session, executor)
    (task,) = executor.tasks
    assert task.key == session.key(session.pin(job))
    assert task.job == session.pin(job)
    assert (task.optimizer, task.max_pixels, task.remark) == (task.job.optimizer, None, "")
    assert task.files == tuple((source.path, source.sha256) for source in (task.job.content, *task.job.styles))
    assert executor.work.extractors == ((task.job.extractor, task.job.weights_sha256),)
    assert executor.work.folder == tmp_path.absolute()


def test_a_job_for_which_there_is_no_memory_fails_before_it_is_sent(job, registry, tmp_path):
    session, executor, ended = Session(registry), _Given(limits=(1, 20_000_000)), []
    large = replace(job, size=700, enlarge=True)
    prepared = prepare([large, job], tmp_path, session)

    class Ended(BatchObserver):
        def ended(self, number, result) -> None:
            ended.append((number, result.status))

    batch = run_batch(prepared, tmp_path, session, executor, Ended())
    assert batch.results[0].status == "failed"
    assert "may be used" in batch.results[0].error
    assert ended[0] == (0, "failed")
    assert [task.key for task in executor.tasks if task.key == batch.results[0].key] == []


def test_several_workers_are_a_reason_for_little_memory(job, registry, tmp_path):
    session = Session(registry)
    executor = _Given(workers=3, limits=(1, 20_000_000))
    prepared = prepare([replace(job, size=700, enlarge=True)], tmp_path, session)
    batch = run_batch(prepared, tmp_path, session, executor)
    assert batch.results[0].error.endswith("Fewer --workers have more memory each.")


def test_workers_of_this_machine_share_it():
    assert share_of(_Given(), 3) == Resources(threads=3)
    assert share_of(_Given()) == Resources()
    two, four = share_of(_Given(workers=2), 8), share_of(_Given(workers=4), 2)
    assert (two.threads, four.threads) == (4, 1)
    assert two.memory_limit == pytest.approx(2 * four.memory_limit, rel=0.05)
    assert share_of(_Given(workers=4, limits=(3, 2**30)), 2) == Resources(threads=3, memory_limit=2**30)


def test_results_that_come_back_as_files_are_put_into_the_folder(job, registry, tmp_path):
    """Of an executor whose workers do not see the folder."""

    class Elsewhere(_Given):
        def run(self, tasks, work, progress):
            for task in tasks:
                contents = {sha256: Path(path).read_bytes() for path, sha256 in task.files}
                yield work(task, read=contents.__getitem__)

    session = Session(registry)
    (cell,) = run_batch(prepare([job], tmp_path / "out", session), tmp_path / "out", session, Elsewhere()).results
    (here,) = carried_out([job], tmp_path / "here", registry).results
    assert (cell.status, cell.curves()["history"]) == ("done", here.curves()["history"])
    assert statuses(carried_out([job], tmp_path / "out", registry)) == ["cached"]


def test_what_was_finished_while_the_workers_stopped_is_there(job, registry, tmp_path):
    class Late(_Given):
        def run(self, tasks, work, progress):
            task = next(iter(tasks))
            work(task)  # and Ctrl-C before it could say so
            raise KeyboardInterrupt

    batch = carried_out([job, replace(job, steps=2)], tmp_path, registry, Late())
    assert (batch.interrupted, statuses(batch)) == (True, ["done", "missing"])
    assert batch.results[0].record["evaluations"] == 3


def test_machines_are_those_that_have_cores_of_their_own():
    assert [machines(_Given(workers=4)), machines(_Given(workers=4, limits=(2, None)))] == [1, 4]


@pytest.fixture
def embedded(tmp_path) -> list[Job]:
    """Jobs with a network that other processes have, too."""
    for seed, name in enumerate(("photo", "painting")):
        save_image(torch.rand(3, 40, 48, generator=torch.Generator().manual_seed(seed)), tmp_path / f"{name}.png")
    options = {"preset": "noise", "extractor": "vgg19-lite", "size": 48, "steps": 30, "device": "cpu"}
    images = tmp_path / "photo.png", tmp_path / "painting.png"
    return [make_job(*images, seed=seed, **options) for seed in range(3)]


def test_a_picture_is_the_same_wherever_it_is_made(embedded, tmp_path):
    """To the last bit, with the same number of threads; also that of a process that died in the middle."""
    session, killed, begun = Session(), [], []

    class Kills(BatchObserver):
        def started(self, number, result) -> None:
            begun.append(number)

        def progress(self, number, progress) -> None:
            if not killed:
                killed.append(number)
                multiprocessing.active_children()[0].kill()

    found = {}
    for name, executor in (("local", Local()), ("processes", Processes(workers=2))):
        folder = tmp_path / name
        prepared = prepare(embedded, folder, session)
        observer = Kills() if executor.workers > 1 else None
        batch = run_batch(prepared, folder, session, executor, observer, threads=executor.workers)
        assert statuses(batch) == ["done"] * 3, batch.results
        found[name] = batch.results
        executor.close()
    assert (len(killed), len(begun)) == (1, 4)
    for here, there in zip(found["local"], found["processes"], strict=True):
        assert here.curves()["history"] == there.curves()["history"]
        assert (here.record["threads"], there.record["threads"]) == (1, 1)
        assert torch.equal(load_image(here.picture).pixels, load_image(there.picture).pixels)


def test_one_that_gives_no_result_of_a_job_has_failed_at_it(job, registry, tmp_path):
    class Forgetful(_Given):
        def run(self, tasks, work, progress):
            for number, task in enumerate(tasks):
                if number != 1:
                    yield work(task)

    jobs = [replace(job, steps=steps) for steps in (1, 2, 3, 2)]
    batch = carried_out(jobs, tmp_path, registry, Forgetful())
    assert statuses(batch) == ["done", "failed", "done", "failed"]
    assert batch.results[1].error == "the executor gave no result of it"
    assert not batch.interrupted
    assert statuses(carried_out(jobs, tmp_path, registry)) == ["cached", "done", "cached", "done"]


def test_one_that_gives_results_of_what_it_was_not_given_is_named(job, registry, tmp_path):
    class Inventive(_Given):
        def run(self, tasks, work, progress):
            yield Finished("0" * 64)

    with pytest.raises(ExecutorError, match="the executor Inventive gave a result of a task that it was not given"):
        carried_out([job], tmp_path, registry, Inventive())


class Broken(Executor):
    """Fails."""

    def run(self, tasks, work, progress):
        raise RuntimeError("no queue")


def test_a_plugin_whose_executor_fails_is_named(job, tmp_path):
    registry = tiny_registry(("queue", plugin(executors={"queue": Broken})))
    with pytest.raises(PluginError, match=r"executor 'queue' .*queue-package.*failed: RuntimeError: no queue"):
        carried_out([job], tmp_path, registry, Broken())


def test_ctrl_c_in_a_worker_ends_the_batch(job, registry, tmp_path):
    class Interrupted(_Given):
        closed = False

        def run(self, tasks, work, progress):
            try:
                for task in tasks:
                    yield work(task) if not task.job.seed else Finished(task.key, stopped=True)
            finally:
                self.closed = True

    executor = Interrupted()
    batch = carried_out([job, replace(job, seed=1), replace(job, seed=2)], tmp_path, registry, executor)
    assert (batch.interrupted, statuses(batch), executor.closed) == (True, ["done", "missing", "missing"], True)
