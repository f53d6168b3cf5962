"""What several integration tests need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The Chromium of the system, as Playwright drives it. Where there is none, the test is skipped or fails."""
    playwright = pytest.importorskip("playwright.sync_api", reason='needs the extra "dev"')
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        assert "NST_TEST_CHROMIUM" not in os.environ, "tools/dev.py said that Chromium is there, but it is not"
        pytest.skip("Chromium needed: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
