"""`nst bench`: the textbook computes what the framework computes, and the tables hold what they say."""

from __future__ import annotations

import copy
import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from nst_benchmarks.convergence import race
from nst_benchmarks.pacing import Paced
from nst_benchmarks.pair import Pair
from nst_benchmarks.speed import Row, runner
from nst_benchmarks.textbook import Textbook
from nst_benchmarks.timing import alternating
from nst_benchmarks.worker import Worker
from nst_core import BrokenContractError, ImageError, NstError, load_image


@pytest.fixture
def pair(random_vgg19) -> Pair:
    return Pair.generated(64, str(random_vgg19))


def test_the_textbook_has_the_objective_of_the_framework(pair):
    book, problem = Textbook(pair), pair.problem("fp32")
    image = (pair.content + 0.1 * torch.rand(pair.content.shape)).clamp(0, 1)
    found, _ = problem.evaluate(image)
    leaf = image.clone().requires_grad_()
    loss = book.loss(leaf)
    assert float(loss.detach()) == pytest.approx(float(found.total), rel=1e-4)
    (expected,) = torch.autograd.grad(loss, leaf)
    assert torch.cosine_similarity(found.gradient.flatten(), expected.flatten(), dim=0) > 0.999


def test_every_variant_can_be_measured(pair):
    runs = {variant: runner(pair, variant) for variant in ("textbook", "fp32", "bf16", "auto")}
    assert runs["textbook"][1] == runs["fp32"][1] == "fp32"
    assert runs["bf16"][1] == "bf16"
    seconds = alternating({name: run for name, (run, _) in runs.items()}, 1)
    assert all(value > 0 for value in seconds.values())


def test_a_race_ends_at_the_loss_of_the_textbook(pair):
    said: list[str] = []
    result = race(pair, 20, said.append)
    assert result.textbook_loss > 0
    assert said[0].startswith("textbook: evaluation 10, ")
    assert said[1].startswith("nst: evaluation 10, ")
    assert 1 <= result.evaluations_needed <= 40
    assert result.speedup == pytest.approx(result.textbook_seconds / result.seconds)


def test_an_optimisation_goes_on_by_as_many_evaluations_as_are_asked_for():
    def start(tell) -> None:
        for loss in range(5, 0, -1):
            tell(float(loss))

    paced = Paced(start)
    assert [loss for loss, _ in paced(2)] == [5.0, 4.0]
    time.sleep(0.2)
    rest = paced(9)
    assert [loss for loss, _ in rest] == [3.0, 2.0, 1.0]
    assert 0 <= rest[-1][1] < 0.2, "the time in which it was held does not count"
    assert paced(1) == []


def test_an_optimisation_that_fails_says_so_where_it_was_asked_to_go_on():
    def start(tell) -> None:
        raise ValueError("no start")

    with pytest.raises(ValueError, match="no start"):
        Paced(start)(1)


def test_an_error_in_another_process_is_the_same_error():
    with Worker(load_image, "none.png") as worker, pytest.raises(ImageError, match=r"'none.png' does not exist"):
        worker()
    with Worker(os.stat, "none.png") as worker, pytest.raises(RuntimeError, match="FileNotFoundError"):
        worker()
    sent = copy.copy(BrokenContractError("loss", "mine", "gave nothing"))  # as pickle does it
    assert (sent.kind, sent.name, str(sent)) == ("loss", "mine", "loss 'mine' gave nothing")


def test_ctrl_c_does_not_end_the_other_process():
    with Worker(partial, os.getpid) as worker:
        process = worker()
        os.kill(process, signal.SIGINT)
        assert worker() == process


def test_ctrl_c_ends_the_other_process_in_silence(capfd):
    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt), Worker(partial, time.sleep) as worker:
            worker(0)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            worker(0.5)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("mode", ["speed", "convergence"])
def test_weights_are_looked_for_before_any_process_starts(nst, monkeypatch, mode):
    monkeypatch.setattr(f"nst_benchmarks.{mode}.Worker", None)
    done = nst("bench", mode, "--size", "64", "--weights", "none.safetensors")
    assert done.code == 2
    assert "the weight file none.safetensors does not exist" in done.err


def test_a_plot_that_cannot_be_drawn_is_refused_before_the_work(nst, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("nst_benchmarks.speed.measure", None)
    for path, message in (("no/a.png", "the folder 'no' does not exist"), ("a.xyz", "cannot tell the format")):
        done = nst("bench", "--plot", path)
        assert done.code == 2
        assert message in done.err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = nst("bench", "--plot", "a.png")
    assert done.code == 2
    assert "--plot needs matplotlib" in done.err


def test_the_table_is_printed_whatever_becomes_of_the_plot(nst, monkeypatch):
    pytest.importorskip("matplotlib")
    rows = [Row(64, "textbook", "fp32", 1.5, 1.0, 2.0, 100.0)]
    monkeypatch.setattr("nst_benchmarks.speed.measure", lambda *_: rows)

    def fail(*_):
        raise NstError("the disk is full")

    monkeypatch.setattr("nst_benchmarks.plot.plot", fail)
    done = nst("bench", "--size", "64", "--plot", "a.png")
    assert done.code == 2
    assert "64x48" in done.out
    assert "1.500" in done.out
    assert "the disk is full" in done.err


def test_medians_are_of_alternating_runs():
    calls: list[str] = []
    alternating({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert calls == ["a", "a", "b", "b"] * 2


def test_the_command(nst, random_vgg19):
    pytest.importorskip("matplotlib")
    options = ("--size", "64", "--rounds", "1", "--weights", str(random_vgg19))
    done = nst("bench", *options, "--json", "--plot", "speed.png")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    assert [row["variant"] for row in report["rows"]] == ["textbook", "fp32", "auto"]
    assert all(row["peak_mb"] > 50 and row["seconds"] > 0 for row in report["rows"])
    assert report["rows"][0]["speedup"] == 1
    assert report["machine"]["threads"] >= 1
    assert Path("speed.png").stat().st_size > 1000
    table = nst("bench", "kernels", *options)
    for row in ("gram_bf16_speedup", "network_eager", "network_scripted", "network_native"):
        assert f"64x48\t{row}\t" in table.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "tall"), "--size must be whole numbers"),
        (("--size", "8"), "at least 64, not 8"),
        (("kernels", "--plot", "a.png"), "--plot works with"),
    ],
)
def test_bad_input(nst, arguments, message):
    done = nst("bench", *arguments)
    assert done.code == 2
    assert message in done.err
