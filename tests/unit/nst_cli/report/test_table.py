"""Numbers in a report are short enough to be compared by eye."""

from __future__ import annotations

import pytest

from nst_cli.report.table import number, percentage


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.25649, "0.256"),
        (0.00010349, "0.000103"),
        (0.0000316, "3.16e-5"),
        (204.4, "204"),
        (1663.2, "1663"),
        (-54321.9, "-54322"),
        (1.5e7, "1.5e7"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.0081126, "0.81 %"), (0.00001, "0 %"), (0.5, "50 %"), (1.0, "100 %")]
)
def test_shares(share, text):
    assert percentage(share) == text
