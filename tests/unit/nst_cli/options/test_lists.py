"""Options that take several values in a row."""

from __future__ import annotations

import pytest

from nst_cli.options.lists import spread


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("--contents a b --styles c", "--contents a --contents b --styles c"),
        ("--contents a --quiet --styles b c", "--contents a --quiet --styles b --styles c"),
        ("--size 32 --contents a b", "--size 32 --contents a --contents b"),
        ("--contents a -o out b", "--contents a -o out b"),
        ("--contents", ""),
        ("", ""),
    ],
)
def test_every_value_gets_the_option(written, meant):
    assert spread(written.split()) == meant.split()
