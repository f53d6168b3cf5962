"""Where components come from, in words."""

from __future__ import annotations

import copy

from nst_core.provenance import Failure, Origin


def test_an_origin_reads_as_part_of_a_sentence():
    assert str(Origin("warm", "nst-warm", "1.2")) == "plugin 'warm' of package nst-warm 1.2"


def test_origins_and_failures_are_values():
    origin = Origin("warm", "nst-warm", "1.2")
    assert {origin: 1}[Origin("warm", "nst-warm", "1.2")] == 1
    assert origin != Origin("warm", "nst-warm", "1.3")
    failure = Failure(origin, "no luck", "Traceback")
    assert copy.deepcopy(failure) == failure
