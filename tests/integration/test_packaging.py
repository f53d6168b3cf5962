"""What a wheel puts into site-packages."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # From a copy, since setuptools leaves its build folder beside the sources.
    source = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, source]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_a_wheel_holds_three_packages_and_their_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert top == {"nst_core", "nst_plugins", "nst_cli"}
    for needed in ("nst_core/py.typed", "nst_plugins/py.typed", "nst_core/samples/landscape.jpg"):
        assert needed in names
    packaged = {n for n in names if n.endswith(".py")}
    sources = {
        str(path.relative_to(root))
        for root, package in ((ROOT, "nst_core"), (ROOT / "plugins", "nst_plugins"), (ROOT / "cli", "nst_cli"))
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
