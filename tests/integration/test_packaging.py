"""What a wheel puts into site-packages."""

from __future__ import annotations

import hashlib
import json
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
    options = ("-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(["git", "ls-files", *options], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    git(folder, "init", "--quiet")
    git(folder, "add", "setup.py")
    git(folder, "commit", "--quiet", "--message", "Build it")
    return folder


def git(folder, *arguments):
    identity = ("-c", "user.name=nst", "-c", "user.email=nst@example.org")
    done = subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


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


def test_a_wheel_names_the_commit_it_was_built_from(wheel, source):
    recorded = zipfile.ZipFile(wheel).read("nst_core/_commit.txt").decode().strip()
    assert recorded == git(source, "rev-parse", "--short=10", "HEAD")


def test_a_wheel_says_what_it_bundles_and_under_which_licence(wheel):
    opened = zipfile.ZipFile(wheel)
    names = [name for name in opened.namelist() if not name.endswith("/")]
    (place,) = (name for name in names if name.endswith(".dist-info/sboms/nst.cdx.json"))
    components = json.loads(opened.read(place))["components"]
    hashes = {file["name"]: file["hashes"][0]["content"] for c in components for file in c.get("components", ())}
    data = [name for name in names if not name.endswith(".py") and ".dist-info/" not in name]
    assert hashes == {name: hashlib.sha256(opened.read(name)).hexdigest() for name in data}
    licences = {c["name"]: c["licenses"][0]["license"]["id"] for c in components}
    assert licences["vgg19-weights"] == "CC-BY-4.0"
    assert "pytorch" not in licences  # this one is without kernels
    texts = [name for name in names if ".dist-info/licenses/" in name]
    for word in ("LICENSE", "PyTorch.txt", "pybind11.txt", "plugins/nst_plugins/data/LICENSE.md"):
        assert any(name.endswith(f"/{word}") for name in texts), word


LEFTOVERS = (
    "plugins/nst_plugins/data/LICENSE.md~",
    "plugins/nst_plugins/.DS_Store",
    "plugins/nst_plugins/data/__pycache__/module.cpython-311.pyc",
    "cli/nst_cli/report/templates/.style.css.swp",
    "cli/nst_cli/studio/static/canvas.js.orig",
    "nst_core/images/samples/Thumbs.db",
)


@pytest.mark.once
def test_what_is_no_data_stays_out_and_data_that_nobody_accounts_for_stop_the_build(source, wheel, tmp_path):
    stray = source / "plugins" / "nst_plugins" / "data" / "stray.bin"
    left = [source / name for name in LEFTOVERS]
    for path in (*left, stray):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"?")
    try:
        stopped = build(source, tmp_path, NST_BUILD_CPP="0")
        stray.unlink()
        again = build(source, tmp_path, NST_BUILD_CPP="0")  # in the build folder of the first
    finally:
        for path in left:
            path.unlink()
    assert stopped.returncode != 0
    assert "the wheel would bundle nst_plugins/data/stray.bin, and build_support/bundled.toml" in stopped.stderr
    assert again.returncode == 0, again.stderr[-2000:]
    (path,) = tmp_path.glob("*.whl")
    assert set(zipfile.ZipFile(path).namelist()) == set(zipfile.ZipFile(wheel).namelist())


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
