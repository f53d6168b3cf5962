"""A Ray cluster of two nodes on this machine: the same pictures as in one process, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from nst_core import ExecutorError, Job, Session, Source, Task, load_image, make_job, save_image
from nst_core.experiments.batch import Batch, BatchObserver, JobOutcome, prepare
from nst_core.experiments.driver import run_batch
from nst_core.experiments.work import CellWork
from nst_core.testing import conformance, run_checks
from nst_plugins.executors.local import Local
from nst_plugins.executors.ray import RayCluster

ray = pytest.importorskip("ray")
cluster_utils = pytest.importorskip("ray.cluster_utils")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found as Linux shows them")

PATIENCE = 120.0
"""Seconds until a test gives up waiting for something that must happen."""
STORE = 80_000_000
"""Bytes of an object store, at least what Ray allows."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Iterator[Path]:
    """What the processes of the cluster see: a home of their own, one thread, and no address. Returns the home."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("NST_HOME", "XDG_CACHE_HOME"):
            patch.setenv(name, str(home))
        for name, value in (("OMP_NUM_THREADS", "1"), ("RAY_AUTH_MODE", "disabled"), ("RAY_USAGE_STATS_ENABLED", "0")):
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield home


@pytest.fixture(scope="module")
def cluster(environment) -> Iterator:
    """Two nodes of one processor each."""
    made = cluster_utils.Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False},
    )
    try:
        made.add_node(num_cpus=1, object_store_memory=STORE)
        made.wait_for_nodes()
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def executor(cluster) -> Iterator[Callable[..., RayCluster]]:
    """Makes executors for the cluster, and closes them at the end."""
    made: list[RayCluster] = []

    def make(**parameters) -> RayCluster:
        made.append(RayCluster(address=cluster.address, **parameters))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """A folder with COUNT photographs and a painting."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "photos").mkdir()
    for number in range(COUNT):
        pixels = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(number))
        save_image(pixels, folder / "photos" / f"{number:02}.png")
    save_image(torch.rand(3, 32, 28, generator=torch.Generator().manual_seed(99)), folder / "painting.png")
    return folder


@pytest.fixture
def folder(images, tmp_path, monkeypatch) -> Path:
    """The current folder, with a copy of the images."""
    shutil.copytree(images, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def reference(images, environment, tmp_path_factory) -> Batch:
    """All jobs, computed in this process."""
    return made(jobs(images), tmp_path_factory.mktemp("reference"))


COUNT = 12
"""Jobs where all are done."""
LONG = (4, 8)
"""The jobs that have so many evaluations that something can happen in their middle."""


def jobs(folder: Path, count: int = COUNT) -> list[Job]:
    """Small jobs, one for each of the first photographs."""
    options = {"extractor": "vgg19-lite", "size": 32, "precision": "fp32", "device": "cpu", "levels": "off", "steps": 5}
    job = make_job(folder / "photos" / "00.png", folder / "painting.png", session=Session(), **options)
    return [
        replace(job, content=Source(str(folder / "photos" / f"{n:02}.png")), steps=300 if n in LONG else job.steps)
        for n in range(count)
    ]


def tasks(folder: Path) -> list[Task]:
    """A task that no worker should come to."""
    return [Task("0" * 64, jobs(folder, count=1)[0])]


def made(jobs: list[Job], folder: Path, executor=None, observer: BatchObserver | None = None) -> Batch:
    session = Session()
    return run_batch(prepare(jobs, folder, session), folder, session, executor or Local(), observer, threads=1)


def assert_equal(batch: Batch, reference: Batch) -> None:
    """Every cell is there, names the driver's files, and is the reference's to the last bit."""
    assert [result.error for result in batch.results] == [""] * len(batch.results)
    for mine, other in zip(batch.results, reference.results, strict=False):
        assert mine.curves()["history"] == other.curves()["history"]
        assert torch.equal(load_image(mine.picture).pixels, load_image(other.picture).pixels)
        assert (recipe(mine).content, recipe(mine).styles) == (mine.job.content, mine.job.styles)


def recipe(result: JobOutcome) -> Job:
    """Return the recipe of a cell."""
    assert result.folder
    return Job.from_toml((result.folder / "recipe.toml").read_text())


def workers() -> list[psutil.Process]:
    """Processes of this machine that are workers of clusters that this process, or a child of it, has started."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::RayWorker"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.1)


class _Noted(BatchObserver):
    """Counts what begins and ends, and does something in the middle of some jobs, once each."""

    def __init__(self, during: dict[int, Callable[[], object]] | None = None) -> None:
        self.during = dict(during or {})
        self.began: Counter[int] = Counter()
        self.done: Counter[int] = Counter()

    def started(self, number, result) -> None:
        self.began[number] += 1

    def progress(self, number, progress) -> None:
        if number in self.during and progress.number < progress.steps // 2:
            self.during.pop(number)()

    def ended(self, number, result) -> None:
        self.done[number] += 1


def test_whatever_dies_all_pictures_are_there_once_and_as_in_one_process(executor, cluster, folder, reference):
    killed = []

    def kill() -> None:
        killed.extend(workers())
        for process in killed:
            process.kill()

    noted = _Noted({4: kill, 8: lambda: cluster.remove_node(next(iter(cluster.worker_nodes)))})
    several = jobs(folder)
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    ours = executor()
    try:
        batch = made(several, folder / "out", ours, noted)
        assert ours.workers == 2
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    finally:
        cluster.add_node(num_cpus=1, object_store_memory=STORE)
        cluster.wait_for_nodes()
    assert not noted.during
    assert killed
    assert noted.done == Counter(range(COUNT))
    assert noted.began[4] >= 2
    assert_equal(batch, reference)


def test_it_conforms(cluster):
    outcomes = list(run_checks(conformance(lambda: RayCluster(address=cluster.address))))
    assert [f"{outcome.check}: {outcome.detail}" for outcome in outcomes if outcome.verdict == "failed"] == []
    assert len(outcomes) == 4


def test_files_are_brought_to_workers_that_do_not_see_them_and_back(executor, environment, folder, reference):
    """Paths lead through the current folder of whoever follows them, and a worker is in another one.

    A file that is gone when its turn comes is the failure of its job alone.
    """
    here = Path("/proc/self/cwd")
    several = jobs(here, count=4)
    noted = _Noted()
    session = Session()
    prepared = prepare(several, here / "out", session)
    (folder / "photos" / "03.png").unlink()
    batch = run_batch(prepared, here / "out", session, executor(gather=True), noted, threads=1)
    assert noted.done == Counter(range(4))
    assert "03.png" in batch.results[3].error
    batch = replace(batch, results=batch.results[:3])
    assert_equal(batch, reference)
    assert [recipe(result).content.path for result in batch.results] == [job.content.path for job in several[:3]]
    assert [*environment.glob("nst/workers/*/cells/*")] == []  # what workers had is gone


def test_ctrl_c_keeps_what_is_done_and_the_next_run_continues(executor, folder, reference):
    def interrupt() -> None:
        raise KeyboardInterrupt

    several = jobs(folder, count=8)
    ours = executor()
    first = made(several, folder / "out", ours, _Noted({4: interrupt}))
    done = [result.status for result in first.results].count("done")
    assert first.interrupted
    assert first.results[4].status == "missing"
    assert [*(folder / "out" / "cells" / first.results[4].key[:16]).glob("checkpoint.*")]
    noted = _Noted()
    second = made(several, folder / "out", ours, noted)
    assert not second.interrupted
    assert sum(noted.done.values()) <= 8 - done
    assert_equal(second, reference)


def test_a_worker_with_other_versions_is_an_error_that_says_where_and_which(executor, folder):
    work = CellWork(folder / "out", versions={"nst": "0.0.1", "torch": torch.__version__})
    expected = rf"a worker on '{os.uname().nodename}' cannot be used: it has nst \S+ instead of 0\.0\.1;"
    with pytest.raises(ExecutorError, match=expected):
        next(executor(workers=1).run(tasks(folder), work, print))


class _Elsewhere:
    """Work that cannot be read by a worker, as if its module were missing there."""

    def __reduce__(self):
        return __import__, ("no_such_module_there",)


def test_a_worker_without_the_package_is_an_error(executor, folder):
    with pytest.raises(ExecutorError, match=r"No module named 'no_such_module_there'.*install the versions"):
        next(executor(workers=1).run(tasks(folder), _Elsewhere(), print))


def test_without_room_for_a_worker_it_says_what_there_is(executor, folder):
    ours = executor(cpus=64.0, memory="100MB", patience=0.5)
    assert (ours.workers, ours.limits()) == (1, (64, 100_000_000))
    expected = r"each needs 64 CPUs, 0\.1 GB, and the cluster has 2 machines with up to 1 CPUs"
    with pytest.raises(ExecutorError, match=expected):
        next(ours.run(tasks(folder), CellWork(folder / "out"), print))


def test_a_connection_of_the_calling_program_is_used_and_left_alone(cluster, executor):
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    try:
        with pytest.raises(ExecutorError, match="leave the address out"):
            _ = executor().workers
        ours = RayCluster()
        assert ours.workers == 2
        ours.close()
        assert ray.is_initialized()
    finally:
        ray.shutdown()


STARTED = 8
"""Pictures of the command."""
PROGRAM = "from nst_cli.main import main; main()"


def started(folder: Path, *arguments: str) -> subprocess.Popen:
    """Begin `nst batch` with eight of the photographs, in a group of processes of its own, as a shell does."""
    command = [sys.executable, "-c", PROGRAM, "batch", "photos/0[0-7].png", "--styles", "painting.png"]
    more = ["-o", "out", "--extractor", "vgg19-lite", "--size", "32", "--levels", "off", "--steps", "20"]
    with (folder / "out.txt").open("w") as out, (folder / "err.txt").open("w") as err:
        whole = [*command, *more, "--threads", "1", *arguments]
        return subprocess.Popen(whole, cwd=folder, stdout=out, stderr=err, start_new_session=True)


def finished(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """What is finished, and when it was."""
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("out/cells/*/result.json")}


def test_a_driver_that_was_killed_computes_nothing_again(cluster, folder):
    """And what Ray has to say of a worker that dies then is not in the result."""
    first = started(folder, "--executor", f"ray:{cluster.address}")
    until(lambda: len(finished(folder)) >= 3, "the third picture")
    first.kill()
    first.wait()
    until(lambda: not workers(), "the end of the workers")
    kept = finished(folder)
    assert 3 <= len(kept) < STARTED
    second = started(folder, "--executor", f"ray:{cluster.address}", "--json")
    until(lambda: len(finished(folder)) > len(kept), "another picture")
    for process in workers()[:1]:
        process.kill()
    assert second.wait(PATIENCE) == 0, (folder / "err.txt").read_text()
    assert len(finished(folder)) == STARTED
    assert {path: finished(folder)[path] for path in kept} == kept
    statuses = Counter(cell["status"] for cell in json.loads((folder / "out.txt").read_text())["cells"])
    assert statuses == {"cached": len(kept), "done": STARTED - len(kept)}
    assert "raylet" not in (folder / "err.txt").read_text()


def test_ctrl_c_ends_the_command_and_the_cluster_that_it_started(environment, folder):
    running = started(folder, "--executor", "ray:workers=1")
    until(lambda: len(finished(folder)) >= 2, "the second picture")
    children = psutil.Process(running.pid).children(recursive=True)
    os.killpg(running.pid, signal.SIGINT)
    said = folder / "err.txt"
    assert running.wait(PATIENCE) == 130, said.read_text()
    assert "interrupted; finished cells are kept, and the same command continues" in said.read_text()
    assert "Traceback" not in said.read_text()
    kept = finished(folder)
    assert 2 <= len(kept) < STARTED
    assert len([*folder.glob("out/*.png")]) == len(kept)
    until(lambda: not any(child.is_running() for child in children), "the end of the cluster")
