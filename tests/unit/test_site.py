"""What tools/make_site.py finds in finished pages, and what tools/site_hooks.py makes of the sources."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import nst_core

ROOT = Path(__file__).resolve().parents[2]


def load(name: str) -> ModuleType:
    """A program as a module; tools are no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def maker():
    return load("make_site")


@pytest.fixture(scope="module")
def hooks():
    pytest.importorskip("mkdocs", reason='needs the extra "dev"')
    return load("site_hooks")


GOOD = '<h1 id="top">Top</h1><a href="b/index.html#here">b</a> <a href="#top">top</a> <a href="https://example.org">far</a>'


@pytest.mark.parametrize(
    ("piece", "defect"),
    [
        ("", ""),
        ('<a href="c.html">', "c.html leads nowhere"),
        ('<a href="b/#nowhere">', "b/#nowhere leads to no place of that page"),
        ('<a href="../a.html">', "../a.html leads nowhere"),
        ('<img src="picture.png" alt="A picture">', ""),
        ('<img src="picture.png">', "the image picture.png has no text"),
        ('<img src="picture.png" alt=" ">', "the image picture.png has no text"),
        ('<img src="//example.org/p.png" alt="P">', "//example.org/p.png is fetched from elsewhere"),
        ('<script src="https://example.org/s.js"></script>', "https://example.org/s.js is fetched from elsewhere"),
        (
            '<link rel="stylesheet" href="https://example.org/s.css">',
            "https://example.org/s.css is fetched from elsewhere",
        ),
        ('<link rel="canonical" href="https://example.org/">', ""),
        ('<iframe src="https://example.org/"></iframe>', "https://example.org/ is fetched from elsewhere"),
        ('<style>a { background: url("https://example.org/i.png") }</style>', "i.png is fetched from elsewhere"),
        ('<img srcset="picture.png 1x, https://example.org/2.png 2x" src="picture.png" alt="P">', "2.png is fetched"),
        ('<pre class="mermaid"><code>graph</code></pre>', "a diagram would be drawn by a script from another host"),
    ],
)
def test_defects_of_pages_are_found(piece, defect, maker, tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.html").write_text(GOOD + piece)
    (tmp_path / "b" / "index.html").write_text('<p id="here">Here</p>')
    (tmp_path / "picture.png").touch()
    found = list(maker.defects(tmp_path))
    assert len(found) == bool(defect)
    assert all((line.startswith("a.html: ") and line.endswith(defect)) or defect in line for line in found)


def test_style_sheets_may_fetch_nothing_from_elsewhere(maker, tmp_path):
    (tmp_path / "s.css").write_text(
        "@import url(https://example.org/font.css); a { background: url(data:image/png;base64,) }"
    )
    assert list(maker.defects(tmp_path)) == ["s.css: https://example.org/font.css is fetched from elsewhere"]


def test_formulas_become_mathml(hooks):
    html = '<p><span class="arithmatex">\\(a_1 &lt; b\\)</span></p><div class="arithmatex">\\[\n\\frac{1}{2}\n\\]</div>'
    found = hooks.on_page_content(html)
    assert found.count("<math ") == 2
    assert "<mfrac>" in found
    assert "<mo>&#x0003C;</mo>" in found
    assert "arithmatex" not in found


def test_roles_of_docstrings_are_resolved(hooks):
    assert hooks.on_page_content("see :meth:<code>~nst_core.Run.cancel</code>") == "see <code>cancel</code>"


@pytest.mark.parametrize(
    ("page", "text", "found"),
    [
        ("large.md", "[a](control.md)", "[a](control.md)"),
        ("large.md", "[a](../README.md#two)", "[a](index.md#two)"),
        ("notes/box.md", "[a](../../CONTRIBUTING.md)", "[a](../contributing.md)"),
        ("cpp.md", "[a](../docs/performance.md#memory)", "[a](performance.md#memory)"),
        ("cpp.md", "[a](ops/gram_sums.cpp)", "[a](source/cpp/ops/gram_sums.cpp.md)"),
        ("plugins/README.md", "[a](https://example.org/b.md)", "[a](https://example.org/b.md)"),
        ("large.md", "```sh\n[a](../README.md)\n```\n", "```sh\n[a](../README.md)\n```\n"),
    ],
)
def test_links_that_leave_the_folder_lead_to_pages(page, text, found, hooks):
    assert hooks.on_page_markdown(text, SimpleNamespace(file=SimpleNamespace(src_uri=page))) == found


def test_every_public_name_is_in_the_pages_of_the_api():
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "api").glob("*.md"))
    assert sorted(re.findall(r"^::: nst_core\.(\w+)$", pages, re.MULTILINE)) == sorted(nst_core.__all__)
