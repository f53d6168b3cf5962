"""Whether the native kernels are used, and what is said where they are not."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import types
from pathlib import Path

import pytest
import torch

from nst_core import JobError
from nst_core.ops import loading
from nst_core.ops.loading import native

ROOT = Path(__file__).resolve().parents[3]
HERE = torch.__version__.partition("+")[0]
MINOR = ".".join(HERE.split(".")[:2])
ANOTHER_PATCH = f"{MINOR}.99"


@pytest.fixture
def compiled(monkeypatch):
    """Let the compiled module be something else; what was found before is forgotten."""
    loading._load.cache_clear()
    installed = importlib.metadata

    def use(found, file=None) -> None:
        def imported(name: str):
            assert name == "nst_core._C"
            if isinstance(found, Exception):
                raise found
            return found

        finder = types.SimpleNamespace(find_spec={"nst_core._C": file and types.SimpleNamespace(origin=file)}.get)
        faked = types.SimpleNamespace(import_module=imported, metadata=installed, util=finder)
        monkeypatch.delenv("NST_NATIVE", raising=False)
        monkeypatch.setattr(loading, "importlib", faked)

    yield use
    loading._load.cache_clear()


def module(torch_version: str = HERE) -> types.SimpleNamespace:
    return types.SimpleNamespace(build_info=lambda: {"torch": torch_version})


def test_a_module_for_this_torch_is_used(compiled):
    found = module()
    compiled(found)
    assert native().module is found
    assert (native().reason, native().missing) == ("", False)


def test_kernels_that_were_not_compiled_come_with_a_command_that_compiles_them(compiled, monkeypatch):
    compiled(ModuleNotFoundError("no _C"))
    found = native()
    assert (found.module, found.missing) == (None, True)
    assert found.reason.startswith("they were not compiled when nst was installed; to compile them for this torch")
    assert found.reason.endswith(f'-m pip install --no-build-isolation --no-deps --force-reinstall -e "{ROOT}"')
    monkeypatch.setenv("NST_NATIVE", "1")
    with pytest.raises(JobError, match="NST_NATIVE=1, but the native kernels cannot be used: they were not compiled"):
        native()


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (ImportError("undefined symbol"), "they were compiled for another torch or machine (undefined symbol); "),
        (OSError("illegal instruction"), "they were compiled for another torch or machine (illegal instruction); "),
        (module("1.0.0"), f"they were compiled for torch 1.0.0, and this is {torch.__version__}; "),
    ],
)
def test_kernels_that_are_refused_are_worth_a_warning_that_says_how_to_repair_it(compiled, monkeypatch, found, reason):
    compiled(found)
    with pytest.warns(RuntimeWarning, match="nst runs without its native kernels and is slower: they were compiled"):
        refused = native()
    assert (refused.module, refused.missing) == (None, True)
    assert refused.reason.startswith(reason)
    assert "-m pip install --no-build-isolation" in refused.reason
    native()  # has been said
    monkeypatch.setenv("NST_NATIVE", "1")
    with pytest.raises(JobError, match="NST_NATIVE=1, but the native kernels cannot be used: they were"):
        native()


def test_for_another_minor_release_a_torch_that_fits_is_named(compiled):
    compiled(module("2.3.1"))
    with pytest.warns(RuntimeWarning):
        assert '-m pip install "torch==2.3.*" torchvision' in native().reason


def test_kernels_that_cannot_be_loaded_still_say_which_torch_they_are_for(compiled, tmp_path):
    file = tmp_path / "_C.so"
    file.write_bytes(b"\x7fELF\0nst was compiled for torch 2.3.1\0more")
    compiled(ImportError("undefined symbol: _ZN5torch"), file)
    with pytest.warns(RuntimeWarning):
        reason = native().reason
    assert reason.startswith(f"they were compiled for torch 2.3.1, and this is {torch.__version__}; ")
    assert '-m pip install "torch==2.3.*" torchvision' in reason


def test_of_a_long_error_the_beginning_is_shown(compiled):
    compiled(ImportError("undefined symbol: " + "x" * 1000))
    with pytest.warns(RuntimeWarning):
        assert len(native().reason) < 600


def relabelled(version: str, **replaced) -> types.SimpleNamespace:
    """The real kernels, which say that they were compiled for another torch."""
    real = loading.importlib.import_module("nst_core._C")
    own = {"gram": real.gram, "ConvStack": real.ConvStack, **replaced}
    return types.SimpleNamespace(build_info=lambda: {**real.build_info(), "torch": version}, **own)


needs_kernels = pytest.mark.skipif(native().module is None, reason="the kernels are not compiled, or turned off")


@needs_kernels
def test_the_file_of_the_kernels_says_what_they_themselves_say():
    assert loading._compiled_for() == native().module.build_info()["torch"]


@needs_kernels
def test_kernels_for_another_patch_release_are_used_once_they_have_proved_themselves(compiled):
    found = relabelled(ANOTHER_PATCH)
    compiled(found)
    with torch.inference_mode():
        assert native().module is found


@needs_kernels
@pytest.mark.parametrize(
    ("replaced", "wrong"),
    [
        ({"gram": lambda x: x.new_ones(1, 64, 64)}, "the kernel is off by"),
        ({"ConvStack": None}, "TypeError: 'NoneType' object is not callable"),
    ],
)
def test_kernels_for_another_patch_release_that_compute_wrongly_are_refused(compiled, replaced, wrong):
    compiled(relabelled(ANOTHER_PATCH, **replaced))
    with pytest.warns(RuntimeWarning, match="is slower"):
        reason = native().reason
    assert f"they were compiled for torch {ANOTHER_PATCH} and do not work with {torch.__version__} ({wrong}" in reason


@pytest.mark.parametrize(
    ("record", "source"),
    [
        (None, "nst-VERSION.tar.gz, the source archive of this release"),
        (
            {"url": "file:///downloads/nst-1.0-cp311-cp311-linux_x86_64.whl"},
            "nst-VERSION.tar.gz, the source archive of this release",
        ),
        ({"url": "file:///home/me/nst", "dir_info": {}}, '"file:///home/me/nst"'),
        (
            {"url": "https://example.org/nst.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
            '"git+https://example.org/nst.git@abc"',
        ),
    ],
)
def test_outside_a_checkout_the_command_names_what_was_installed(compiled, monkeypatch, tmp_path, record, source):
    monkeypatch.setattr(loading, "__file__", str(tmp_path / "nst_core" / "ops" / "loading.py"))
    text = record and json.dumps(record)
    distribution = types.SimpleNamespace(read_text={"direct_url.json": text}.get)
    monkeypatch.setattr(importlib.metadata, "distribution", {"nst": distribution}.get)
    compiled(ModuleNotFoundError("no _C"))
    assert native().reason.endswith(f"--force-reinstall {source}")


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
