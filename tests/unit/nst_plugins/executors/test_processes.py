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
from executor_work import Dying, Endless, Raising, tasks

from nst_core import Progress
from nst_plugins.executors.processes import Processes

pytestmark = pytest.mark.once

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


def ended(process: subprocess.Popen) -> tuple[str, str]:
    """Return what a process has written, and leave none behind that does not end."""
    try:
        return process.communicate(timeout=120)
    finally:
        process.kill()


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
    assert (tmp_path / "1-0").read_text() != (tmp_path / "1-1").read_text()
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


@pytest.fixture
def driver(tmp_path):
    """Starts a program of its own that drives one process."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}

    def started(work: str, guard: str = "if __name__ == '__main__':") -> subprocess.Popen:
        (tmp_path / "driver.py").write_text(
            "import sys\n"
            "from pathlib import Path\n"
            "from executor_work import Dying, Endless, tasks\n"
            "from nst_plugins.executors.processes import Processes\n"
            f"{guard}\n"
            "    executor = Processes(workers=1)\n"
            f"    print(next(executor.run(tasks(3), {work}, lambda _: None)).error)\n"
        )
        command = [sys.executable, tmp_path / "driver.py", tmp_path]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=os.name != "nt"
        )

    return started


def test_processes_whose_driver_was_killed_end(driver, tmp_path):
    with driver("Endless(Path(sys.argv[1]))") as running:
        wait_for(lambda: (tmp_path / "begun-0").exists() and (tmp_path / "begun-0").read_text())
        running.kill()
    wait_for(lambda: (tmp_path / "stopped-0").exists())
    wait_for(lambda: gone(int((tmp_path / "begun-0").read_text())))


def test_a_program_that_does_not_close_its_executor_ends(driver):
    with driver("Dying(Path(sys.argv[1]), seed=9)") as running:
        assert ended(running) == ("\n", "")
    assert running.returncode == 0


def test_a_program_without_a_guard_is_told_so_once(driver, tmp_path):
    with driver("Dying(Path(sys.argv[1]), seed=9)", guard="if True:") as running:
        said = ended(running)[1]
    assert "ended with exit code 1 before it could begin" in said
    assert "put the call under 'if __name__ == \"__main__\":'" in said
    assert list(tmp_path.glob("0-*")) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_ctrl_c_while_processes_start_is_the_drivers_alone(driver):
    with driver("Endless(Path(sys.argv[1]))") as running:
        process = psutil.Process(running.pid)
        wait_for(lambda: any("spawn_main" in " ".join(child.cmdline()) for child in process.children()))
        os.killpg(running.pid, signal.SIGINT)
        try:
            said = running.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:  # Python forgets one that comes in a callback whose errors it ignores
            os.killpg(running.pid, signal.SIGINT)
            said = ended(running)[1]
    assert "spawn_main" not in said  # no worker complains
    assert said.rstrip().endswith("KeyboardInterrupt")


def test_work_that_raises_is_not_tried_again(two):
    found = list(two.run(tasks(3), Raising(), lambda _: None))
    assert [result.error for result in found] == ["AttributeError: no such thing"] * 3


@pytest.mark.parametrize(
    ("options", "problem"), [({"workers": 0}, "at least 1, not 0"), ({"retries": -1}, "not be neg")]
)
def test_numbers_that_make_no_sense_are_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        Processes(**options)
