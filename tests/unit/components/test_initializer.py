"""The images that an initializer may start from."""

from __future__ import annotations

import pytest
import torch

from nst_core import Initializer, InitialSources


def test_sources_are_empty_unless_given():
    sources = InitialSources()
    assert (sources.content, sources.styles, dict(sources.files)) == (None, (), {})
    with pytest.raises(AttributeError):
        sources.content = torch.zeros(1)


def test_an_initializer_needs_nothing_unless_it_says_so():
    assert (Initializer.file_parameters, Initializer.needs) == ((), ())
    with pytest.raises(TypeError, match="initial"):
        Initializer()
