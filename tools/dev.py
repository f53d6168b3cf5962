"""Everything that a fresh machine needs, in one command.

    python3.11 tools/dev.py run  [ARGUMENTS]   set up, then `nst run --plugin gram-style --optimizer lbfgs`
    python3.11 tools/dev.py test [ARGUMENTS]   set up, then lint, types and tests
    python3.11 tools/dev.py setup              set up only

Sets up a virtual environment in `.venv` of this repository. Uses nothing but the standard library.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv"
BIN = FOLDER / ("Scripts" if os.name == "nt" else "bin")
RUN = ("run", "--plugin", "gram-style", "--optimizer", "lbfgs")


def call(*command: str | Path) -> None:
    """Show and run a command; stop with its exit code where it fails."""
    print("+", " ".join(str(part) for part in command), flush=True)
    code = subprocess.call([str(part) for part in command], cwd=Path.cwd())
    if code:
        sys.exit(code)


def python(*arguments: str | Path) -> None:
    """Run the environment's Python."""
    call(BIN / "python", *arguments)


def setup(extra: str) -> None:
    """Make the environment and install the framework into it, editable."""
    if not (BIN / "python").exists() and not (BIN / "python.exe").exists():
        print(f"making a virtual environment in {FOLDER}", flush=True)
        if importlib.util.find_spec("ensurepip") is None:
            package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
            if not shutil.which("apt-get") or os.geteuid() != 0:
                sys.exit(f"this Python cannot make virtual environments; install {package} with your package manager")
            call("apt-get", "install", "--yes", package)
        venv.create(FOLDER, with_pip=True)
    python("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-e", f"{ROOT}{extra}")


def main() -> None:
    """Do what the first argument says."""
    task, rest = (sys.argv[1] if len(sys.argv) > 1 else ""), sys.argv[2:]
    if sys.version_info < (3, 11):  # noqa: UP036 - said to whoever runs this with an older Python
        sys.exit(f"nst needs Python 3.11 or newer; this is {sys.version.split()[0]}")
    if task not in ("run", "test", "setup"):
        sys.exit((__doc__ or "").strip())
    setup("" if task == "run" else "[dev]")
    if task == "run":
        call(BIN / "nst", *RUN, *rest)
    if task == "test":
        os.chdir(ROOT)
        python("-m", "ruff", "check", ".")
        python("-m", "ruff", "format", "--check", ".")
        python("-m", "mypy")
        python("-m", "pytest", *rest)


if __name__ == "__main__":
    main()
