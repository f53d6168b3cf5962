"""`nst bench`: the textbook computes what the framework computes, and the tables hold what they say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from nst_benchmarks.convergence import race
from nst_benchmarks.problem import Problem
from nst_benchmarks.speed import VARIANTS, runner
from nst_benchmarks.textbook import Textbook
from nst_benchmarks.timing import alternating
from nst_core.engine import evaluate
from nst_core.parametrization import Pixels


@pytest.fixture
def problem(random_vgg19) -> Problem:
    return Problem.generated(64, str(random_vgg19))


def test_the_textbook_has_the_objective_of_the_framework(problem):
    book, ready = Textbook(problem), problem.ready("fp32")
    image = (problem.content + 0.1 * torch.rand(problem.content.shape)).clamp(0, 1)
    found, _ = evaluate(ready.objective, Pixels(), image)
    leaf = image.clone().requires_grad_()
    loss = book.loss(leaf)
    assert float(loss.detach()) == pytest.approx(float(found.total), rel=1e-4)
    (expected,) = torch.autograd.grad(loss, leaf)
    assert torch.cosine_similarity(found.gradient.flatten(), expected.flatten(), dim=0) > 0.999


def test_every_variant_can_be_measured(problem):
    runs = {variant: runner(problem, variant) for variant in VARIANTS}
    assert runs["textbook"][1] == runs["fp32"][1] == "fp32"
    assert runs["bf16"][1] == "bf16"
    seconds = alternating({name: run for name, (run, _) in runs.items()}, 1)
    assert all(value > 0 for value in seconds.values())


def test_a_race_ends_at_the_loss_of_the_textbook(problem):
    said: list[str] = []
    result = race(problem, 20, said.append)
    assert result.textbook_loss > 0
    assert said[0].startswith("textbook: evaluation 20")
    if math.isfinite(result.seconds):
        assert 1 <= result.evaluations_needed <= 40
        assert result.speedup == pytest.approx(result.textbook_seconds / result.seconds)


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
    assert "64x48\tgram_bf16_speedup\t" in table.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--size", "tall"), "--size takes whole numbers"),
        (("--size", "8"), "at least 64, not 8"),
        (("kernels", "--plot", "a.png"), "--plot draws speeds"),
    ],
)
def test_bad_input(nst, arguments, message):
    done = nst("bench", *arguments)
    assert done.code == 2
    assert message in done.err
