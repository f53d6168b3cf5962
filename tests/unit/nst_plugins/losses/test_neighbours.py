"""Nearest neighbours, and neighbours that lie side by side: in blocks, and never a worse score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst_plugins.losses import neighbours
from nst_plugins.losses.neighbours import coherent, directions_of, nearest


def columns(dimensions: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(dimensions, height * width, generator=generator, dtype=torch.float64)


def test_nearest_neighbours():
    queries, keys = columns(5, 6, 7), columns(5, 4, 9, seed=1)
    expected = (queries.T @ keys).argmax(dim=1)
    np.testing.assert_array_equal(nearest(queries, keys), expected)


def test_neighbours_are_searched_in_blocks(monkeypatch):
    """The same neighbours, and never more similarities at once than the block allows."""
    queries, keys = columns(8, 1, 1000), columns(8, 1, 300, seed=1)
    expected = nearest(queries, keys)
    monkeypatch.setattr(neighbours, "_BLOCK", 3000)
    largest = 0
    original = torch.Tensor.argmax

    def watched(self, *args, **kwargs):
        nonlocal largest
        largest = max(largest, self.numel())
        return original(self, *args, **kwargs)

    monkeypatch.setattr(torch.Tensor, "argmax", watched)
    assert torch.equal(nearest(queries, keys), expected)
    assert largest == 3000


def test_directions():
    found = directions_of(columns(5, 3, 4))
    torch.testing.assert_close(found.norm(dim=0), torch.ones(12, dtype=torch.float64), rtol=1e-5, atol=0)
    assert torch.equal(directions_of(torch.zeros(5, 2)), torch.zeros(5, 2))


def score(chosen, queries, keys, grids, gain) -> tuple[float, int]:
    """All inner products plus the gain of every coherent pair, one after the other; and how many pairs there are."""
    (height, width), (_, wide) = grids
    place = {(i, j): divmod(int(chosen[i * width + j]), wide) for i in range(height) for j in range(width)}
    pairs = sum(
        place.get((i + down, j + right)) == (y + down, x + right)
        for (i, j), (y, x) in place.items()
        for down, right in ((0, 1), (1, 0))
    )
    return float((queries * keys[:, chosen]).sum()) + gain * pairs, pairs


SIDES = st.tuples(st.integers(1, 7), st.integers(1, 7))


@settings(deadline=None)
@given(grid=SIDES, style=SIDES, gain=st.sampled_from([0.0, 0.05, 0.3, 2.0]), seed=st.integers(0, 1000))
def test_coherence_never_lowers_the_score(grid, style, gain, seed):
    queries, keys = directions_of(columns(4, *grid, seed=seed)), directions_of(columns(4, *style, seed=seed + 1))
    before = nearest(queries, keys)
    after = coherent(before, queries, keys, (grid, style), gain)
    assert after.shape == before.shape
    assert 0 <= int(after.min()) <= int(after.max()) < style[0] * style[1]
    (first, few), (second, many) = (score(one, queries, keys, (grid, style), gain) for one in (before, after))
    assert second >= first - 1e-9
    assert many >= few
    if gain == 0:
        assert torch.equal(after, before)


@pytest.mark.parametrize("gain", [0.01, 0.3])
def test_a_part_of_the_style_is_found_as_it_is(gain):
    """Nothing is better than the part itself, which is coherent."""
    keys = directions_of(columns(6, 8, 9)).reshape(6, 8, 9)
    queries = keys[:, 2:7, 3:8].reshape(6, -1)
    chosen = nearest(queries, keys.flatten(1))
    found = coherent(chosen, queries, keys.flatten(1), ((5, 5), (8, 9)), gain)
    assert found.reshape(5, 5).tolist() == [[9 * (i + 2) + j + 3 for j in range(5)] for i in range(5)]


def test_an_even_area_takes_parts_of_the_style_instead_of_one_mark_again_and_again():
    even = torch.tensor([1.0, 0.0])[:, None]
    queries, keys = (directions_of(even + 0.05 * columns(2, 12, 12, seed).float()) for seed in (0, 1))
    grids = (12, 12), (12, 12)
    alone = nearest(queries, keys)
    together = coherent(alone, queries, keys, grids, 0.1)
    pairs = [score(chosen, queries, keys, grids, 0.1)[1] for chosen in (alone, together)]
    assert pairs[0] < 20
    assert pairs[1] > 100
