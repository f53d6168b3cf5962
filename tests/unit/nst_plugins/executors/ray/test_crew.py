"""Workers that come, work and die, on a stand-in for Ray whose actors are objects of this process."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nst_core import ExecutorError, Finished, Progress, Task
from nst_plugins.executors.attempts import Attempt
from nst_plugins.executors.ray import crew as module
from nst_plugins.executors.ray.crew import Crew, Lost


class _RayError(Exception):
    pass


class _RayTaskError(_RayError):
    pass


class _Answer:
    def __init__(self, actor: _Actor, name: str, call) -> None:
        self.actor, self.name, self.call = actor, name, call


class _Actor:
    """An actor whose calls are made when their answers are asked for, but for those that tell it something."""

    def __init__(self, inner, placed: bool) -> None:
        self.inner, self.placed, self.dead = inner, placed, False

    def __getattr__(self, name):
        def remote(*arguments):
            def call():
                if self.dead:
                    raise _RayError("log of Ray\n\tthe process died")
                return getattr(self.inner, name)(*arguments)

            if name == "stop":
                call()
            return _Answer(self, name, call)

        return SimpleNamespace(remote=remote)


class _Ray:
    """As much of Ray as a crew uses; there is room for so many actors, and answers of ``slow`` methods do not come."""

    exceptions = SimpleNamespace(RayError=_RayError, RayTaskError=_RayTaskError)

    def __init__(self, room: int = 2) -> None:
        self.room = room
        self.slow = ""
        self.actors: list[_Actor] = []

    def remote(self, cls):
        def make():
            placed = sum(actor.placed and not actor.dead for actor in self.actors) < self.room
            self.actors.append(_Actor(cls(), placed))
            return self.actors[-1]

        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=make))

    def put(self, value):
        return value

    def get(self, answer):
        return answer.call()

    def wait(self, answers, num_returns, timeout):
        assert answers
        there = [answer for answer in answers if answer.actor.placed or answer.actor.dead]
        return [answer for answer in there if answer.name != self.slow][:num_returns], []

    def kill(self, actor) -> None:
        actor.dead = True


class _Work:
    def __init__(self, problem: str = "", error: Exception | None = None) -> None:
        self.problem, self.error = problem, error

    def __call__(self, task, watch=None, read=None):
        if self.error:
            raise self.error
        stopped = watch(1, 2) is False
        return Finished(task.key, {"read": bool(read)}, stopped=stopped)

    def check(self):
        return self.problem


def task(number: int = 0) -> Attempt:
    return Attempt(Task(f"{number:064}", None))


def test_workers_say_that_they_are_fit_and_then_work():
    crew = Crew(_Ray(), _Work(), 2, {})
    assert (crew.idle, crew.alive, crew.busy) == (0, False, False)
    assert list(crew.news()) == []
    assert (crew.idle, crew.alive, crew.busy) == (2, True, False)
    crew.begin(task(1), None)
    crew.begin(task(2), {})
    assert (crew.idle, crew.busy) == (0, True)
    found = {message.key: message.record for message in crew.news() if isinstance(message, Finished)}
    assert found == {task(1).task.key: {"read": False}, task(2).task.key: {"read": True}}
    assert (crew.idle, crew.busy) == (2, False)


def test_a_worker_for_which_there_is_no_room_is_not_in_the_way():
    ray = _Ray(room=1)
    crew = Crew(ray, _Work(), 2, {})
    assert list(crew.news()) == []
    assert crew.idle == 1
    crew.begin(task(), None)
    assert [type(message) for message in crew.news()] == [Finished]


def test_a_worker_that_dies_is_replaced_and_its_task_given_back():
    ray = _Ray()
    crew = Crew(ray, _Work(), 1, {})
    list(crew.news())
    crew.begin(task(), None)
    ray.actors[0].dead = True
    (lost,) = [message for message in crew.news() if isinstance(message, Lost)]
    assert lost.attempt == task()
    assert lost.how.endswith(": the process died")
    assert (crew.idle, crew.alive, len(ray.actors)) == (0, False, 2)
    assert list(crew.news()) == []
    assert crew.idle == 1


def test_one_that_died_between_two_runs_is_replaced():
    ray = _Ray()
    crew = Crew(ray, _Work(), 1, {})
    list(crew.news())
    ray.actors[0].dead = True
    crew.prepare(_Work())
    list(crew.news())
    list(crew.news())
    assert (crew.idle, len(ray.actors)) == (1, 2)


def test_workers_that_die_before_they_begin_are_not_replaced_for_ever():
    ray = _Ray()
    crew = Crew(ray, _Work(), 1, {})
    with pytest.raises(ExecutorError, match=r"no worker lives long enough to begin; .*the process died"):
        for _ in range(10):
            ray.actors[-1].dead = True
            list(crew.news())


def test_an_unfit_worker_ends_the_run():
    crew = Crew(_Ray(), _Work("it is old"), 1, {})
    with pytest.raises(ExecutorError, match=r"a worker on '.*' cannot be used: it is old"):
        list(crew.news())


def test_an_error_in_a_worker_is_the_failure_of_its_task():
    crew = Crew(_Ray(), _Work(error=_RayTaskError("Traceback\nKeyError: 'x'")), 1, {})
    list(crew.news())
    crew.begin(task(), None)
    (failed,) = [message for message in crew.news() if isinstance(message, Finished)]
    assert failed.error == "KeyError: 'x'"
    assert crew.idle == 1


def test_progress_is_told_when_there_is_some(monkeypatch):
    monkeypatch.setattr(module, "EVERY", 0.0)
    ray = _Ray()
    crew = Crew(ray, _Work(), 1, {})
    list(crew.news())
    crew.begin(task(), None)
    ray.slow = "perform"
    assert [*crew.news(), *crew.news()] == []
    update = Progress(task().task.key, 1, 2)
    ray.actors[0].inner.progress = lambda: update
    assert [*crew.news(), *crew.news(), *crew.news()] == [update]


def test_workers_are_asked_to_stop_and_what_they_finished_is_not_lost():
    ray = _Ray()
    crew = Crew(ray, _Work(), 2, {})
    list(crew.news())
    crew.begin(task(1), None)
    crew.begin(task(2), None)
    done = Finished(task(2).task.key)
    ray.actors[1].inner.perform = lambda *_: done  # it had no evaluation left to be stopped at
    assert crew.stop() == [done]
    assert [actor.dead for actor in ray.actors] == [True, True]
    assert crew.stop() == []
