"""Inner products and combinations of rows against float64 and their references."""

from __future__ import annotations

import pytest
import torch

from nst_core.ops import combine_rows, combine_rows_reference, native, row_products, row_products_reference

needs_native = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")

SHAPES = [(1, 1), (3, 2047), (7, 2048), (41, 5003), (6, 16), (5, 0)]


def matrix(shape: tuple[int, int], dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(shape[0])).to(dtype)


@pytest.mark.parametrize("products", [row_products, row_products_reference])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_products(shape, count, products):
    rows = matrix(shape)
    chosen = [(7 * i + 2) % len(rows) for i in range(count)]
    found = products(rows, chosen)
    expected = rows.double() @ rows.double()[chosen].T
    assert found.dtype == torch.float64
    longest = float(rows.double().norm(dim=1).max()) ** 2
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6 * longest)


@pytest.mark.parametrize("combine", [combine_rows, combine_rows_reference])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_combinations(shape, combine):
    rows = matrix(shape)
    factors = torch.linspace(-1, 2, len(rows), dtype=torch.float64)
    found = combine(rows, factors)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), factors @ rows.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", ["plain", "transposed", "strided"])
def test_other_numbers_and_layouts(layout, dtype):
    rows = matrix((8, 300), dtype)
    if layout == "transposed":
        rows = rows.T.contiguous().T
    elif layout == "strided":
        rows = rows[:, ::3]
    tolerance = 1e-12 if dtype == torch.float64 else 2e-2
    products = row_products(rows, [7, 0])
    torch.testing.assert_close(products, rows.double() @ rows.double()[[7, 0]].T, rtol=tolerance, atol=50 * tolerance)
    factors = torch.arange(8, dtype=torch.float64)
    found = combine_rows(rows, factors)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), factors @ rows.double(), rtol=tolerance, atol=50 * tolerance)


def test_a_float32_view_without_gaps_in_a_row():
    """Rows further apart than they are wide: the native loops must not run on into what lies between."""
    whole = matrix((6, 5000))
    rows = whole[:, 100:3100]
    torch.testing.assert_close(row_products(rows, [1]), row_products(rows.contiguous(), [1]), rtol=1e-5, atol=1e-2)
    factors = torch.ones(6, dtype=torch.float64)
    torch.testing.assert_close(combine_rows(rows, factors), rows.sum(0), rtol=1e-5, atol=1e-5)


@needs_native
def test_long_products_stay_exact():
    """A plain float32 sum of so many equal numbers would be off by far more."""
    rows = torch.full((2, 3_000_000), 1.1)
    expected = rows[0, 0].double() ** 2 * rows.shape[1]
    assert float((row_products(rows, [1])[0, 0] / expected - 1).abs()) < 1e-6


@needs_native
def test_threads_change_nothing():
    rows = matrix((9, 30_000))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append((row_products(rows, [8, 1, 2]), combine_rows(rows, torch.arange(9, dtype=torch.float64))))
    finally:
        torch.set_num_threads(before)
    for first, second in zip(*results, strict=True):
        assert torch.equal(first, second)


@needs_native
def test_opcheck():
    rows = matrix((5, 40))
    torch.library.opcheck(torch.ops.nst.row_products.default, (rows, [4, 0]))
    torch.library.opcheck(torch.ops.nst.combine_rows.default, (rows, torch.ones(5, dtype=torch.float64)))


def test_nan_is_not_lost():
    rows = torch.ones(4, 100)
    rows[2, 50] = torch.nan
    assert row_products(rows, [0]).isnan().flatten().tolist() == [False, False, True, False]
    assert combine_rows(rows, torch.ones(4)).isnan().sum() == 1


def test_errors_say_what_is_wrong():
    rows = torch.zeros(3, 4)
    for products in (row_products, row_products_reference):
        for row in (3, -1):
            with pytest.raises(RuntimeError, match=f"row {row} of 3 does not exist"):
                products(rows, [row])
        with pytest.raises(RuntimeError, match="must be a matrix"):
            products(rows[0], [0])
        with pytest.raises(RuntimeError, match="must be of floating point"):
            products(rows.int(), [0])
    for combine in (combine_rows, combine_rows_reference):
        with pytest.raises(RuntimeError, match="a factor for each of 3 rows"):
            combine(rows, torch.ones(4))
        with pytest.raises(RuntimeError, match="must be a matrix"):
            combine(rows[0], torch.ones(4))
