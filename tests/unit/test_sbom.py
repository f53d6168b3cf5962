"""The bill of materials of a wheel: what is named, and what stops a build."""

from __future__ import annotations

import hashlib
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {"pytorch": "2.14.1", "pybind11": "3.1.0"}


@pytest.fixture(scope="module")
def document():
    return runpy.run_path(str(ROOT / "build_support" / "sbom.py"))["document"]


@pytest.fixture
def wheel(tmp_path):
    """What a wheel unpacks to, in part."""
    for name in ("nst_core/run.py", "nst_core/py.typed", "nst_core/_C.x.so", "nst-1.2.dist-info/METADATA"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_it_is_cyclonedx_and_says_which_nst_it_is_of(document, wheel):
    found = document(wheel, "1.2", VERSIONS, "0123456789")
    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
    nst = found["metadata"]["component"]
    assert (nst["name"], nst["version"], nst["purl"]) == ("nst", "1.2", "pkg:pypi/nst@1.2")
    assert nst["properties"] == [{"name": "nst:commit", "value": "0123456789"}]


def test_files_have_hashes_and_what_is_compiled_in_has_versions(document, wheel):
    components = {c["name"]: c for c in document(wheel, "1.2", VERSIONS)["components"]}
    assert set(components) == {"records", "native-kernels", "pytorch", "pybind11"}
    (file,) = components["records"]["components"]
    assert file["name"] == "nst_core/py.typed"
    assert file["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(b"nst_core/py.typed").hexdigest()}]
    assert {name: c["version"] for name, c in components.items() if "version" in c} == VERSIONS
    assert components["pybind11"]["licenses"] == [{"license": {"id": "BSD-3-Clause"}}]


def test_without_kernels_nothing_is_compiled_in(document, wheel):
    (wheel / "nst_core" / "_C.x.so").unlink()
    assert [c["name"] for c in document(wheel, "1.2", {})["components"]] == ["records"]


def test_the_same_contents_have_the_same_serial_number_and_others_another(document, wheel):
    first, again = (document(wheel, "1.2", VERSIONS)["serialNumber"] for _ in range(2))
    assert first == again
    (wheel / "nst_core" / "py.typed").write_text("changed")
    assert document(wheel, "1.2", VERSIONS)["serialNumber"] != first


def test_a_file_without_an_entry_is_an_error(document, wheel):
    (wheel / "nst_core" / "weights.bin").write_bytes(b"?")
    with pytest.raises(ValueError, match=r"bundle nst_core/weights\.bin, and .*bundled\.toml does not .* licence"):
        document(wheel, "1.2", VERSIONS)


def test_a_folder_of_data_is_no_entry_for_whatever_lies_in_it(document, wheel):
    for name in ("nst_cli/studio/static/canvas.js", "nst_cli/studio/static/font.woff2"):
        (wheel / name).parent.mkdir(parents=True, exist_ok=True)
        (wheel / name).write_text(name)
    with pytest.raises(ValueError, match=r"would bundle nst_cli/studio/static/font\.woff2, and"):
        document(wheel, "1.2", VERSIONS)
