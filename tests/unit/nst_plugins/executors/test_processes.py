"""Processes of this machine: those that die are replaced, those that are to stop do, those without a driver end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from executor_work import Dying, Endless, tasks

from nst_core import Progress
from nst_plugins.executors.processes import Processes

TESTS = Path(__file__).resolve().parents[3]


@pytest.fixture
def two():
    executor = Processes(workers=2)
    yield executor
    executor.close()


def wait_for(condition, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_task_of_a_process_that_died_is_tried_again(two, tmp_path):
    told: list[Progress] = []
    found = list(two.run(tasks(4), Dying(tmp_path, seed=1), told.append))
    assert sorted(result.key for result in found) == [task.key for task in tasks(4)]
    assert [result.error for result in found] == [""] * 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0-0", "1-0", "1-1", "2-0", "3-0"]
    assert len({path.read_text() for path in tmp_path.iterdir()}) == 3  # two at a time, and one instead of the dead
    begun = [update.key for update in told if not update.number]
    assert sorted(begun) == sorted([task.key for task in tasks(4)] + [f"{1:064x}"])


def test_a_task_that_kills_every_process_fails_alone(tmp_path):
    executor = Processes(workers=1, retries=1)
    found = {result.key: result for result in executor.run(tasks(2), Dying(tmp_path, seed=0, times=9), lambda _: None)}
    executor.close()
    first, second = (found[task.key] for task in tasks(2))
    assert "died 2 times, the last time by signal 9; if memory was short, use fewer --workers" in first.error
    assert second.error == ""
    assert len(list(tmp_path.glob("0-*"))) == 2


@pytest.mark.parametrize("how", ["closed", "interrupted"])
def test_who_stops_listening_stops_the_work(two, how, tmp_path):
    def progress(update: Progress) -> None:
        if update.number and len(list(tmp_path.glob("begun-*"))) == 2:
            raise KeyboardInterrupt if how == "interrupted" else GeneratorExit

    with pytest.raises(KeyboardInterrupt if how == "interrupted" else GeneratorExit):
        next(two.run(tasks(5), Endless(tmp_path), progress))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun-0", "begun-1", "stopped-0", "stopped-1"]
    assert all(gone(int(path.read_text())) for path in tmp_path.glob("begun-*"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_signals_of_the_terminal_are_the_drivers_alone(tmp_path):
    executor = Processes(workers=1)
    seen: list[int] = []

    def progress(update: Progress) -> None:
        if not update.number:
            return
        pid = int((tmp_path / "begun-0").read_text())
        if not seen:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                os.kill(pid, number)
        seen.append(update.number)
        if len(seen) == 3:  # it went on
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(executor.run(tasks(1), Endless(tmp_path), progress))
    executor.close()
    assert (tmp_path / "stopped-0").exists()


def test_processes_whose_driver_was_killed_end(tmp_path):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from executor_work import Endless, tasks\n"
        "from nst_plugins.executors.processes import Processes\n"
        "if __name__ == '__main__':\n"
        "    next(Processes(workers=1).run(tasks(1), Endless(Path(sys.argv[1])), lambda _: None))\n"
    )
    script = tmp_path / "driver.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen([sys.executable, script, tmp_path], env=environment) as driver:
        wait_for(lambda: (tmp_path / "begun-0").exists() and (tmp_path / "begun-0").read_text())
        driver.kill()
    wait_for(lambda: (tmp_path / "stopped-0").exists())
    wait_for(lambda: gone(int((tmp_path / "begun-0").read_text())))


@pytest.mark.parametrize(
    ("options", "problem"), [({"workers": 0}, "at least 1, not 0"), ({"retries": -1}, "not be neg")]
)
def test_numbers_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        Processes(**options)
