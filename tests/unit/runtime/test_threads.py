"""Threads of the processor: as many as asked for, inside the block alone."""

from __future__ import annotations

import os
import threading

import pytest
import torch

from nst_core.runtime.threads import processor_threads, threads_to_use


def test_the_number_is_put_back():
    before = torch.get_num_threads()
    with processor_threads(before + 2):
        assert torch.get_num_threads() == before + 2
        with processor_threads(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before


def test_the_number_is_put_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="inside"), processor_threads(before + 1):
        raise ValueError("inside")
    assert torch.get_num_threads() == before


def test_none_leaves_things_as_they_are():
    with processor_threads(1):
        with processor_threads(None):
            assert torch.get_num_threads() == 1
            torch.set_num_threads(2)
        assert torch.get_num_threads() == 2


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_there_are_no_more_threads_than_can_run():
    before, allowed = torch.get_num_threads(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        with processor_threads(3):
            assert threads_to_use() == 1
            assert threads_to_use(2) == 2  # but whoever wants them gets them
            with processor_threads(None):
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 3
    finally:
        os.sched_setaffinity(0, allowed)
    assert torch.get_num_threads() == before


def test_another_thread_keeps_its_own():
    before, seen = torch.get_num_threads(), []
    ready, changed = threading.Event(), threading.Event()

    def other() -> None:
        torch.get_num_threads()  # a thread has its number from here on
        ready.set()
        assert changed.wait(10)
        seen.append(torch.get_num_threads())

    thread = threading.Thread(target=other)
    thread.start()
    assert ready.wait(10)
    with processor_threads(before + 2):
        changed.set()
        thread.join()
    assert seen == [before]
