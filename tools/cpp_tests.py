"""Build the C++ library from nothing and run its tests.

    python tools/cpp_tests.py             the library, nst_embed, the installed package
    python tools/cpp_tests.py --sanitize  the library's tests under AddressSanitizer, of runs the first 30 evaluations

To be run with the Python that has nst. Needs cmake, ninja, and of Debian: doctest-dev, nlohmann-json3-dev, libpng-dev,
libturbojpeg0-dev. NST_TEST_WEIGHTS and NST_TEST_IMAGES add the tests with the real network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Leaks are looked for too. Torch itself is not instrumented, so vectors that it fills look as if they overflowed.
_ASAN = "detect_leaks=1:detect_container_overflow=0"


def call(*command: str | Path) -> None:
    """Show and run a command; stop with its exit code where it fails."""
    print("+", " ".join(map(str, command)), flush=True)
    code = subprocess.call([str(part) for part in command])
    if code:
        sys.exit(code)


def main() -> None:
    """Configure, build, test."""
    sanitize = sys.argv[1:] == ["--sanitize"]
    if sys.argv[1:] and not sanitize:
        sys.exit((__doc__ or "").strip())
    build = ROOT / "build" / ("cpp-sanitized" if sanitize else "cpp")
    shutil.rmtree(build, ignore_errors=True)
    options = [f"-DPython3_EXECUTABLE={sys.executable}"]
    if sanitize:
        options += ["-DNST_SANITIZE=address", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
        os.environ["ASAN_OPTIONS"] = _ASAN
    jobs = os.environ.get("MAX_JOBS", str(os.cpu_count() or 1))
    call("cmake", "-G", "Ninja", "-S", ROOT / "tests" / "cpp", "-B", build, *options)
    call("cmake", "--build", build, "-j", jobs)
    call("ctest", "--test-dir", build, "--output-on-failure", "--timeout", "600", "--parallel", jobs)


if __name__ == "__main__":
    main()
