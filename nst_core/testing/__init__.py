"""The conformance kit: what every component must do, as checks that any package's tests can run.

    import pytest
    from nst_core.testing import conformance

    @pytest.mark.parametrize("check", conformance(MyLoss), ids=str)
    def test_conforms(check):
        check()

It needs the package ``hypothesis`` (the extra ``testing``), not pytest. ``nst plugins check NAME`` runs
the same checks on an installed component.
"""

from __future__ import annotations

from nst_core.testing.check import Check, ConformanceError, NotApplicable, Outcome, run_checks
from nst_core.testing.kit import conformance

__all__ = ["Check", "ConformanceError", "NotApplicable", "Outcome", "conformance", "run_checks"]
