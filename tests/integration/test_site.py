"""The site, as tools/make_site.py builds it, in a browser: wide and narrow, without a network."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason='needs the extra "dev"')

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "index",
    "start",
    "control",
    "gallery/index",
    "losses",
    "mathematics",
    "architecture",
    "api/jobs",
    "reference/options",
    "reference/recipe",
    "plugins/publishing",
    "source/cpp/embed/main.cpp",
)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def built(folder: Path) -> Path:
    done = subprocess.run([sys.executable, "tools/make_site.py", str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("no defect\n")
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = Path(os.environ.get("NST_TEST_SITE") or built(tmp_path_factory.mktemp("site")))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=[1280, 390], ids=["wide", "narrow"])
def page(request, chromium, address):
    """A page that refuses every request to another host, and that has made none and met no error in the end."""
    context = chromium.new_context(viewport={"width": request.param, "height": 1600})
    found, elsewhere, errors = context.new_page(), [], []

    def only_here(route) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    found.route("**/*", only_here)
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on("response", lambda answer: errors.append(answer.url) if answer.status >= 400 else None)
    yield found
    context.close()
    assert (elsewhere, errors) == ([], [])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_loads_nothing_from_elsewhere(name, page, address, tmp_path):
    page.goto(f"{address}{name}.html")
    page.wait_for_load_state("networkidle")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert broken == []
    shots = Path(os.environ.get("NST_SCREENSHOTS", tmp_path))
    page.screenshot(path=shots / f"site-{name.replace('/', '-')}-{width}.png")


def test_formulas_are_drawn(page, address):
    page.goto(f"{address}mathematics.html")
    heights = page.evaluate(
        "[...document.querySelectorAll('.md-content math')].map(m => m.getBoundingClientRect().height)"
    )
    assert len(heights) > 50
    assert min(heights) > 5
    assert "\\frac" not in page.inner_text(".md-content")
    assert page.evaluate("document.querySelector('mfrac').getBoundingClientRect().height") > 15


def test_the_search_finds_an_option(page, address):
    page.goto(f"{address}index.html")
    page.wait_for_load_state("networkidle")
    if page.viewport_size["width"] < 600:
        page.click(".md-header label[for=__search]")
    page.click(".md-search__input")
    page.keyboard.type("normalize_gradients")
    page.wait_for_selector(".md-search-result__item a[href*='reference/options.html']")
