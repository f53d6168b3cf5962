"""Whether the native kernels are used, and what is said where they are not."""

from __future__ import annotations

import importlib
import types

import pytest
import torch

from nst_core import JobError
from nst_core.ops import loading
from nst_core.ops.loading import native

HERE = torch.__version__.partition("+")[0]


@pytest.fixture
def compiled(monkeypatch):
    """Let the compiled module be something else; what was found before is forgotten."""
    loading._load.cache_clear()

    def use(found) -> None:
        def imported(name: str):
            assert name == "nst_core._C"
            if isinstance(found, Exception):
                raise found
            return found

        monkeypatch.delenv("NST_NATIVE", raising=False)
        monkeypatch.setattr(loading, "importlib", types.SimpleNamespace(import_module=imported))

    yield use
    loading._load.cache_clear()


def module(torch_version: str = HERE) -> types.SimpleNamespace:
    return types.SimpleNamespace(build_info=lambda: {"torch": torch_version})


def test_a_module_for_this_torch_is_used(compiled):
    found = module()
    compiled(found)
    assert native().module is found
    assert (native().reason, native().missing) == ("", False)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (ModuleNotFoundError("no _C"), "they were not compiled when nst was installed"),
        (ImportError("undefined symbol"), "they were compiled for another torch or machine (undefined symbol)"),
        (OSError("illegal instruction"), "they were compiled for another torch or machine (illegal instruction)"),
        (module("1.0.0"), f"they were compiled for torch 1.0.0, and this is {torch.__version__}"),
    ],
)
def test_without_one_the_reason_is_said(compiled, monkeypatch, found, reason):
    compiled(found)
    assert (native().module, native().reason, native().missing) == (None, reason, True)
    monkeypatch.setenv("NST_NATIVE", "1")
    with pytest.raises(JobError, match="NST_NATIVE=1, but the native kernels cannot be used: they were"):
        native()


def test_they_can_be_turned_off(compiled, monkeypatch):
    compiled(module())
    monkeypatch.setenv("NST_NATIVE", "0")
    assert (native().module, native().reason, native().missing) == (None, "turned off by NST_NATIVE=0", False)
    monkeypatch.setenv("NST_NATIVE", "1")
    assert native().module is not None


@pytest.mark.parametrize("value", ["", "yes", "2"])
def test_other_values_are_refused(monkeypatch, value):
    monkeypatch.setenv("NST_NATIVE", value)
    with pytest.raises(JobError, match=f"NST_NATIVE must be auto, 0 or 1, not '{value}'"):
        native()


def test_the_module_is_imported_by_its_full_name():
    assert loading.importlib is importlib
