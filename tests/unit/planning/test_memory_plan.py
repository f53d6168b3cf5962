"""Plans: what fits into memory, how, and what to do where nothing does."""

from __future__ import annotations

import json
import time

import pytest
import torch
from tiny import plugin, tiny_registry

from nst_core import FeatureLoss, JobError, MemoryPlan, Resources, Session, make_job, plan, run
from nst_core.ops import ConvStack, conv_stack, native
from nst_core.runtime.memory import PeakMemory, format_memory, memory_available, memory_in_use, parse_memory

CPU = torch.device("cpu")
OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu", "levels": "off"}
STYLE = torch.rand(1, 3, 50, 40, generator=torch.Generator().manual_seed(1))
CONTENT = torch.rand(1, 3, 1200, 1600, generator=torch.Generator().manual_seed(0))
LARGE = {"size": 1600, **OPTIONS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4GB", 4e9), ("1.5 gb", 1.5e9), ("800MB", 8e8), ("2GiB", 2**31), ("100k", 1e5), ("12345", 12345), ("3G", 3e9)],
)
def test_amounts_of_memory(text, expected):
    assert parse_memory(text) == int(expected)


@pytest.mark.parametrize("text", ["", "GB", "4 XB", "-1GB", "0GB", "four"])
def test_what_is_no_amount_of_memory(text):
    with pytest.raises(JobError, match="invalid amount of memory"):
        parse_memory(text)


def test_memory_is_what_it_should_be():
    with PeakMemory(CPU) as before:
        pass
    with PeakMemory(CPU) as peak:
        block = torch.ones(60_000_000)
        time.sleep(0.05)  # for the thread that looks, on a busy machine
        del block
    assert 200e6 < peak.bytes - before.bytes < 400e6
    assert 100e6 < memory_available(CPU) < 1e14
    assert (format_memory(2_340_000_000), format_memory(56_000_000)) == ("2.34 GB", "56 MB")


@pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")
def test_memory_that_is_kept_for_the_next_evaluation_counts():
    layers = conv_stack(ConvStack(("conv", "relu"), (torch.zeros(64, 3, 3, 3),), (torch.zeros(64),), (1,)))

    def needed(side: int) -> int:
        with PeakMemory(CPU) as before:
            pass
        with PeakMemory(CPU) as peak:
            layers(torch.zeros(1, 3, side, side, requires_grad=True))[0].sum().backward()
        return peak.bytes - before.bytes

    needed(64)  # threads start
    alone = needed(512)
    needed(1024)
    assert needed(512) > 0.8 * alone > 50e6


def planned(registry, limit: int | None = None, tile: str | int = "auto", **options) -> MemoryPlan:
    job = make_job(CONTENT, STYLE, session=Session(registry), **{**LARGE, **options})
    return plan(job, content=CONTENT, styles=STYLE, session=Session(registry), resources=Resources(tile, limit))


def too_little(roomy: MemoryPlan) -> int:
    """Return less memory than the pastiche and the whole history of the optimizer need, but more than half."""
    return int(roomy.floor - 0.4 * (roomy.floor - memory_in_use(CPU)))


def test_with_memory_to_spare_nothing_is_cut(registry):
    (scale,) = planned(registry).levels
    assert (scale.width, scale.height, scale.rows, scale.columns, scale.overlap) == (1600, 1200, 1, 1, 1.0)
    assert scale.evaluations == 300


def test_less_memory_means_tiles_then_a_shorter_history(registry):
    roomy = planned(registry)
    assert roomy.fits
    tiled = planned(registry, limit=int(roomy.floor + 0.3 * (roomy.bytes - roomy.floor)))
    assert tiled.fits
    assert tiled.bytes <= tiled.limit
    assert tiled.levels[0].rows * tiled.levels[0].columns > 1
    assert not tiled.optimizer_reduced
    short = planned(registry, limit=too_little(roomy))
    assert short.fits
    assert 3 <= short.optimizer.params["history"] < 20
    assert short.bytes <= short.limit < roomy.floor


def test_a_history_that_somebody_chose_is_left_alone(registry):
    roomy = planned(registry, optimizer="lbfgs:history=20")
    short = planned(registry, limit=too_little(roomy), optimizer="lbfgs:history=20")
    assert not short.fits
    assert "The pastiche and the memory of 'lbfgs' alone need" in short.advice
    assert "use --optimizer adam" in short.advice.replace("Use", "use")
    assert "--size" in short.advice


def test_a_loss_on_whole_maps_does_not_fit_where_it_does_not():
    class Means(FeatureLoss):
        def forward(self, features, targets):
            return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)

    registry = tiny_registry(("means", plugin(losses={"means": Means})))
    options = {"plugins": ["means"], "optimizer": "lbfgs:history=20"}
    roomy = planned(registry, **options)
    short = planned(registry, limit=too_little(roomy), **options)
    assert not short.fits
    assert "'means' cannot be computed in tiles" in short.advice


def test_a_run_that_cannot_fit_ends_before_it_begins(registry):
    job = make_job(CONTENT, STYLE, session=Session(registry), **LARGE)
    with pytest.raises(
        JobError, match=r"1600×1200 pixels need .* GB, but only .* may be used\. The pastiche and the memory"
    ):
        run(
            job, content=CONTENT, styles=STYLE, session=Session(registry), resources=Resources(memory_limit=300_000_000)
        )


def test_a_run_within_a_limit_says_what_it_gave_up(registry):
    roomy = planned(registry)
    job = make_job(CONTENT, STYLE, session=Session(registry), **{**LARGE, "steps": 2})
    result = run(
        job,
        content=CONTENT,
        styles=STYLE,
        session=Session(registry),
        resources=Resources(memory_limit=too_little(roomy)),
    )
    assert any("the optimizer runs with history=" in remark for remark in result.remarks)
    assert result.job.optimizer.params["history"] < 20  # the recipe has what was really done


def test_the_command_shows_its_plan(nst):
    pair = ["photo.jpg", "painting.png", "--extractor", "tiny", "--device", "cpu", "--steps", "4"]
    done = nst("run", *pair, "--dry-run")
    assert done.code == 0
    assert "40×30  4 evaluations  whole" in done.out
    assert "it fits" in done.out
    found = json.loads(nst("run", *pair, "--dry-run", "--json").out)
    assert found["levels"][0]["width"] == 40
    assert found["fits"] is True
    done = nst("run", *pair, "--dry-run", "--memory-limit", "50MB")
    assert done.code == 1
    assert "it does not fit" in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tile", "large"], "--tile must be auto, off, or the side of a tile in pixels, not 'large'"),
        (["--tile", "5", "--steps", "1"], "tiles of 25 pixels are too small"),
        (["--memory-limit", "much"], "invalid amount of memory 'much': write 4GB"),
        (["--checkpoint", "x.ckpt", "--checkpoint-every", "soon"], "invalid duration 'soon': write 30s, 5m or 1h"),
    ],
)
def test_options_that_make_no_sense(options, message, nst):
    done = nst("run", "photo.jpg", "painting.png", "--extractor", "tiny", "--device", "cpu", *options)
    assert done.code == 2
    assert message in done.err
