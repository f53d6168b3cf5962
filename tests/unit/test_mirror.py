"""Every module has a test file that can be found by its name.

The tests of ``nst_core/images/read.py`` are in ``tests/unit/images/test_read.py``, those of
``plugins/nst_plugins/presets.py`` in ``tests/unit/nst_plugins/test_presets.py``.
"""

from __future__ import annotations

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "unit"
PACKAGES = {"nst_core": ROOT, "nst_plugins": ROOT / "plugins"}

ELSEWHERE = {
    "nst_core.components.executor": ("an interface without code of its own", "experiments/test_batch.py"),
    "nst_core.components.transform": ("an interface without code of its own", "engine/test_colour.py"),
    "nst_core.engine.destination": ("fields that a checkpoint carries", "engine/test_checkpoint.py"),
    "nst_core.engine.problem": ("made by the preparation, solved by the loop", "engine/test_loop.py"),
    "nst_core.engine.result": ("what a run gives back", "engine/test_run.py"),
    "nst_core.export.*": ("steps of one export, which a file of each format goes through", "export/test_exporting.py"),
    "nst_core.objective.binding": ("losses are bound on the way to an objective", "objective/test_objective.py"),
    "nst_core.objective.features": ("what the terms of an objective see", "objective/test_objective.py"),
    "nst_core.objective.networks": ("networks of an objective", "objective/test_objective.py"),
    "nst_core.objective.terms": ("parts of an objective, each against its formula", "objective/test_objective.py"),
    "nst_core.options.context": ("what options are laid over a job with", "options/test_build.py"),
    "nst_core.options.losses": ("one of the groups of options", "options/test_build.py"),
    "nst_core.options.option": ("one row of the table", "options/test_table.py"),
    "nst_core.plugins.hookspecs": ("declarations, which agree with the table of kinds", "components/test_kinds.py"),
    "nst_core.testing.*": ("laws, which built-ins keep and wrong components break", "testing/test_kit.py"),
    "nst_core.video.container": ("files with video, through what reads them", "video/test_reading.py"),
    "nst_core.video.gif": ("one of the formats that are written", "video/test_writing.py"),
    "nst_core.video.pictures": ("pictures as clips, through what reads them", "video/test_reading.py"),
    "nst_core.video.sound": ("goes into a file with the pictures", "video/test_writing.py"),
    "nst_plugins.executors.attempts": ("tries of processes that die", "nst_plugins/executors/test_processes.py"),
    "nst_plugins.extractors.torchvision.models": (
        "with the extractor",
        "nst_plugins/extractors/torchvision/test_extractor.py",
    ),
    "nst_plugins.extractors.torchvision.network": (
        "with its graph",
        "nst_plugins/extractors/torchvision/test_graph.py",
    ),
    "nst_plugins.extractors.vgg.extractor": ("base of the networks", "nst_plugins/extractors/vgg/test_vgg19.py"),
    "nst_plugins.initializers.*": ("a few lines each", "nst_plugins/initializers/test_initializers.py"),
    "nst_plugins.losses.gram_style": ("formulas of the brief", "nst_plugins/losses/test_formulas.py"),
    "nst_plugins.losses.mse_content": ("formulas of the brief", "nst_plugins/losses/test_formulas.py"),
    "nst_plugins.losses.*": ("formulas of the others, which share their pieces", "nst_plugins/losses/test_zoo.py"),
    "nst_plugins.transforms.content": ("one of the colour modes", "nst_plugins/transforms/test_color_modes.py"),
    "nst_plugins.transforms.luminance": ("one of the colour modes", "nst_plugins/transforms/test_color_modes.py"),
    "nst_plugins.transforms.match": ("one of the colour modes", "nst_plugins/transforms/test_color_modes.py"),
    "nst_plugins.optimizers.*": ("the same demands on all", "nst_plugins/optimizers/test_optimizers.py"),
}
"""Modules whose tests are in a file of another name: why, and where. A pattern holds where no name fits."""


def modules() -> dict[str, Path]:
    """Return the modules that hold code by name, with the test file that belongs to each."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted((folder / package).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            if parts[-1] != "__init__":
                place = TESTS.joinpath(*(parts[1:-1] if package == "nst_core" else parts[:-1]))
                found[".".join(parts)] = place / f"test_{parts[-1]}.py"
    return found


def elsewhere(module: str) -> str | None:
    """Return the key of :data:`ELSEWHERE` that is about a module."""
    if module in ELSEWHERE:
        return module
    return next((pattern for pattern in ELSEWHERE if fnmatch(module, pattern)), None)


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_test_file(module):
    expected, key = modules()[module], elsewhere(module)
    if not expected.exists():
        assert key is not None, f"write {expected.relative_to(ROOT)}, or say in ELSEWHERE why not"


@pytest.mark.parametrize("key", ELSEWHERE)
def test_exceptions_are_needed_and_lead_to_tests(key):
    reason, place = ELSEWHERE[key]
    assert reason
    assert (TESTS / place).is_file()
    assert any(elsewhere(module) == key and not path.exists() for module, path in modules().items()), (
        f"{key} is not needed"
    )


def test_packages_without_modules_of_their_own_only_pass_names_on():
    """A package's __init__.py has no function or class that a test would be written for."""
    for package, folder in PACKAGES.items():
        for path in (folder / package).rglob("__init__.py"):
            defined = [
                node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)
            ]
            assert defined == [], path


def test_test_files_of_modules_that_are_gone_are_gone():
    """A file under a package's folder is about a module, or listed above, or about several of its modules."""
    several = {
        "engine/test_earlier.py",
        "engine/test_interrupted_between_levels.py",
        "engine/test_iteration.py",
        "engine/test_reweighting.py",
        "objective/test_normalization.py",
        "objective/test_projections.py",
        "ops/test_threads.py",
    }
    known = {str(path.relative_to(TESTS)) for path in modules().values()} | {place for _, place in ELSEWHERE.values()}
    for folder in (*(p.name for p in (ROOT / "nst_core").iterdir() if p.is_dir()), "nst_plugins"):
        for path in (TESTS / folder).rglob("test_*.py"):
            name = str(path.relative_to(TESTS))
            assert name in known or name in several, f"{name} is about no module"
