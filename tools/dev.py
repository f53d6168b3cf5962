"""Everything that a fresh machine needs, in one command.

    python3.11 tools/dev.py run  [ARGUMENTS]   set up, then `nst run`
    python3.11 tools/dev.py test [ARGUMENTS]   set up, then lint, types, the site, tests, some damaged files, a wheel
    python3.11 tools/dev.py setup              set up only

Sets up a virtual environment in `.venv` of this repository. Uses nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
BIN = FOLDER / ("Scripts" if os.name == "nt" else "bin")
RUN = ("run",)
# Each has a torch of its own, some 500 MB.
MOST_PROCESSES = 4
# What computes with the kernels, or asks for them: runs once more on their Python references, but for
# tests marked `once`.
KERNEL_TESTS = (
    "tests/integration/test_real.py",
    "tests/integration/test_regions.py",
    "tests/unit/engine",
    "tests/unit/export",
    "tests/unit/nst_cli/commands/test_doctor.py",
    "tests/unit/nst_cli/commands/test_run.py",
    "tests/unit/nst_plugins",
    "tests/unit/objective",
    "tests/unit/ops",
    "tests/unit/planning",
    "tests/unit/runtime",
    "tests/unit/test_api.py",
    "tests/unit/test_mixing.py",
    "tests/unit/testing",
)
# In a browser, which needs a core of its own: not beside other tests.
BROWSER_TESTS = ("tests/integration/test_studio.py", "tests/integration/test_site.py")
# For damaged images and recipes; for a day of them see tests/fuzz/run.py.
FUZZ_SECONDS = 24
# What the tests of the C++ library include, and the Debian packages that have it.
HEADERS = {
    "doctest/doctest.h": "doctest-dev",
    "nlohmann/json.hpp": "nlohmann-json3-dev",
    "png.h": "libpng-dev",
    "turbojpeg.h": "libturbojpeg0-dev",
}


def call(*command: str | Path) -> None:
    """Show and run a command; stop with its exit code where it fails."""
    print("+", " ".join(str(part) for part in command), flush=True)
    code = subprocess.call([str(part) for part in command], cwd=Path.cwd())
    if code:
        sys.exit(code)


def together(*programs: tuple[str | Path, ...]) -> None:
    """Run several programs with the environment's Python at the same time; stop where one has failed.

    Each leaves a core idle for part of its time. What they say is shown when all have ended, or when something else has
    gone wrong.
    """
    with contextlib.ExitStack() as stack:
        running = []
        for program in programs:
            said = stack.enter_context(tempfile.TemporaryFile())
            command = [str(part) for part in (BIN / "python", *program)]
            print("+", " ".join(command), "&", flush=True)
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
            stack.callback(_end, process, said)
            running.append(process)
        codes = [process.wait() for process in running]
    if any(codes):
        sys.exit(next(filter(None, codes)))


def _end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """End a program that is still running, and show what it has said."""
    if process.poll() is None:
        process.terminate()
        process.wait()
    said.seek(0)
    print("+", " ".join(map(str, process.args)), flush=True)  # type: ignore[arg-type]
    print(said.read().decode(errors="replace"), end="", flush=True)


def python(*arguments: str | Path) -> None:
    """Run the environment's Python."""
    call(BIN / "python", *arguments)


def requirements(*extras: str) -> list[str]:
    """Return what the project needs, and what builds its kernels."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    optional = project["project"]["optional-dependencies"]
    needed = [*project["build-system"]["requires"], "ninja", *project["project"]["dependencies"]]
    return needed + [requirement for extra in extras for requirement in optional[extra]]


def system(program: str, package: str, why: str) -> bool:
    """Have a program of the system's packages; return whether it is there."""
    if shutil.which(program):
        return True
    if not shutil.which("apt-get") or os.geteuid() != 0:
        print(f"{program} is missing: {why}. Install it with your package manager ({package}).", flush=True)
        return False
    call("apt-get", "update", "--quiet=2")
    call("apt-get", "install", "--yes", "--quiet=2", package)
    return True


def setup(*extras: str) -> None:
    """Make the environment and install the framework into it, editable, with its kernels compiled for its torch."""
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        print(f"making a virtual environment in {FOLDER}", flush=True)
        if importlib.util.find_spec("ensurepip") is None:
            package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
            if not shutil.which("apt-get") or os.geteuid() != 0:
                sys.exit(f"this Python cannot make virtual environments; install {package} with your package manager")
            call("apt-get", "install", "--yes", package)
        venv.create(FOLDER, with_pip=True)
    os.environ["PATH"] = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    # Python compiles what is imported; pip would compile 15,000 files, most of which never are.
    quiet = ("--quiet", "--disable-pip-version-check", "--no-compile")
    python("-m", "pip", "install", *quiet, *requirements(*extras))
    compiler = system("g++", "g++", "without a C++ compiler nst runs on its slower Python kernels")
    if not compiler and "dev" not in extras:
        os.environ.setdefault("NST_BUILD_CPP", "0")
    install = ("install", "--quiet", "--disable-pip-version-check", "--no-build-isolation", "--no-deps")
    print("compiling the native kernels (one or two minutes the first time)", flush=True)
    python("-m", "pip", *install, "-e", ROOT)


def processes() -> list[str]:
    """Return pytest's options for some processes that share the cores: most tests keep no more than one busy."""
    cores = os.cpu_count() or 1
    count = min(cores, MOST_PROCESSES)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores // count))
    return ["--numprocesses", str(count), "--dist", "worksteal"]


def cpp_format() -> None:
    """Hold the C++ code to .clang-format."""
    files = [path for folder in ("cpp", "tests/cpp") for path in sorted((ROOT / folder).rglob("*.*"))]
    call(BIN / "clang-format", "--dry-run", "--Werror", *(f for f in files if f.suffix in (".cpp", ".h", ".inc")))


def cpp_tests() -> list[tuple[str | Path, ...]]:
    """Have what the C++ library's tests need; return the program that runs them from a clean build, if it can."""
    packages = [package for header, package in HEADERS.items() if not Path("/usr/include", header).exists()]
    if not system("cmake", "cmake", "the tests of the C++ library need it"):
        packages.append("cmake")
    if packages and shutil.which("apt-get") and os.geteuid() == 0:
        call("apt-get", "update", "--quiet=2")
        call("apt-get", "install", "--yes", "--quiet=2", *packages)
    elif packages:
        print(f"the tests of the C++ library are SKIPPED; they need {', '.join(packages)}", flush=True)
        return []
    return [(ROOT / "tools" / "cpp_tests.py",)]


def main() -> None:
    """Do what the first argument says."""
    task, rest = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if sys.version_info < (3, 11):  # noqa: UP036 - said to whoever runs this with an older Python
        sys.exit(f"nst needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    if task not in ("run", "test", "setup"):
        sys.exit((__doc__ or "").strip())
    if task == "run":
        setup()
    else:
        os.environ.setdefault("NST_BUILD_CPP", "1")  # the tests are also tests of the kernels
        setup("dev")
    if task == "run":
        call(BIN / "nst", *RUN, *rest)
    if task == "test":
        os.chdir(ROOT)
        python("-m", "ruff", "check", ".")
        python("-m", "ruff", "format", "--check", ".")
        cpp_format()
        together(("-m", "mypy"), (ROOT / "tools" / "make_site.py",))
        os.environ["NST_TEST_SITE"] = str(ROOT / "site")
        if system("chromium", "chromium", "the tests that open a browser are SKIPPED without it"):
            os.environ["NST_TEST_CHROMIUM"] = "1"  # from here on a skip would be a defect
        if platform.machine() == "x86_64":
            system("qemu-x86_64", "qemu-user", "the tests on emulated older processors are SKIPPED without it")
        several = [] if rest else processes()
        alone = [] if rest else [f"--ignore={path}" for path in BROWSER_TESTS]
        python("-m", "pytest", *several, *alone, *rest)
        if not rest:
            python("-m", "pytest", *BROWSER_TESTS)
            together(*cpp_tests(), (ROOT / "tools" / "release.py", "--check"))
            python(ROOT / "tests" / "fuzz" / "run.py", "all", "--seconds", str(FUZZ_SECONDS))
        print("once more on the Python references of the kernels", flush=True)
        os.environ["NST_NATIVE"] = "0"
        python("-m", "pytest", "--quiet", *several, *(rest or ("-m", "not slow and not once", *KERNEL_TESTS)))


if __name__ == "__main__":
    main()
