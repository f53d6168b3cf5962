"""Parameters of the executor, and what it says without a cluster. With one, see tests/integration/test_ray.py."""

from __future__ import annotations

import sys

import pytest

from nst_core import Component, ExecutorError, Finished, JobError, NstError, Task, Work
from nst_plugins.executors.ray import RayCluster


class _Nothing(Work):
    def __call__(self, task, watch=None, read=None):
        return Finished(task.key)

    def check(self):
        return ""


@pytest.mark.parametrize(
    ("cpus", "memory", "expected"),
    [(1.0, "4GB", (1, 4 * 10**9)), (4.0, "1.5GiB", (4, 3 * 2**29)), (0.5, "800MB", (1, 8 * 10**8))],
)
def test_threads_and_memory_of_a_worker_are_what_it_was_given(cpus, memory, expected):
    assert RayCluster(cpus=cpus, memory=memory).limits() == expected


def test_the_number_of_workers_is_what_was_asked_for():
    assert RayCluster(workers=3).workers == 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"workers": -1}, "workers must be at least 1"),
        ({"cpus": 0.0}, "cpus must be positive"),
        ({"cpus": 1.5}, "cpus must be a part of one, or a whole number, not 1.5"),
        ({"gpus": -1.0}, "gpus must be a part of one"),
        ({"retries": -1}, "retries must not be negative"),
        ({"patience": 0.0}, "patience must be positive"),
    ],
)
def test_parameters_are_checked(parameters, message):
    with pytest.raises(ValueError, match=message):
        RayCluster(**parameters)


def test_an_amount_of_memory_that_is_none_is_refused():
    with pytest.raises(JobError, match="write 4GB"):
        RayCluster(memory="much")


def test_a_mistake_on_the_command_line_is_an_error_of_the_user(registry):
    with pytest.raises(NstError, match="cpus must be a part of one"):
        registry.create("executor", Component("ray", {"cpus": 2.5}))


def test_without_tasks_nothing_is_started(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    executor = RayCluster()
    assert list(executor.run([], _Nothing(), print)) == []
    executor.close()


def test_without_ray_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    executor = RayCluster()
    with pytest.raises(ExecutorError, match=r'pip install "ray>='):
        next(executor.run([Task("0" * 64, None)], _Nothing(), print))
    executor.close()
