"""The examples in the documentation work."""

from __future__ import annotations

import re
import tomllib
import types
from pathlib import Path

import pytest
import torch
from tiny import tiny_registry

import nst_core as nst

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def test_the_plugin_of_the_guide_works():
    (source,) = blocks("docs/plugins.md", "python")
    (project,) = (tomllib.loads(text) for text in blocks("docs/plugins.md", "toml"))
    module = types.ModuleType("nst_channel_means")
    exec(compile(source, "docs/plugins.md", "exec"), module.__dict__)  # noqa: S102
    (name,) = project["project"]["entry-points"]["nst"]
    registry = tiny_registry((name, module))
    assert registry.failures == []
    images = [torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    result = nst.stylize(
        *images, registry=registry, extractor="tiny", plugins=["channel-means:strength=2"], steps=10, device="cpu"
    )
    assert [t.loss for t in result.job.terms] == ["mse-content", "channel-means"]
    assert result.job.terms[1].weight == 1e3
    assert result.total < result.history[0]


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "docs/plugins.md", "docs/development.md", "docs/embedding.md", "docs/study.md"],
)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)  # code has brackets of its own
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in t]
    assert targets
    for target in targets:
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"
