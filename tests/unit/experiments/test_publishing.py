"""Pictures under their names, and the table of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nst_core import Component, Job, JobError, Source, Term
from nst_core.experiments.batch import JobOutcome
from nst_core.experiments.publishing import (
    INDEX,
    IndexRow,
    check_free,
    index_row,
    publish,
    read_index,
    results_in,
    write_index,
)

PART = Component("x")
JOB = Job((Term("gram-style", 1.0),), PART, PART, PART, PART, Source("a,b.jpg"), (Source("x.png"), Source("y.png")))


def outcome(folder: Path, data: bytes = b"picture") -> JobOutcome:
    cell = folder / "cells" / "0123"
    cell.mkdir(parents=True, exist_ok=True)
    (cell / "image.png").write_bytes(data)
    return JobOutcome(JOB, "0123", "done", cell, {"seconds": 1.25, "total": 1234567.0, "evaluations": 10})


def test_a_picture_is_found_under_its_name_without_taking_space(tmp_path):
    result = outcome(tmp_path)
    publish(result, tmp_path / "a-x.png")
    assert (tmp_path / "a-x.png").samefile(result.picture)
    publish(result, tmp_path / "a-x.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-x.png", "cells"]


def test_where_there_are_no_hard_links_it_is_copied_once(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError("not here")))
    result, target = outcome(tmp_path), tmp_path / "a-x.png"
    publish(result, target)
    assert target.read_bytes() == b"picture"
    assert not target.samefile(result.picture)
    before = target.stat()
    publish(result, target)
    assert target.stat().st_ino == before.st_ino
    publish(outcome(tmp_path, b"another"), target)
    assert target.read_bytes() == b"another"


def test_a_job_without_a_picture_leaves_what_is_there(tmp_path):
    (tmp_path / "a-x.png").write_bytes(b"before")
    publish(JobOutcome(JOB, status="failed", error="no"), tmp_path / "a-x.png")
    assert (tmp_path / "a-x.png").read_bytes() == b"before"


def test_the_table_is_read_as_it_was_written(tmp_path):
    rows = [
        index_row("a-x.png", outcome(tmp_path)),
        index_row("b-x.png", JobOutcome(JOB, status="failed", error='line one\nline "two", end')),
        IndexRow(os.fsdecode(b"\xff.png")),
    ]
    assert rows[0] == IndexRow("a-x.png", "a,b.jpg", "x.png;y.png", "done", "1.2", "1.23457e+06", "10", "0123", "")
    assert write_index(tmp_path, rows) == tmp_path / INDEX
    assert read_index(tmp_path) == rows
    assert read_index(tmp_path / "nowhere") == []


def test_earlier_rows_stay_as_long_as_their_pictures(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    earlier = [IndexRow("a.png", status="done"), IndexRow("b.png", status="done"), IndexRow("gone.png")]
    write_index(tmp_path, [IndexRow("c.png"), IndexRow("a.png", status="cached")], earlier)
    assert [(row.name, row.status) for row in read_index(tmp_path)] == [
        ("c.png", ""),
        ("a.png", "cached"),
        ("b.png", "done"),
    ]


@pytest.mark.parametrize("text", ["name,price\nchair,3\n", "", "\0"])
def test_a_table_of_another_program_is_left_alone(tmp_path, text):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(JobError, match=r"index.csv' (is not the table of a batch|cannot be read)"):
        read_index(tmp_path)


def test_no_file_of_the_user_is_written_over(tmp_path):
    result = outcome(tmp_path)
    check_free(tmp_path, ["a-x.png"], [result])
    (tmp_path / "a-x.png").write_bytes(b"mine")
    with pytest.raises(JobError, match=r"a-x.png' exists and is not a result of this batch; move it, or choose"):
        check_free(tmp_path, ["a-x.png"], [result])
    write_index(tmp_path, [IndexRow("a-x.png")])
    check_free(tmp_path, ["a-x.png"], [result])
    (tmp_path / INDEX).unlink()
    (tmp_path / "a-x.png").unlink()
    publish(result, tmp_path / "a-x.png")
    check_free(tmp_path, ["a-x.png"], [result])


def test_results_of_a_folder_are_known(tmp_path):
    assert results_in(tmp_path) == {tmp_path.resolve() / "cells"}
    write_index(tmp_path, [IndexRow("a-x.png")])
    assert {"cells", "images", "a-x.png", INDEX} <= {path.name for path in results_in(tmp_path)}
