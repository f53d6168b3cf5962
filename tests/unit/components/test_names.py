"""Names are kebab-case."""

from __future__ import annotations

import pytest

from nst_core import JobError
from nst_core.components.names import check_name, is_name


@pytest.mark.parametrize("name", ["a", "tv", "w2-style", "vgg19-lite", "a-1-b"])
def test_names(name):
    assert is_name(name)
    check_name(name)


@pytest.mark.parametrize("name", ["", "A", "a_b", "1a", "-a", "a-", "a--b", "a b", "ä", "a\n", "a.b", "a:b"])
def test_what_is_no_name_is_explained(name):
    assert not is_name(name)
    with pytest.raises(JobError, match="use lower-case letters, digits and single hyphens, as in warm-style"):
        check_name(name)


@pytest.mark.parametrize("thing", [None, 3, b"tv", ["tv"]])
def test_only_texts_are_names(thing):
    assert not is_name(thing)
