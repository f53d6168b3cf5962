"""SIGTERM and SIGHUP do what Ctrl-C does, and none of them costs a result that there is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from nst_core import Problem, load_image

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="Windows sends no such signals"),
    pytest.mark.skipif(
        threading.current_thread() is not threading.main_thread(), reason="only the main thread gets signals"
    ),
]

SMALL = ("--extractor", "tiny", "--steps", "6", "--size", "32", "--precision", "fp32")
PAIR = ("photo.jpg", "painting.png")
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def at_evaluation(monkeypatch):
    """Let a signal come in an evaluation, counted from now."""

    def arrange(number: int, came: int) -> None:
        evaluate, calls = Problem.evaluate, []

        def evaluated(*given, **more):
            calls.append(1)
            if len(calls) == number:
                signal.raise_signal(came)
            return evaluate(*given, **more)

        monkeypatch.setattr(Problem, "evaluate", evaluated)

    return arrange


@pytest.fixture
def while_writing(monkeypatch):
    """Let signals come in the middle of writing a file, by the name of the module that writes."""

    def arrange(module: str, *came: int) -> None:
        from nst_core.files import atomic_write

        @contextmanager
        def written(*given, **more):
            with atomic_write(*given, **more) as temporary:
                for number in came:
                    signal.raise_signal(number)
                yield temporary

        monkeypatch.setattr(f"{module}.atomic_write", written)

    return arrange


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_a_signal_ends_a_run_with_its_best_picture_and_a_checkpoint(nst, at_evaluation, number):
    at_evaluation(4, number)
    done = nst("run", *PAIR, *SMALL, "-o", "o.png", "--checkpoint", "run.ckpt")
    assert (done.code, done.out) == (128 + number, "o.png\n")
    assert "cancelled after 3 evaluations; this is the best image so far" in done.err
    assert "to continue: nst resume run.ckpt" in done.err
    assert load_image("o.png").pixels.shape == (1, 3, 24, 32)


def test_a_run_that_was_ended_twice_goes_on_to_the_same_pixels(nst, at_evaluation):
    assert nst("run", *PAIR, *SMALL, "-q", "-o", "whole.png").code == 0
    at_evaluation(3, signal.SIGTERM)
    assert nst("run", *PAIR, *SMALL, "-q", "-o", "o.png", "--checkpoint", "run.ckpt").code == 143
    at_evaluation(3, signal.SIGHUP)
    assert nst("resume", "run.ckpt", "-q").code == 129
    assert nst("resume", "run.ckpt", "-q").code == 0
    assert torch.equal(load_image("o.png").pixels, load_image("whole.png").pixels)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_a_signal_before_there_is_a_picture_says_so(nst, at_evaluation, number):
    at_evaluation(1, number)
    done = nst("run", *PAIR, *SMALL, "-q")
    assert (done.code, done.out, done.err) == (128 + number, "", "interrupted; nothing was written\n")


@pytest.mark.parametrize("first", [4, 99], ids=["of a run that was ended", "of a finished run"])
def test_signals_do_not_interrupt_the_saving_of_a_result(nst, at_evaluation, while_writing, first):
    at_evaluation(first, signal.SIGINT)
    while_writing("nst_core.images.write", signal.SIGINT, signal.SIGINT)
    done = nst("run", *PAIR, *SMALL, "-o", "o.png")
    assert (done.code, done.out) == (130, "o.png\n")
    assert done.err.count("the result is being saved; nst ends after that") == 2
    assert load_image("o.png").pixels.shape == (1, 3, 24, 32)


def test_a_second_signal_while_a_checkpoint_is_saved_costs_no_picture(nst, at_evaluation, while_writing):
    at_evaluation(4, signal.SIGINT)
    while_writing("nst_core.engine.checkpoint", signal.SIGINT)
    done = nst("run", *PAIR, *SMALL, "-o", "o.png", "--checkpoint", "run.ckpt")
    assert (done.code, done.out) == (130, "o.png\n")
    assert load_image("o.png").pixels.shape == (1, 3, 24, 32)
    assert not list(Path().glob(".nst*"))


def test_a_signal_ends_a_sweep_with_its_report(nst, at_evaluation, while_writing):
    at_evaluation(9, signal.SIGTERM)  # in the second cell
    while_writing("nst_cli.report.writing", signal.SIGTERM)
    done = nst("sweep", "--vary", "seed=0,1,2", *PAIR, *SMALL, "--preset", "noise", "--json")
    assert done.code == 143
    assert "the same command continues" in done.err
    told = json.loads(done.out)
    assert [cell["status"] for cell in told["cells"]] == ["done", "missing", "missing"]
    assert Path(told["report"]).exists()


def test_a_signal_that_came_while_a_round_was_written_ends_the_watch(nst, while_writing, monkeypatch):
    """Between two rounds signals interrupt again, and one that came before is not forgotten."""
    while_writing("nst_cli.report.writing", signal.SIGTERM)
    monkeypatch.setattr("nst_cli.execution.watching.EVERY", 0.0)
    done = nst("batch", "photo.jpg", "--styles", "painting.png", *SMALL, "--watch")
    assert done.code == 143
    assert "the result is being saved" in done.err
    assert Path("nst-batch/photo-painting.png").exists()


def test_a_signal_that_is_ignored_stays_ignored(nst, at_evaluation):
    """As under nohup."""
    at_evaluation(3, signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert nst("run", *PAIR, *SMALL, "-q").code == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_afterwards_signals_do_what_they_did(nst):
    before = [signal.getsignal(number) for number in SIGNALS]
    assert nst("run", *PAIR, *SMALL, "-q").code == 0
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_thread_that_may_not_set_signals_runs_as_well(nst):
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(nst, "run", *PAIR, *SMALL, "-q").result().code == 0


HANGING = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from nst_cli.main import main
main()
"""


def _environment(folder: Path) -> dict[str, str]:
    tests = str(Path(__file__).resolve().parents[2])
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder / "site"), tests])}


@pytest.mark.skipif(sys.platform != "linux", reason="terminals are opened in another way elsewhere")
def test_a_terminal_that_is_closed_ends_a_run_with_its_picture(nst, tmp_path):
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", HANGING, "run", *PAIR, *SMALL, "--steps", "1000000", "-o", "o.png"]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=_environment(tmp_path)
    )
    os.close(theirs)
    said = b""
    while b"32 px" not in said:  # the bar shows the first step
        said += os.read(ours, 1000)
    time.sleep(0.1)
    os.close(ours)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert load_image("o.png").pixels.shape == (1, 3, 24, 32)


def test_a_run_goes_on_where_nobody_hears_it(nst, tmp_path):
    """The reader of a pipe has ended."""
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "nst_cli", "run", *PAIR, *SMALL, "-o", "o.png"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=_environment(tmp_path))
    os.close(theirs)
    assert (done.returncode, done.stdout) == (0, b"o.png\n")
    assert load_image("o.png").pixels.shape == (1, 3, 24, 32)
