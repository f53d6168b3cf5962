"""The examples in the documentation work."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
import typer
from installed import install

import nst_plugins
from nst_cli import main
from nst_core import load_image, make_job, save_image
from nst_core.components import KINDS, LOSS_KINDS, Loss, PretrainedExtractor
from nst_core.components.registry import Registry
from nst_core.options import table
from nst_core.plugins import hookspecs
from nst_core.provenance import Origin
from nst_core.testing import conformance, run_checks
from nst_core.weights import import_file
from nst_plugins.presets import ContentPreset, NoisePreset, PainterlyPreset, PatchesPreset

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


TUTORIAL = "docs/plugins/tutorial.md"


@pytest.fixture
def tutorial(tmp_path, monkeypatch):
    """The folder that a reader of the tutorial ends up with, installed as `pip install -e` would."""
    source, test = blocks(TUTORIAL, "python")
    (project,) = blocks(TUTORIAL, "toml")
    folder = tmp_path / "nst-channel-means"
    folder.mkdir()
    for name, text in (
        ("pyproject.toml", project),
        ("nst_channel_means.py", source),
        ("test_channel_means.py", test),
    ):
        assert f"`{name}`" in (ROOT / TUTORIAL).read_text(encoding="utf-8")
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "nst_channel_means", raising=False)
    return folder


def test_the_tests_of_the_tutorial_pass(tutorial):
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tutorial, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 15


def test_the_commands_of_the_tutorial_work(tutorial, nst, monkeypatch):
    project = tomllib.loads((tutorial / "pyproject.toml").read_text())["project"]
    (entry,) = project["entry-points"]["nst"].items()
    install(tutorial, project["name"], *entry)
    lines = [line for text in blocks(TUTORIAL, "sh") for line in text.splitlines()]
    ours = [line.split()[1:] for line in lines if line.startswith("nst ")]
    assert [command[0] for command in ours] == ["plugins", "plugins", "run"]
    for command in ours:
        # The sample pair, small and through the tiny network.
        quick = ["--extractor", "tiny", "--size", "48", "--steps", "10", "--json"] if command[0] == "run" else []
        done = nst(*command, *quick)
        assert done.code == 0, done.err
    summary = json.loads(done.out)
    assert [t["loss"] for t in summary["job"]["terms"]] == ["mse-content", "channel-means"]
    assert summary["job"]["terms"][1]["weight"] == 100.0
    assert summary["total"] < summary["first_total"]
    assert Path("channel-means.png").exists()


COMMANDS = "docs/plugins/commands.md"


def test_the_command_of_the_page_about_commands_works(nst, tmp_path, monkeypatch):
    (source,), (project,) = blocks(COMMANDS, "python"), blocks(COMMANDS, "toml")
    told = tomllib.loads(project)
    (entry,) = told["project"]["entry-points"]["nst"].items()
    assert told["tool"]["setuptools"]["py-modules"] == [entry[1]]
    install(tmp_path / "site", told["project"]["name"], *entry, source)
    monkeypatch.delitem(sys.modules, entry[1], raising=False)
    lines = [
        line.split()[1:] for text in blocks(COMMANDS, "sh") for line in text.splitlines() if line.startswith("nst ")
    ]
    assert lines[0][-1] == "--help"
    for line in lines:
        done = nst(*line)
        assert (done.code, done.err) == (0, "")
    assert done.out == "postcard.png\n"
    assert max(load_image("postcard.png").pixels.shape) == 64
    shown = re.search(r"│ postcard +(.*?) +│", nst("--help").out)
    assert shown[1] == "Paint a small picture quickly."


def test_finding_the_command_of_the_page_does_not_import_torch(tmp_path):
    (source,) = blocks(COMMANDS, "python")
    (tmp_path / "nst_postcard.py").write_text(source)
    program = "import sys, nst_postcard; print('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), *sys.path))}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "False\n"


def commands(app=None, prefix="nst"):
    """Every command of the program, by its full name."""
    app = app or main.build_app()
    for info in app.registered_commands:
        yield f"{prefix} {info.name or info.callback.__name__}", info.callback
    for group in app.registered_groups:
        name = f"{prefix} {group.name}"
        callback = group.typer_instance.registered_callback
        if callback is not None:
            yield name, callback.callback
        yield from commands(group.typer_instance, name)


def test_every_command_is_documented():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    found = dict(commands())
    assert {"nst run", "nst plugins", "nst plugins new", "nst plugins check", "nst plugins show"} <= set(found)
    for name, function in found.items():
        assert function.__doc__, f"{name} has no docstring"
        assert name in text, f"{name} is in no page"


def test_every_interface_is_in_the_reference():
    """Each hook, each interface, and each member of one that an author may write."""
    page = (ROOT / "docs" / "plugins" / "reference.md").read_text(encoding="utf-8")
    hooks = [name for name in vars(hookspecs) if name.startswith("nst_register_")]
    assert {*KIND_OF_HOOK, "nst_register_commands"} == {*hooks}
    hooks.remove("nst_register_commands")
    for name in hooks:
        assert getattr(hookspecs, name).__doc__
        assert f"`{name}(register)`" in page, f"{name} is missing in the reference"
        assert hasattr(nst_plugins, name) or not KIND_OF_HOOK[name].required
    assert "`nst_register_commands(app)`" in page
    bases = [Loss, *LOSS_KINDS, PretrainedExtractor, *(kind.base for kind in KINDS.values())]
    for base in bases:
        assert base is Loss or f"`{base.__name__}`" in page
        members = [name for name in {**vars(base), **base.__annotations__} if not name.startswith("_")]
        for member in members:
            assert re.search(rf"`{member}\b", page), f"{base.__name__}.{member} is missing in the reference"


def test_the_loss_of_the_reference_heeds_weights():
    names = {}
    exec(blocks("docs/plugins/reference.md", "python")[0], names)  # noqa: S102
    outcomes = {outcome.check.law.__name__: outcome for outcome in run_checks(conformance(names["Brightest"]))}
    assert [str(outcome) for outcome in outcomes.values() if outcome.verdict == "failed"] == []
    assert outcomes["heeds_weights"].verdict == "passed"


def test_the_executor_of_the_reference_conforms():
    names = {}
    exec(blocks("docs/plugins/reference.md", "python")[1], names)  # noqa: S102
    outcomes = list(run_checks(conformance(names["Pool"])))
    assert [str(outcome) for outcome in outcomes if outcome.verdict == "failed"] == []
    assert len(outcomes) == 4


def test_the_extractor_of_the_reference_finds_its_weights(tmp_path):
    *_, source = blocks("docs/plugins/reference.md", "python")
    names = {"EdgesNetwork": lambda weight: weight}
    exec(source, names)  # noqa: S102
    weight = torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.save({"weight": weight}, tmp_path / "mine.pth")
    import_file(tmp_path / "mine.pth", names["Edges"].architecture)
    assert torch.equal(names["Edges"]("mine").build(["edges"]), weight)


PROGRAMS = [
    (page, number)
    for page in ("README.md", "docs/control.md", "docs/gpu.md", "docs/large.md", "docs/python.md", "docs/start.md")
    for number in range(len(re.findall(r"^```python$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)))
]


@pytest.fixture
def quick(monkeypatch):
    """The presets take the quick network."""
    for preset in (PainterlyPreset, PatchesPreset, ContentPreset, NoisePreset):
        monkeypatch.setattr(preset, "extractor", "vgg19-lite")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("page", "number"), PROGRAMS)
def test_the_python_programs_run(page, number, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    for name in ("photo.jpg", "painting.jpg", "a.jpg", "b.jpg"):
        save_image(torch.rand(1, 3, 32, 40, generator=generator), name)
    for name, where in (("sky.png", slice(0, 16)), ("face.png", slice(24, 32))):
        mask = torch.zeros(1, 3, 32, 40)
        mask[:, :, where] = 1.0
        save_image(mask, name)
    program = re.sub(r"\bsize=\d+", "size=40", blocks(page, "python")[number])  # as they are, but small
    names = {}
    exec(program, names)  # noqa: S102
    result = names.get("result") or names["run"].result()
    assert result.total < result.first_total
    assert Path("pastiche.png").exists() or page != "README.md"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("part", "stopped", "evaluations"),
    [("raise KeyboardInterrupt", "cancelled", 20), ("checkpoint.finished()", "finished", 40)],
)
def test_the_programs_that_cancel_a_run_do(part, stopped, evaluations, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("photo.jpg", "painting.jpg")):
        save_image(torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(seed)), name)
    (program,) = (text for text in blocks("docs/python.md", "python") if part in text)
    names = {}
    exec(program, names)  # noqa: S102
    result = names.get("result") or names["run"].result()
    assert (result.stopped, result.evaluations) == (stopped, evaluations)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["painting.jpg", "pastiche.png", "photo.jpg"]


ARCHITECTURE = "docs/architecture.md"


def rooms():
    """Rows of packages of nst_core, from the bottom up, as the architecture page lists them."""
    text = (ROOT / ARCHITECTURE).read_text(encoding="utf-8")
    part = text.partition("<!-- rooms -->")[2].partition("<!-- end of rooms -->")[0]
    rows = [line.split("|")[1] for line in part.strip().splitlines()[2:]]
    return [re.findall(r"`(\w+)`", row) for row in rows]


def test_the_rooms_are_those_of_the_code_and_import_one_way():
    core = ROOT / "nst_core"
    found = {path.stem for path in core.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    height = {name: number for number, names in enumerate(rooms()) for name in names}
    assert {*height} == found - {"__init__"}
    for path in core.rglob("*.py"):
        own = path.relative_to(core).parts[0].removesuffix(".py")
        if own == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("nst_core"):
                continue
            _, _, inner = node.module.partition(".")
            for name in [inner.partition(".")[0]] if inner else [alias.name for alias in node.names]:
                assert name == own or height[name] < height[own], f"{path.relative_to(ROOT)} imports {name}"


def test_the_code_of_the_architecture_page_works(monkeypatch, capsys):
    loss, option, command = ({} for _ in range(3))
    for source, names in zip(blocks(ARCHITECTURE, "python"), (loss, option, command), strict=True):
        exec(source, names)  # noqa: S102
    registry = Registry()
    loss["nst_register_losses"](lambda name, cls: registry.add("loss", name, cls, Origin("page", "page", "0")))
    outcomes = run_checks(conformance(registry.get("loss", "energy-style").cls))
    assert [o for o in outcomes if o.verdict == "failed"] == []
    monkeypatch.setattr(table, "OPTIONS", (*table.OPTIONS, option["STYLE_SIZE"]))
    job = make_job("sample:landscape", "sample:brushwork", size=512, style_size=128)
    assert job.styles[0].scale == 0.25
    app = typer.Typer()
    command["nst_register_commands"](app)
    app(["sample:landscape"], standalone_mode=False)
    assert all(0 < float(number) < 1 for number in capsys.readouterr().out.split())


KIND_OF_HOOK = {kind.hook: kind for kind in KINDS.values()}
PAGES = sorted(
    str(p.relative_to(ROOT)) for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("cpp/*.md")]
)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)  # code has brackets of its own
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in t]
    for target in targets:
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"
