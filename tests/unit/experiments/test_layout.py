"""Sheets of blends and batches; those of sweeps and grids are in test_sweep."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nst_core import Component, Job, JobError, Source, Term
from nst_core.experiments.layout import batch_grids, batch_list, blend_sheet, grid_sheet, sweep_sheets
from nst_core.experiments.sweep import Variation


def job_of(shares: list[float]) -> Job:
    part = Component("x")
    styles = tuple(Source(f"{number}.png", weight=share) for number, share in enumerate(shares))
    return Job((Term("gram-style", 1.0),), part, part, part, part, Source("photo.png"), styles)


def test_two_styles_make_a_row_from_one_to_the_other():
    sheet = blend_sheet(["a.png", "b.png"], 5, job_of)
    assert [cell.job.blend for cell in sheet.cells] == [(1, 0), (0.75, 0.25), (0.5, 0.5), (0.25, 0.75), (0, 1)]
    assert sheet.rows == [""]
    assert sheet.columns[1] == "a 75%, b 25%"


def test_four_styles_make_a_square_with_one_in_each_corner():
    sheet = blend_sheet(["a.png", "b.png", "c.png", "d.png"], 3, job_of)
    corners = [sheet.cells[number].job.blend for number in (0, 2, 6, 8)]
    assert corners == [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    assert sheet.cells[4].job.blend == (0.25, 0.25, 0.25, 0.25)
    assert (len(sheet.rows), len(sheet.columns)) == (3, 3)


@given(st.sampled_from([2, 4]), st.integers(2, 9))
def test_shares_add_up_and_change_evenly(styles, count):
    found = blend_sheet([f"{n}.png" for n in range(styles)], count, job_of)
    blends = [cell.job.blend for cell in found.cells]
    assert all(sum(blend) == pytest.approx(1) for blend in blends)
    for one, following in itertools.pairwise(blends[:count]):
        assert one[0] - following[0] == pytest.approx(1 / (count - 1))


@pytest.mark.parametrize(
    ("styles", "count", "message"),
    [(["a.png"], 3, "needs two style images, or four"), (["a.png", "b.png"], 1, "at least 2 pictures")],
)
def test_what_is_no_sheet_of_blends_is_refused(styles, count, message):
    with pytest.raises(JobError, match=message):
        blend_sheet(styles, count, job_of)


def test_a_large_batch_is_laid_out_in_sheets_that_an_image_can_hold():
    contents, styles = [f"{n}.jpg" for n in range(45)], [f"{n}.png" for n in range(21)]
    made: list[tuple[str, str]] = []
    sheets = batch_grids(contents, styles, lambda *pair: made.append(pair) or job_of([1.0]))
    assert made == [*dict.fromkeys(made)]
    assert {*made} == {*itertools.product(contents, styles)}
    assert max(len(sheet.rows) for sheet in sheets) == max(len(sheet.columns) for sheet in sheets) == 20
    assert [sheet.title for sheet in sheets[:2]] == ["Batch", "Batch 2"]


def test_a_list_stands_in_one_column_under_its_names():
    sheets = batch_list([f"{n}.png" for n in range(41)], [job_of([1.0])] * 41)
    assert [len(sheet.cells) for sheet in sheets] == [20, 20, 1]
    assert sheets[2].rows == ["40.png"]
    assert {column for sheet in sheets for column in sheet.columns} == {""}


def test_every_cell_has_a_name_for_its_picture():
    sheets = [
        blend_sheet(["p/a.png", "b.png"], 3, job_of),
        grid_sheet(["x.png", "y.png"], ["a.png"], lambda *_: job_of([1.0]), prefix="grid-"),
        *sweep_sheets([Variation("seed", ("0", "1")), Variation("size", ("32",))], lambda _: job_of([1.0])),
    ]
    assert [[cell.name for cell in sheet.cells] for sheet in sheets] == [
        ["Blend-a=1-b=0", "Blend-a=0.5-b=0.5", "Blend-a=0-b=1"],
        ["grid-x-a", "grid-y-a"],
        ["seed=0-size=32", "seed=1-size=32"],
    ]
