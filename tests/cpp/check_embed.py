"""Run nst_embed as people do: a result for good input, a message and code 2 for bad.

python check_embed.py NST_EMBED FIXTURES
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import nst_core as nst


def check(program: Path, fixtures: Path, folder: Path) -> None:
    """Raise AssertionError where something is not as documented."""
    content, style, network = (str(fixtures / name) for name in ("picture.png", "picture.jpg", "stack-fp32.ts"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *arguments], capture_output=True, text=True, cwd=folder)

    done = run(content, style, network, "out.png", "--size", "40", "--steps", "30")
    assert (done.returncode, done.stdout) == (0, "out.png\n"), done.stderr
    assert "step 30/30" in done.stderr
    assert "s per evaluation" in done.stderr
    before = nst.load_image(content, size=40).pixels
    after = nst.load_image(folder / "out.png").pixels
    assert after.shape == before.shape
    assert (after - before).abs().mean() > 0.02

    with subprocess.Popen(
        [program, content, style, network, "early.png", "--steps", "1000000"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        said = running.stderr.read(len("\rstep 1/1000000"))
        running.send_signal(signal.SIGINT)
        said += running.stderr.read()
    assert running.returncode == 130, said
    assert "cancelled; this is the best image so far." in said
    assert nst.load_image(folder / "early.png").pixels.shape[1] == 3

    (folder / "damaged.png").write_bytes(Path(content).read_bytes()[:200])
    (folder / "damaged.jpg").write_bytes(Path(style).read_bytes()[:100])
    for arguments, message in (
        ((), "four files are needed"),
        ((content, style, network, "out.png", "--steps", "many"), "--steps needs a number, not 'many'"),
        ((content, style, network, "out.png", "--steps"), "--steps needs a value"),
        ((content, style, network, "out.png", "--stride", "2"), "there is no --stride"),
        ((content, style, network, "out.jpg"), "ends in .png"),
        ((content, style, network, "none/out.png"), "the folder 'none' does not exist"),
        (("none.png", style, network, "out.png"), "'none.png' cannot be opened"),
        (("damaged.png", style, network, "out.png"), "damaged"),
        (("damaged.jpg", style, network, "out.png"), "'damaged.jpg'"),
        ((network, style, network, "out.png"), "neither PNG nor JPEG"),
        ((content, style, "none.ts", "out.png"), "'none.ts' does not exist"),
        ((content, style, str(fixtures / "bare.ts"), "out.png"), "has no metadata"),
        ((content, style, network, "out.png", "--size", "1"), "needs at least 2×2"),
        ((content, style, network, "out.png", "--style-weight", "1e300"), "not finite at the first image"),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), (arguments, done)
        assert message in done.stderr, done.stderr


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        check(Path(sys.argv[1]), Path(sys.argv[2]), Path(made))
