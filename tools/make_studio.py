"""Take the picture of the studio for its page: ``python tools/make_studio.py docs/studio.jpg``."""

from __future__ import annotations

import io
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

SIZE = (1280, 900)


def main() -> None:
    """Paint the samples and take the picture."""
    target = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nst_cli", "ui", folder, "--port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None  # noqa: S101 - for the type checker
            address = server.stdout.readline().strip()
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": SIZE[0], "height": SIZE[1]})
                page.set_default_timeout(180_000)
                page.goto(address)
                page.click("#example-1")
                page.wait_for_selector("#photo img")
                page.wait_for_selector("#canvas .nst-after")
                page.click("#paint")
                page.wait_for_function("document.querySelector('.nst-status').innerText.startsWith('Finished')")
                page.fill("#canvas .nst-compare input", "45")
                page.wait_for_timeout(500)
                shot = Image.open(io.BytesIO(page.screenshot()))
                browser.close()
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(30)
    shot.convert("RGB").save(target, quality=85, optimize=True)
    print(target)


if __name__ == "__main__":
    main()
