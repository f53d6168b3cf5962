"""With how many threads commands compute, and where they say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nst_cli.main import COMMANDS
from nst_core import read_recipe

SMALL = ("--extractor", "tiny", "--size", "32", "--steps", "2", "--precision", "fp32")
PAIR = ("photo.jpg", "painting.png")
OTHER = {"export", "doctor", "plugins", "weights"}
"""Commands whose results are the same for every number of threads."""


@pytest.fixture
def many() -> int:
    """A number of threads that is not the present one."""
    return torch.get_num_threads() + 1


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - OTHER))
def test_every_command_that_computes_takes_a_number(nst, command):
    assert "--threads" in nst(command, "--help").out


def test_a_picture_says_with_how_many_it_was_made(nst, many):
    before = torch.get_num_threads()
    for options, number in (((), before), (("--threads", str(many)), many)):
        told = json.loads(nst("run", *PAIR, *SMALL, "-o", "o.png", "--json", *options).out)
        assert told["threads"] == number
        assert f"on cpu, {number} threads." in read_recipe("o.png").splitlines()[0]
    assert torch.get_num_threads() == before


def test_a_report_says_with_how_many_its_cells_were_made(nst, many):
    before = torch.get_num_threads()
    done = nst("sweep", *PAIR, *SMALL, "--vary", "seed=0,1", "--threads", str(many), "--json")
    told = json.loads(done.out)
    records = [json.loads(Path(cell["cell"], "result.json").read_text()) for cell in told["cells"]]
    assert [record["threads"] for record in records] == [many, many]
    page = Path(told["markdown"]).read_text()
    assert f"on cpu with {many} threads" in page
    assert torch.get_num_threads() == before


def test_figures_are_measured_with_the_number_given(nst, many, monkeypatch):
    from nst_core.experiments import metrics

    seen, measure = [], metrics.evaluate_image

    def counted(*arguments, **options):
        seen.append(torch.get_num_threads())
        return measure(*arguments, **options)

    monkeypatch.setattr(metrics, "evaluate_image", counted)
    done = nst("eval", "photo.jpg", "--style", "painting.png", "--extractor", "tiny", "--threads", str(many))
    assert (done.code, seen) == (0, [many])


@pytest.mark.parametrize(
    "command",
    [("run", *PAIR, *SMALL), ("sweep", *PAIR, *SMALL, "--vary", "seed=0"), ("eval", "photo.jpg"), ("bench", "kernels")],
)
def test_a_number_that_makes_no_sense_is_refused(nst, command):
    before = sorted(Path().iterdir())
    for number in ("0", "5000"):
        done = nst(*command, "--threads", number)
        assert (done.code, done.out) == (2, "")
        assert f"threads must be a whole number from 1 to 1024, not {number}" in done.err
    assert sorted(Path().iterdir()) == before
