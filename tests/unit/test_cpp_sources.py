"""The folders of cpp/: every source is built, and each includes only what it may depend on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

CPP = Path(__file__).resolve().parents[2] / "cpp"
MAY_INCLUDE = {
    "kernels": {"kernels"},
    "core": {"core", "kernels", "nst"},
    "ops": {"ops", "core", "kernels"},
    "layers": {"layers", "core", "kernels"},
    "library": {"library", "layers", "ops", "core", "kernels", "nst"},
    "python": {"layers", "ops", "core", "nst"},
    "include": {"nst"},
    "embed": {"nst"},
}
TORCH = {"ATen", "c10", "torch"}


def files(folder: str) -> list[Path]:
    return sorted(path for path in (CPP / folder).rglob("*") if path.suffix in (".cpp", ".h", ".inc"))


def included(path: Path) -> list[str]:
    return re.findall(r'^ *#include ["<](.+)[">]', path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_list_of_sources_is_complete():
    sources = json.loads((CPP / "build.json").read_text(encoding="utf-8"))["sources"]
    assert sources == {
        folder: sorted(path.name for path in (CPP / folder).glob("*.cpp"))
        for folder in ("kernels", "core", "ops", "layers", "library", "python")
    }


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_includes_point_one_way(folder):
    assert files(folder)
    for path in files(folder):
        own = {name.split("/")[0] for name in included(path) if "/" in name} - TORCH - {"nlohmann", "sys"}
        assert own <= MAY_INCLUDE[folder], path


def test_the_kernels_need_no_torch():
    for path in files("kernels"):
        assert not {name.split("/")[0] for name in included(path)} & TORCH, path
