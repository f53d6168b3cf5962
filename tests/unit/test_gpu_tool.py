"""tools/gpu.py and its sections, as far as it can be tried without a GPU and in a moment."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from nst_benchmarks.textbook import Textbook

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tools" / "gpu.py"


@pytest.fixture(scope="module")
def gpu() -> Iterator[Callable[[str], ModuleType]]:
    """What gives a module of ``gpu_check``, which is found beside the program alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(PROGRAM.parent)
        yield lambda name: importlib.import_module(f"gpu_check.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "gpu_check"]:
        del sys.modules[name]


def test_a_section_is_a_process_that_finds_the_built_ins(tmp_path):
    command = [sys.executable, str(PROGRAM), "--out", str(tmp_path), "--device", "cpu", "--only", "machine"]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    found = json.loads((tmp_path / "gpu.json").read_text())["machine"]
    assert "error" not in found
    assert "vgg19-lite" in found["extractors"]
    assert "- extractors: " in (tmp_path / "gpu.md").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"gpu.json", "gpu.md"}


def test_the_environment_tells_of_the_built_in_plugin(gpu, tmp_path):
    around = gpu("surroundings").environment(tmp_path)
    assert str(ROOT / "plugins") in around["PYTHONPATH"]
    (info,) = tmp_path.glob("nst-*.dist-info")
    assert "[nst]\nbuiltin = nst_plugins" in (info / "entry_points.txt").read_text()
    assert 'Requires-Dist: pillow-heif>=1.1; extra == "heif"\n' in (info / "METADATA").read_text()


def test_a_section_that_has_no_time_is_named(tmp_path):
    command = [sys.executable, str(PROGRAM), "--out", str(tmp_path), "--device", "cpu", "--seconds", "1"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100)
    assert "speed: SKIPPED" in done.stdout
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found.pop("set-up")["missing"] == []
    assert all("skipped" in section for section in found.values())


def test_a_process_that_takes_too_long_is_ended(gpu):
    assert gpu("processes").finished([sys.executable, "-c", "import time; time.sleep(60)"], 0.3) is None
    assert gpu("processes").finished([sys.executable, "-c", "raise SystemExit(3)"], 60) == 3


def test_files_are_shared_out_by_their_size(gpu, tmp_path):
    sizes = {"a": 50, "b": 30, "c": 25, "d": 20, "e": 1}
    files = [tmp_path / name for name in sizes]
    for path in files:
        path.write_bytes(bytes(sizes[path.name]))
    shares = gpu("suite").shared_out(files, 2)
    assert sorted(path for share in shares for path in share) == files
    totals = [sum(sizes[path.name] for path in share) for share in shares]
    assert sorted(totals) == [56, 70]  # 30, 25 and 1; 50 and 20
    assert [len(share) for share in gpu("suite").shared_out(files[:1], 4)] == [1]


def test_every_section_has_a_place_in_the_documentation(gpu):
    page = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    assert [name for name in gpu("sections").SECTIONS if f"| `{name}` |" not in page] == []


def test_waits_are_counted_by_line(gpu):
    with gpu("synchronisations").waits(gpu=False) as places:
        warnings.warn("called a synchronizing CUDA operation", UserWarning, stacklevel=1)
        warnings.warn("something else", UserWarning, stacklevel=1)
    assert places == {"outside nst": 1}


def test_the_textbook_and_the_engine_step_down(gpu, random_vgg19):
    pair = gpu("jobs").pair_of(48, str(random_vgg19))
    step = Textbook(pair).stepper()
    first, *_, last = [float(step()) for _ in range(4)]
    assert last < first
    problem = gpu("jobs").prepared(pair, "fp32", "cpu", steps=3).problem()
    ours = gpu("jobs").stepper(problem)
    for _ in range(4):  # one more than the problem has: it begins again
        ours()
    assert float(problem.evaluate()[0].total) == pytest.approx(first, rel=1e-3)
