"""Install the library, and use it from projects that only know the installed package.

    python check_consumer.py BUILD FIXTURES

One is consumer/, the other the program of docs/embedding.md, as it stands there.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

import nst_core as nst

HERE = Path(__file__).resolve().parent
GUIDE = HERE.parents[1] / "docs" / "embedding.md"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def must(*command: str | Path) -> str:
    """Run a command that has to succeed."""
    done = run(*command)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build(source: Path, folder: Path, *options: str) -> None:
    """Configure and build a project."""
    must("cmake", "-G", "Ninja", "-S", source, "-B", folder, *options)
    must("cmake", "--build", folder, "-j1")


def program_of_the_guide(folder: Path) -> Path:
    """Write the first CMake and the first C++ block of the guide into a project."""
    text = GUIDE.read_text(encoding="utf-8")
    for name, language in (("CMakeLists.txt", "cmake"), ("main.cpp", "cpp")):
        block = re.search(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
        assert block, f"no {language} block in the guide"
        (folder / name).write_text(block[1])
    lines = (folder / "main.cpp").read_text().splitlines()
    assert len(lines) <= 30, f"the program of the guide has {len(lines)} lines"
    return folder


def check(binaries: Path, fixtures: Path, folder: Path) -> None:
    """Raise AssertionError where something is not as documented."""
    prefix = folder / "prefix"
    must("cmake", "--install", binaries, "--prefix", prefix)
    found = f"-DCMAKE_PREFIX_PATH={prefix}"
    wheel = Path(torch.__file__).parent

    refused = run("cmake", "-S", HERE / "consumer", "-B", folder / "no", found, f"-DNST_TORCH={folder}")
    assert refused.returncode != 0
    assert "there is no libtorch" in " ".join(refused.stderr.split()), refused.stderr

    build(HERE / "consumer", folder / "consumer", found, f"-DNST_TORCH={wheel}")
    consumer = folder / "consumer" / "consumer"
    assert must(consumer, fixtures / "stack-fp32.ts").endswith("5 evaluations, better\n")
    done = run(consumer, "none.ts")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'none.ts' does not exist" in done.stderr

    (folder / "guide").mkdir()
    build(
        program_of_the_guide(folder / "guide"), folder / "guide-build", found, f"-DPython3_EXECUTABLE={sys.executable}"
    )
    out = folder / "out.png"
    for name in ("content", "style"):
        nst.save_image(
            torch.rand(3, 24, 24, generator=torch.Generator().manual_seed(len(name))), folder / f"{name}.png"
        )
    images = (folder / "content.png", folder / "style.png")
    must(folder / "guide-build" / "paint", *images, fixtures / "stack-fp32.ts", out)
    assert nst.load_image(out).pixels.shape == (1, 3, 24, 24)
    must(prefix / "bin" / "nst_embed", *images, fixtures / "stack-fp32.ts", out, "--steps", "2")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        check(Path(sys.argv[1]), Path(sys.argv[2]), Path(made))
