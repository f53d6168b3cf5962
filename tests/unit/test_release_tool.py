"""tools/release.py: what stops a release. The test command runs the rest of it."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tools" / "release.py"
PICTURE = b"a picture"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The program as a module; tools are no package."""
    spec = importlib.util.spec_from_file_location("release", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("here", "everywhere", "fragments", "fault"),
    [
        ([], [], ["one.added.md"], ""),
        (["v1.2"], ["v1.2"], [], ""),
        (["v1.2", "nightly"], ["v1.2", "nightly"], [], ""),
        (["v1.1"], ["v1.1"], [], "this commit is tagged v1.1, and pyproject.toml says 1.2"),
        ([], ["v1.2"], [], "another commit is tagged v1.2: raise the version in pyproject.toml"),
        (["v1.2"], ["v1.2"], ["one.added.md"], "this commit is tagged, and CHANGELOG.md lacks 1 fragments"),
    ],
)
def test_tag_version_and_changelog_have_to_agree(release, here, everywhere, fragments, fault):
    found = release.tag_fault("1.2", here, everywhere, fragments)
    assert found.startswith(fault) if fault else found == ""


def test_notes_of_a_version_end_where_the_version_before_begins(release):
    changelog = "# Changelog\n\n## 1.2 (2031-02-03)\n\n- New.\n\n## 1.1 (2030-01-01)\n\n- Old.\n"
    assert release.section(changelog, "1.2") == "## 1.2 (2031-02-03)\n\n- New.\n"
    assert release.section(changelog, "1.1") == "## 1.1 (2030-01-01)\n\n- Old.\n"
    assert release.has_section(changelog, "1.2")
    assert not release.has_section(changelog, "1.3")
    with pytest.raises(SystemExit, match=r"CHANGELOG.md has nothing about 1\.3"):
        release.section(changelog, "1.3")


@pytest.fixture
def project(tmp_path):
    """A checkout with two files that belong into a source archive and one that does not."""
    for name in ("cpp/kernel.cpp", "setup.py", "docs/page.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


TRACKED = ("cpp/kernel.cpp", "setup.py", "docs/page.md", "cpp/deleted.cpp")
COMPLETE = {"cpp/kernel.cpp": "cpp/kernel.cpp", "setup.py": "setup.py"}


def packed(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"nst-1.2/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (COMPLETE, ""),
        ({**COMPLETE, "PKG-INFO": "Name: nst", "nst_core/_commit.txt": "abc"}, ""),
        ({"setup.py": "setup.py"}, "lacks cpp/kernel.cpp"),
        ({**COMPLETE, "cpp/kernel.cpp": "another"}, "has changed cpp/kernel.cpp"),
        ({**COMPLETE, "nst_core/_C.so": "binary"}, "has, and git has not, nst_core/_C.so"),
    ],
)
def test_a_source_archive_holds_what_git_has(release, project, tmp_path, files, fault):
    archive = packed(tmp_path / "nst-1.2.tar.gz", files)
    assert release.archive_fault(archive, project, TRACKED) == (fault and f"nst-1.2.tar.gz {fault}")


def wheel(path: Path, *, kernels: bool = True, licence: bool = True, listed: bytes = PICTURE, other: str = "") -> Path:
    """A wheel of version 1.2, whole or with something amiss."""
    info = "nst-1.2.dist-info/"
    files = [
        {"name": name, "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]}
        for name, data in (("nst_core/a.jpg", listed), ("nst_core/_C.so", b"before auditwheel"))
    ]
    contents = {
        "nst_core/__init__.py": b"",
        "nst_core/a.jpg": PICTURE,
        f"{info}METADATA": b"Name: nst\nVersion: 1.2\nLicense-File: LICENSE\n",
        f"{info}sboms/nst.cdx.json": json.dumps({"components": [{"name": "all", "components": files}]}).encode(),
    }
    if kernels:
        contents["nst_core/_C.so"] = b"kernels"
    if licence:
        contents[f"{info}licenses/LICENSE"] = b"MIT"
    if other:
        contents[other] = b"?"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    ("amiss", "fault"),
    [
        ({}, ""),
        ({"kernels": False}, "w.whl has no native kernels"),
        ({"licence": False}, "w.whl lacks texts of licences: LICENSE"),
        ({"listed": b"another picture"}, "the SBOM of w.whl does not describe nst_core/a.jpg"),
        ({"other": "nst.libs/libgomp.so"}, "the SBOM of w.whl does not describe nst.libs/libgomp.so"),
    ],
)
def test_a_wheel_is_refused_where_something_is_amiss(release, tmp_path, amiss, fault):
    assert release.wheel_fault(wheel(tmp_path / "w.whl", **amiss), "1.2") == fault


def test_a_wheel_of_another_version_is_refused(release, tmp_path):
    assert release.wheel_fault(wheel(tmp_path / "w.whl"), "1.3") == "w.whl is not version 1.3"


def test_a_bare_machine_has_no_compiler_and_no_settings_of_ours(release, tmp_path, monkeypatch):
    monkeypatch.setenv("NST_NATIVE", "0")
    monkeypatch.setenv("PYTHONPATH", "somewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    found = release.bare_environment(tmp_path / "bin", tmp_path / "home")
    assert found["PATH"] == str(tmp_path / "bin")
    assert not Path(found["CXX"]).exists()
    assert found["HTTPS_PROXY"] == "http://proxy"
    assert "PYTHONPATH" not in found
    assert "NST_NATIVE" not in found


def test_a_version_is_written_into_the_changelog_once(release):
    released = re.findall(r"^## (\S+) ", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    if release.version() not in released:
        pytest.skip("the version is not in the changelog yet")
    before = (ROOT / "CHANGELOG.md").read_bytes()
    done = subprocess.run([sys.executable, str(PROGRAM), "--write-changelog"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "raise the version in pyproject.toml" in done.stderr or "checkout with git" in done.stderr
    assert (ROOT / "CHANGELOG.md").read_bytes() == before


def test_sums_are_those_that_sha256sum_checks(release, tmp_path):
    (tmp_path / "a.whl").write_bytes(b"a wheel")
    (tmp_path / "b.tar.gz").write_bytes(b"an archive")
    release.sums(tmp_path)
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "a.whl: OK\nb.tar.gz: OK\n")


def test_a_folder_that_is_not_empty_is_not_touched(tmp_path):
    (tmp_path / "mine").write_text("mine")
    command = [sys.executable, str(PROGRAM), "--out", str(tmp_path), "--allow-dirty"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "is not empty" in done.stderr or "is tagged" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
