"""Who is served, and in which order."""

from __future__ import annotations

import threading

from nst_cli.studio.desk import Desk


def test_work_is_done_in_order_and_everybody_knows_the_place(desk):
    gate, done = threading.Event(), []
    first = desk.submit(lambda: (gate.wait(10), done.append(1)))
    while desk.waiting:
        pass
    rest = [desk.submit(lambda n=number: done.append(n)) for number in (2, 3, 4)]
    assert [desk.place(future) for future in (first, *rest)] == [0, 1, 2, 3]
    assert rest[1].cancel()
    assert [desk.place(future) for future in (first, *rest)] == [0, 1, 0, 2]
    assert desk.busy
    assert not desk.wait_until_free(0.01)
    gate.set()
    assert desk.wait_until_free(10)
    assert done == [1, 2, 4]
    assert [desk.place(future) for future in (first, *rest)] == [0] * 4


def test_workers_work_at_once():
    desk, meet = Desk(2), threading.Barrier(2)
    both = [desk.submit(lambda: meet.wait(10)) for _ in range(2)]
    assert all(future.result(10) is None or True for future in both)
    desk.close()


def test_work_that_fails_makes_room(desk):
    desk.submit(lambda: 1 / 0)
    assert desk.submit(lambda: None).result(10) is None
    assert desk.wait_until_free(10)


def test_closing_drops_what_waits():
    desk, gate, done = Desk(), threading.Event(), []
    desk.submit(lambda: gate.wait(10))
    waiting = desk.submit(lambda: done.append(1))
    threading.Timer(0.1, gate.set).start()
    desk.close()
    assert waiting.cancelled()
    assert done == []
