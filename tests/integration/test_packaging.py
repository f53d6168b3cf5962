"""What a wheel puts into site-packages."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ("parts.html.jinja", "report.html.jinja", "report.md.jinja", "style.css")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    # A copy, since setuptools leaves its build folder beside the sources.
    folder = tmp_path_factory.mktemp("source")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return folder


def build(source, folder, **environment):
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-v", "-w", folder, source]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    done = build(source, folder, NST_BUILD_CPP="0")
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = folder.glob("*.whl")
    return path


def test_without_a_compiler_the_python_package_is_built_and_that_is_said(source, tmp_path):
    done = build(source, tmp_path, CXX="false", CC="false", NST_BUILD_CPP="auto")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "nst is installed WITHOUT its native kernels and will be slower" in done.stderr
    (path,) = tmp_path.glob("*.whl")
    assert not any(name.endswith((".so", ".pyd")) for name in zipfile.ZipFile(path).namelist())


def test_kernels_that_are_insisted_on_fail_hard(source, tmp_path):
    done = build(source, tmp_path, CXX="false", CC="false", NST_BUILD_CPP="1")
    assert done.returncode != 0
    assert "NST_BUILD_CPP=1, but the native kernels cannot be built" in done.stderr
    wrong = build(source, tmp_path, NST_BUILD_CPP="perhaps")
    assert wrong.returncode != 0
    assert "NST_BUILD_CPP must be one of auto, 1, 0, not 'perhaps'" in wrong.stderr


def test_a_wheel_holds_the_packages_and_their_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"nst_core", "nst_plugins", "nst_cli", "nst_benchmarks"}
    templates = [f"nst_cli/report/templates/{name}" for name in TEMPLATES]
    for needed in ("nst_core/py.typed", "nst_plugins/py.typed", "nst_core/images/samples/landscape.jpg", *templates):
        assert needed in names
    packaged = {n for n in names if n.endswith(".py")}
    sources = {
        str(path.relative_to(root))
        for root, package in (
            (ROOT, "nst_core"),
            (ROOT / "plugins", "nst_plugins"),
            (ROOT / "cli", "nst_cli"),
            (ROOT / "benchmarks", "nst_benchmarks"),
        )
        for path in (root / package).rglob("*.py")
    }
    assert packaged == sources


def test_a_wheel_works_where_the_sources_are_not(wheel, tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", tmp_path / "site", wheel],
        check=True,
        capture_output=True,
    )
    program = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import nst_core; print(nst_core.__file__);"
        "sys.argv = ['nst', 'plugins']; from nst_cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "site")], capture_output=True, text=True, cwd=tmp_path
    )
    assert str(tmp_path) in done.stdout.splitlines()[0]
    assert "gram-style" in done.stdout
    assert done.stderr == ""
