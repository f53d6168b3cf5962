"""Many jobs: nothing twice, no failure that spreads, what is finished stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import TinyExtractor, plugin, tiny_registry

from nst_core import (
    Component,
    ImageError,
    Job,
    Problem,
    Session,
    Source,
    load_image,
    run,
    save_image,
)
from nst_core.experiments.batch import (
    BatchObserver,
    Observers,
    count,
    estimate,
    neediest,
    opened,
    prepare,
)
from nst_core.experiments.driver import run_batch
from nst_core.experiments.metrics import evaluate_image, total_variation
from nst_core.objective.objective import Objective
from nst_plugins.executors.local import Local
from nst_plugins.losses.gram_style import GramStyle
from nst_plugins.losses.total_variation import TotalVariation


def carried_out(jobs, folder, registry, observer=None, session=None):
    session = session or Session(registry)
    return run_batch(prepare(jobs, folder, session), folder, session, Local(), observer)


def statuses(batch):
    return [result.status for result in batch.results]


def test_a_cell_is_the_picture_of_its_job_with_recipe_and_figures(job, registry, tmp_path):
    (cell,) = carried_out([job], tmp_path / "out", registry).results
    alone = run(job, session=Session(registry))
    assert torch.equal(load_image(cell.folder / "image.png").pixels, (alone.image * 255).round() / 255)
    assert Job.from_toml((cell.folder / "recipe.toml").read_text()) == alone.job
    assert json.loads((cell.folder / "result.json").read_text()) == {**cell.record, **cell.curves()}
    assert cell.curves()["history"] == list(alone.history)
    added = [sum(values) for values in zip(*cell.curves()["contributions"].values(), strict=True)]
    assert added == pytest.approx(alone.history, rel=1e-5)


def test_sharing_changes_no_pixel_and_computes_once(job, registry, tmp_path, monkeypatch):
    jobs = [replace(job, seed=seed, initializer=Component("noise")) for seed in (0, 1, 2)]
    counted = []
    statistic = GramStyle.statistic
    monkeypatch.setattr(GramStyle, "statistic", lambda self, f, w=None: counted.append(f) or statistic(self, f, w))
    shared = carried_out(jobs, tmp_path / "out", registry)
    assert len(counted) == 3 + 3 * 3 * 3  # targets of three layers once; three jobs of three steps at three layers
    for cell, one in zip(shared.results, jobs, strict=True):
        assert cell.curves()["history"] == list(run(one, session=Session(registry)).history)


def test_the_weights_of_a_style_are_not_taken_for_another(job, registry, tmp_path):
    """Equal names and layers, another picture or another parameter: other targets."""
    session = Session(registry)
    gatys = replace(job, terms=(job.terms[0], replace(job.terms[1], params={"normalization": "gatys"})))
    swapped = replace(job, content=job.styles[0], styles=(job.content,))
    for one in (job, gatys, swapped, replace(job, styles=(replace(job.styles[0], scale=0.5),))):
        (cell,) = carried_out([one], tmp_path / "out", registry, session=session).results
        assert cell.curves()["history"] == list(run(one, session=Session(registry)).history)


def test_finished_cells_are_kept_and_equal_jobs_are_computed_once(job, registry, tmp_path):
    other = replace(job, seed=1, initializer=Component("noise"))
    first = carried_out([job, other, job], tmp_path / "out", registry)
    assert statuses(first) == ["done", "done", "done"]
    assert first.results[2].folder == first.results[0].folder
    again = carried_out([other, replace(job, steps=4), job], tmp_path / "out", registry)
    assert statuses(again) == ["cached", "done", "cached"]


def test_a_changed_image_is_another_cell_and_a_moved_one_is_not(job, registry, tmp_path):
    carried_out([job], tmp_path / "out", registry)
    moved = tmp_path / "moved.png"
    moved.write_bytes((tmp_path / "photo.png").read_bytes())
    assert statuses(carried_out([replace(job, content=Source(str(moved)))], tmp_path / "out", registry)) == ["cached"]
    save_image(torch.zeros(3, 30, 40), tmp_path / "photo.png")
    assert statuses(carried_out([job], tmp_path / "out", registry)) == ["done"]


def test_a_changed_initial_image_is_another_cell_and_a_moved_one_is_not(job, registry, tmp_path):
    start, moved = tmp_path / "start.png", tmp_path / "moved.png"
    save_image(torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(2)), start)
    moved.write_bytes(start.read_bytes())
    first, second = (replace(job, initializer=Component("image", {"path": str(path)})) for path in (start, moved))
    assert statuses(carried_out([first], tmp_path / "out", registry)) == ["done"]
    assert statuses(carried_out([second, first], tmp_path / "out", registry)) == ["cached", "cached"]
    save_image(torch.zeros(3, 30, 40), start)
    assert statuses(carried_out([first, second], tmp_path / "out", registry)) == ["done", "cached"]


class Bare(TinyExtractor):
    """One whose presets name no layers, like those of torchvision."""

    content_layers = ()
    style_layers = ()


def test_without_layers_of_its_own_an_extractor_is_measured_at_those_of_the_job(job, tmp_path):
    registry = tiny_registry(("bare", plugin(extractors={"bare": Bare})))
    terms = (replace(job.terms[0], layers=("b",)), replace(job.terms[1], layers=("a",)))
    (cell,) = carried_out([replace(job, extractor=Component("bare"), terms=terms)], tmp_path, registry).results
    assert (cell.status, cell.error) == ("done", "")
    assert list(cell.record["metrics"]["content"]) == list(cell.record["metrics"]["style"]) == ["a", "b"]


def test_one_bad_image_and_one_bad_layer_leave_the_others_alone(job, registry, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    bad = replace(job, content=Source(str(tmp_path / "bad.png")))
    layer = replace(job, terms=(replace(job.terms[0], layers=("z",)), job.terms[1]))
    batch = carried_out([job, bad, layer, replace(job, steps=2)], tmp_path / "out", registry)
    assert statuses(batch) == ["done", "failed", "failed", "done"]
    assert "bad.png" in batch.results[1].error
    assert "layer 'z'" in batch.results[2].error
    assert len(batch.failed) == 2


class _Interrupts(BatchObserver):
    def __init__(self, at: int) -> None:
        self.at = at
        self.cells = 0

    def started(self, number, result) -> None:
        self.cells += 1

    def progress(self, number, progress) -> None:
        if self.cells == self.at and progress.number == 2:
            raise KeyboardInterrupt


def test_ctrl_c_loses_the_current_cell_only(job, registry, tmp_path):
    jobs = [replace(job, steps=n) for n in (3, 4, 5)]
    batch = carried_out(jobs, tmp_path / "out", registry, _Interrupts(2))
    assert batch.interrupted
    assert statuses(batch) == ["done", "missing", "missing"]
    assert statuses(carried_out(jobs, tmp_path / "out", registry)) == ["cached", "done", "done"]


class _Noted(BatchObserver):
    def __init__(self, noted: list) -> None:
        self.noted = noted

    def started(self, number, result) -> None:
        self.noted.append(("started", number))

    def progress(self, number, progress) -> None:
        self.noted.append(("step", progress.number))

    def ended(self, number, result) -> None:
        self.noted.append(("ended", result.status))


def test_several_observers_see_the_same_in_their_order(job, registry, tmp_path):
    noted: list = []
    carried_out([replace(job, steps=2)], tmp_path, registry, Observers([_Noted(noted), _Noted(noted)]))
    once = [("started", 0), ("step", 1), ("step", 2), ("ended", "done")]
    assert noted == [event for event in once for _ in range(2)]


def test_equal_jobs_count_once(job, registry, tmp_path):
    missing = replace(job, content=Source("none.png"))
    prepared = prepare([job, job, replace(job, steps=4), missing], tmp_path, Session(registry))
    assert (count(prepared, "missing"), count(prepared, "cached"), count(prepared, "failed")) == (2, 0, 0)


def test_the_cell_with_the_largest_picture_needs_most_memory(job, registry, tmp_path):
    session = Session(registry)
    jobs = [replace(job, size=size, enlarge=True, seed=size) for size in (32, 512, 64)]
    plan = neediest(prepare(jobs, tmp_path, session), session)
    assert [(level.height, level.width) for level in plan.levels] == [(384, 512)]
    assert plan.bytes > 0
    assert neediest(prepare([replace(job, content=Source("none.png"))], tmp_path, session), session) is None


def test_a_look_into_the_images_tells_what_will_fail(job, registry, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    bad = replace(job, content=Source(str(tmp_path / "bad.png")))
    session = Session(registry)
    prepared = prepare([job, bad], tmp_path, session)
    assert [result.status for result in prepared] == ["missing", "missing"]
    found = opened(prepared, session)
    assert [result.status for result in found] == ["missing", "failed"]
    assert "bad.png" in found[1].error


@pytest.fixture
def half(job, registry, tmp_path, monkeypatch) -> Job:
    """A job of nine evaluations that was interrupted in the fifth, in the folder `out`."""
    evaluate, calls = Problem.evaluate, []

    def interrupted(*arguments, **more):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return evaluate(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Problem, "evaluate", interrupted)
        assert carried_out([replace(job, steps=9)], tmp_path / "out", registry).interrupted
    return replace(job, steps=9)


class _Numbers(BatchObserver):
    def __init__(self) -> None:
        self.seen = []

    def progress(self, number, progress) -> None:
        self.seen.append(progress.number)


def test_ctrl_c_in_the_middle_of_a_cell_loses_no_evaluation(half, registry, tmp_path):
    (whole,) = carried_out([half], tmp_path / "whole", registry).results
    numbers = _Numbers()
    (cell,) = carried_out([half], tmp_path / "out", registry, numbers).results
    assert numbers.seen == [5, 6, 7, 8, 9]
    assert (cell.folder / "image.png").read_bytes()[-2000:] == (whole.folder / "image.png").read_bytes()[-2000:]
    assert cell.curves()["history"] == whole.curves()["history"]
    assert not list(cell.folder.glob("*checkpoint*"))


def test_curves_of_a_cell_that_went_on_begin_where_it_went_on(half, registry, tmp_path):
    (cell,) = carried_out([half], tmp_path / "out", registry).results
    curves = cell.curves()["contributions"].values()
    assert all(curve[:4] == [None] * 4 for curve in curves)
    added = [sum(values) for values in zip(*(curve[4:] for curve in curves), strict=True)]
    assert added == pytest.approx(cell.curves()["history"][4:], rel=1e-5)


def test_a_cell_that_could_not_be_measured_keeps_its_run(half, registry, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ImageError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("nst_core.experiments.work.evaluate_image", fail)
        (cell,) = carried_out([half], tmp_path / "out", registry).results
    assert (cell.status, cell.error) == ("failed", "no space left")
    numbers = _Numbers()
    (cell,) = carried_out([half], tmp_path / "out", registry, numbers).results
    assert (cell.status, numbers.seen[0]) == ("done", 5)
    assert sorted(path.name for path in cell.folder.iterdir()) == ["image.png", "recipe.toml", "result.json"]


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b'{"format": 2, "key": "other"}'])
def test_a_damaged_record_is_not_a_finished_cell(job, registry, tmp_path, damage):
    (cell,) = carried_out([job], tmp_path / "out", registry).results
    (cell.folder / "result.json").write_bytes(damage)
    assert statuses(carried_out([job], tmp_path / "out", registry)) == ["done"]


def test_a_cell_with_the_figures_of_another_version_is_made_again(job, registry, tmp_path):
    (cell,) = carried_out([job], tmp_path / "out", registry).results
    old = {**cell.record, "format": cell.record["format"] - 1, "metrics": {"content": {}, "style": {}}}
    (cell.folder / "result.json").write_text(json.dumps(old))
    (again,) = carried_out([job], tmp_path / "out", registry).results
    assert (again.status, again.record["metrics"]) == ("done", cell.record["metrics"])


def test_the_estimate_counts_what_is_missing(job, registry, tmp_path):
    session = Session(registry)
    jobs = [replace(job, steps=n) for n in (200, 400)]
    both = estimate(prepare(jobs, tmp_path, session), session)
    assert both > 1.0
    carried_out([replace(job, steps=3)], tmp_path, registry)
    assert estimate(prepare([replace(job, steps=3)], tmp_path, session), session) == 0


def test_the_estimate_of_a_large_cell_needs_no_room_for_it(job, registry, tmp_path, monkeypatch):
    """It is timed on small images, and the smaller levels that come first are counted for what they are."""
    sizes: list[tuple[int, int]] = []
    evaluate = Objective.evaluate
    monkeypatch.setattr(
        Objective,
        "evaluate",
        lambda self, image, *args, **kw: sizes.append(image.shape[-2:]) or evaluate(self, image, *args, **kw),
    )
    large = replace(job, content=None, shape=(3000, 4000), size=4000, steps=100, terms=job.terms[1:])
    large = replace(large, initializer=Component("noise"))
    session = Session(registry)
    found = [estimate(prepare([replace(large, levels=levels)], tmp_path, session), session) for levels in ((), None)]
    assert max(height * width for height, width in sizes) < 512 * 512
    # 100, 50, 25 and 12 evaluations at 500 to 4000 pixels, where it would be 100 at 4000: 4.3 times less.
    assert 0 < found[1] < found[0] / 2


def test_the_estimate_knows_the_size_of_the_pictures(job, registry, tmp_path):
    """A photograph is enlarged only where that is wanted: asking for more pixels alone takes no longer."""
    session = Session(registry)
    small, asked = (replace(job, size=size, steps=4000, levels=()) for size in (40, 3000))
    jobs = [small, asked, replace(asked, enlarge=True)]
    found = [estimate(prepare([one], tmp_path, session), session) for one in jobs]
    assert found[1] < 5 * found[0]
    assert found[2] > 100 * found[0]


def test_the_estimate_passes_over_a_cell_that_will_fail(job, registry, tmp_path):
    """One whose loss does not exist says nothing of the time; another one does."""
    session = Session(registry)
    bad = replace(job, terms=(replace(job.terms[0], layers=("z",)), *job.terms[1:], job.terms[1]))
    assert estimate(prepare([bad], tmp_path, session), session) == 0
    assert estimate(prepare([bad, job], tmp_path, session), session) > 0


def test_metrics_are_the_relative_distances(registry, tmp_path):
    generator = torch.Generator().manual_seed(3)
    image, content, style = (torch.rand(1, 3, *hw, generator=generator) for hw in ((24, 32), (24, 32), (40, 20)))
    extractor, session = Component("tiny"), Session(registry)
    found = evaluate_image(
        image, extractor, session=session, content=content, style=style, style_size=40, layers=["a", "c"]
    )
    network = registry.create("extractor", extractor).build(["a", "c"])
    features = [dict(zip("ac", network(x), strict=True)) for x in (image, content, style)]
    for layer in "ac":
        f, c, s = (x[layer][0].flatten(1) for x in features)
        gram, aim = f @ f.T / f.shape[1], s @ s.T / s.shape[1]
        assert found.content[layer] == pytest.approx(float((f - c).norm() / c.norm()), rel=1e-4)
        assert found.style[layer] == pytest.approx(float((gram - aim).norm() / aim.norm()), rel=1e-4)
    assert found.total_variation == pytest.approx(float(TotalVariation().density(image).mean()), rel=1e-5)
    same = evaluate_image(image, extractor, session=session, content=image, style=image)
    assert (same.content_mean, same.style_mean) == (0, 0)
    assert total_variation(torch.full((1, 3, 8, 8), 0.3)) == 0


def test_the_content_image_is_brought_to_the_size_of_the_picture(registry, job):
    path = Path(job.content.path)
    small = load_image(path, size=20).pixels
    found = evaluate_image(small, Component("tiny"), session=Session(registry), content=path)
    assert found.content_mean == pytest.approx(0, abs=1e-5)
    with pytest.raises(Exception, match="their proportions differ"):
        evaluate_image(torch.rand(1, 3, 20, 40), Component("tiny"), session=Session(registry), content=path)
