"""Tiles: the geometry, and the same loss and gradient as of the whole image."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import problem_of
from tiny import LAYERS, plugin, tiny_registry

from nst_core import (
    EarlierFrame,
    FeatureLoss,
    ImageLoss,
    JobError,
    PointwiseLoss,
    Resources,
    Session,
    StatisticLoss,
    Step,
    Tap,
    make_job,
    run,
)
from nst_core.objective.tiling import Tiling

OPTIONS = {"extractor": "tiny", "precision": "fp32", "device": "cpu"}
GEOMETRIES = [Tiling.of([Tap(4, 1, 3)], 0, 1), Tiling.of(LAYERS.values(), 0, 1), Tiling.of([Tap(8, 16, 252)], 0, 1)]


def image(height: int, width: int, seed: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(GEOMETRIES), st.floats(0, 4), st.floats(0, 4), st.floats(1, 30))
def test_tiles_cover_the_image_once_and_have_their_margins(geometry, tall, wide, factor):
    height, width = (int(times * math.isqrt(geometry.min_pixels)) + 1 for times in (tall, wide))
    tiling = replace(geometry, max_pixels=int(geometry.min_pixels * factor))
    seen = torch.zeros(height, width, dtype=torch.int)
    for tile in tiling.tiles(height, width):
        assert tile.pixels <= tiling.max_pixels or tile.whole
        for span, length in ((tile.rows, height), (tile.columns, width)):
            assert span.start % tiling.stride == span.first % tiling.stride == 0
            assert span.start == 0 or span.first - span.start == tiling.halo
            assert span.stop == length or span.stop - span.last >= tiling.halo
        seen[tile.rows.first : tile.rows.last, tile.columns.first : tile.columns.last] += 1
        assert torch.equal(
            tile.place(tile_map := torch.arange(height * width).reshape(height, width), 1),
            tile.interior(tile.cut(tile_map), 1),
        )
    assert (seen == 1).all()


def test_an_image_that_fits_is_left_whole():
    assert [tile.whole for tile in replace(GEOMETRIES[2], max_pixels=640 * 480).tiles(480, 640)] == [True]
    assert [tile.whole for tile in replace(GEOMETRIES[2], max_pixels=None).tiles(9000, 9000)] == [True]


def test_tiles_smaller_than_a_margin_are_an_error():
    with pytest.raises(
        JobError, match=r"the deepest layer sees 128 pixels on every side, so a tile needs at least 320×320"
    ):
        replace(GEOMETRIES[2], max_pixels=100 * 100).tiles(1000, 1000)


def test_larger_tiles_overlap_less():
    overlaps = []
    for side in (420, 500, 700, 1300):
        tiles = replace(GEOMETRIES[2], max_pixels=side * side).tiles(1500, 2000)
        overlaps.append(sum(tile.pixels for tile in tiles))
    assert overlaps == sorted(overlaps, reverse=True)
    assert overlaps[-1] < 1.3 * 1500 * 2000


BUILTIN = tiny_registry()
TILEABLE = [e.name for e in BUILTIN.entries("loss") if issubclass(e.cls, StatisticLoss | PointwiseLoss | ImageLoss)]


def tiled_and_whole(plugins: list[str], height: int, width: int, side: int, seed: int, precision: str = "fp32"):
    """Return evaluations of one objective in tiles of about ``side`` pixels and as a whole."""
    # Unlike the point, so that little is lost to cancellation.
    content, style = image(height, width, seed), 0.3 * image(37, 41, seed + 1)
    job = make_job(
        content, style, session=Session(BUILTIN), plugins=plugins, **{**OPTIONS, "precision": precision}, size=256
    )
    point = image(height, width, seed + 2)
    earlier = [
        EarlierFrame(image(height, width, seed + 3 + n), image(height, width, seed + 5 + n)[:, :1] / 2) for n in (0, 1)
    ]
    found = []
    for tile in (None, side):
        problem = problem_of(job, BUILTIN, content, style, tile, earlier)
        assert (len(problem.tiling.tiles(height, width)) > 1) == (tile is not None)
        found.append(problem.evaluate(point)[0])
    return found


@pytest.mark.parametrize("name", TILEABLE)
@settings(deadline=None, max_examples=6)
@given(height=st.integers(64, 110), width=st.integers(64, 110), side=st.integers(48, 63), seed=st.integers(0, 99))
def test_every_tileable_loss_is_the_same_in_tiles(name, height, width, side, seed):
    """Loss and gradient to rounding in float32, for odd sizes and random tiles."""
    compare(*tiled_and_whole([name], height, width, side, seed), 1e-5)


@settings(deadline=None, max_examples=6)
@given(height=st.integers(64, 110), width=st.integers(64, 110), side=st.integers(48, 63), seed=st.integers(0, 99))
def test_all_tileable_losses_together_are_the_same_in_tiles(height, width, side, seed):
    compare(*tiled_and_whole(TILEABLE, height, width, side, seed), 1e-5)


def test_in_bfloat16_tiles_differ_by_its_rounding():
    compare(*tiled_and_whole(["gram-style"], 90, 75, 50, 0, "bf16"), 2e-2)


def compare(whole, tiled, tolerance: float) -> None:
    torch.testing.assert_close(tiled.losses, whole.losses, rtol=tolerance, atol=tolerance * float(whole.losses.max()))
    difference, size = (tiled.gradient - whole.gradient).abs().flatten(), float(whole.gradient.norm())
    # Where rounding decides about a ReLU or a maximum, the gradient differs in the pixels that it sees, and by much.
    most = difference.sort().values[: round(0.9 * len(difference))]
    assert float(most.norm()) <= tolerance * size
    assert float(difference.norm()) <= max(tolerance, 0.01) * size
    assert not torch.equal(tiled.gradient, torch.zeros_like(tiled.gradient))


def test_a_run_in_tiles_gives_the_same_picture():
    content, style = image(90, 75, 0), 0.3 * image(37, 41, 1)
    job = make_job(content, style, session=Session(BUILTIN), **OPTIONS, plugins=["tv"], size=256, levels="off", steps=5)
    whole, tiled = (
        run(job, content=content, styles=style, session=Session(BUILTIN), resources=Resources(tile))
        for tile in ("off", 50)
    )
    torch.testing.assert_close(tiled.image, whole.image, atol=1e-3, rtol=0)
    assert tiled.history == pytest.approx(whole.history, rel=1e-3)


def test_a_loss_on_whole_maps_cannot_be_computed_in_tiles():
    class Means(FeatureLoss):
        def forward(self, features, targets):
            return sum((features[k].mean((2, 3)) - targets[k].mean((2, 3))).square().sum() for k in features)

    registry = tiny_registry(("means", plugin(losses={"means": Means})))
    content, style = image(90, 75, 0), 0.3 * image(37, 41, 1)
    job = make_job(
        content, style, session=Session(registry), **OPTIONS, plugins=["means"], size=256, levels="off", steps=2
    )
    with pytest.raises(JobError, match=r"'means' needs whole feature maps .* use a loss on statistics"):
        run(job, content=content, styles=style, session=Session(registry), resources=Resources(tile=50))
    assert (
        run(job, content=content, styles=style, session=Session(registry), resources=Resources(tile=200)).evaluations
        == 2
    )  # one tile


def test_a_gpu_that_is_full_gets_smaller_tiles(monkeypatch):
    """Out of memory at the first evaluation: the run goes on in tiles and says so."""
    from nst_core.objective.objective import Objective

    content, style = image(90, 75, 0), 0.3 * image(37, 41, 1)
    job = make_job(content, style, session=Session(BUILTIN), **OPTIONS, size=256, levels="off", steps=6)
    whole = run(job, content=content, styles=style, session=Session(BUILTIN))
    evaluate = Objective.evaluate

    def full(self, picture, targets, *, weights=None, tiling=None):
        if (tiling.max_pixels or math.inf) > 4000:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return evaluate(self, picture, targets, weights=weights, tiling=tiling)

    monkeypatch.setattr(Objective, "evaluate", full)
    notes: list[str] = []
    tiled = run(
        job, content=content, styles=style, session=Session(BUILTIN), observers=[lambda step: notes.append(step.note)]
    )
    assert notes[0].startswith("out of memory; continuing in tiles of")
    assert notes[1:] == [""] * 5
    torch.testing.assert_close(tiled.image, whole.image, atol=1e-3, rtol=0)


@pytest.mark.parametrize("normalize", [False, True])
def test_targets_that_do_not_fit_are_found_in_smaller_tiles(normalize, monkeypatch):
    """Out of memory before the first evaluation: the level goes on in tiles that its targets fit into."""
    from nst_core.objective.features import FeatureNetwork

    content, style = image(90, 75, 0), image(90, 75, 1)
    options = OPTIONS | {"size": 90, "levels": "off", "steps": 4, "normalize_gradients": normalize}
    job = make_job(content, style, session=Session(BUILTIN), **options)
    whole = run(job, content=content, styles=style, session=Session(BUILTIN))
    features, seen = FeatureNetwork.features, []

    def full(self, picture, tile, *args):
        seen.append(tile.pixels)
        if tile.pixels > 4000:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return features(self, picture, tile, *args)

    monkeypatch.setattr(FeatureNetwork, "features", full)
    notes: list[str] = []
    tiled = run(
        job, content=content, styles=style, session=Session(BUILTIN), observers=[lambda step: notes.append(step.note)]
    )
    assert seen[0] == 90 * 75
    assert notes[0].startswith("out of memory; continuing in tiles of")
    assert notes[1:] == [""] * 3
    torch.testing.assert_close(tiled.image, whole.image, atol=1e-3, rtol=0)


def test_targets_that_fit_in_no_tiles_are_an_error(monkeypatch):
    from nst_core.objective.features import FeatureNetwork

    limits: list[int] = []

    def full(self, picture, tile, *args):
        limits.append(tile.pixels)
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(FeatureNetwork, "features", full)
    content = image(90, 75, 0)
    job = make_job(content, content, session=Session(BUILTIN), **OPTIONS, size=90, levels="off", steps=4)
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        run(job, content=content, styles=content, session=Session(BUILTIN))
    assert len(limits) > 1
    assert limits == sorted(limits, reverse=True)


@pytest.mark.parametrize("where", ["start", "step"])
def test_a_gpu_that_is_full_gets_a_shorter_history(where, monkeypatch):
    """Out of memory in the optimizer, at its start or later: the run goes on with half the history and says so."""
    from nst_plugins.optimizers.lbfgs import Lbfgs

    content, style = image(90, 75, 0), 0.3 * image(37, 41, 1)
    job = make_job(content, style, session=Session(BUILTIN), **OPTIONS, size=256, levels="off", steps=12)
    method, lengths, calls = getattr(Lbfgs, where), [], []

    def full(self, *args):
        calls.append(1)
        lengths.append(self.history)
        if self.history > 5 and len(calls) > (4 if where == "step" else 0):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return method(self, *args)

    monkeypatch.setattr(Lbfgs, where, full)
    steps: list[Step] = []
    result = run(job, content=content, styles=style, session=Session(BUILTIN), observers=[steps.append])
    assert lengths[0] == 20
    assert lengths[-1] == 5
    notes = [step.note for step in steps if step.note]
    assert notes
    assert all("the optimizer remembers less" in note for note in notes)
    assert result.evaluations == 12
    assert result.total < 0.5 * result.history[0]
    assert result.total == min(result.history)


def test_memory_that_runs_out_with_nothing_to_give_up_is_an_error(monkeypatch):
    from nst_plugins.optimizers.adam import Adam

    def full(self, *args):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Adam, "step", full)
    content, style = image(90, 75, 0), 0.3 * image(37, 41, 1)
    job = make_job(
        content, style, session=Session(BUILTIN), **OPTIONS, size=256, levels="off", steps=12, optimizer="adam"
    )
    with pytest.raises(torch.OutOfMemoryError, match="CUDA out of memory"):
        run(job, content=content, styles=style, session=Session(BUILTIN))
