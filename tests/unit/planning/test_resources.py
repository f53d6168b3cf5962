"""What a run may use: checked at once, and no part of the job."""

from __future__ import annotations

import pytest

from nst_core import JobError, Resources


def test_by_default_everything_is_left_to_the_framework():
    assert Resources() == Resources(tile="auto", memory_limit=None, threads=None)


@pytest.mark.parametrize("tile", ["auto", "off", 1, 512])
def test_tiles(tile):
    assert Resources(tile).tile == tile


@pytest.mark.parametrize("tile", ["large", 0, -5, 1.5, True, None])
def test_what_is_no_tile(tile):
    with pytest.raises(JobError, match="tile must be auto, off, or the side of a tile in pixels, not"):
        Resources(tile)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_without_memory_is_refused(limit):
    with pytest.raises(JobError, match=f"the memory limit must be at least one byte, not {limit}"):
        Resources(memory_limit=limit)


@pytest.mark.parametrize("threads", [0, -2, 1025, 10**20, True, 1.5, "2"])
def test_numbers_of_threads_that_make_no_sense_are_refused(threads):
    with pytest.raises(JobError, match=f"threads must be a whole number from 1 to 1024, not {threads!r}"):
        Resources(threads=threads)
