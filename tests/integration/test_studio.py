"""The studio in a real Chromium: everything that a visitor does, through the page of the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import pytest
from PIL import Image

from nst_core import Job, read_recipe

pytest.importorskip("playwright", reason='needs the extra "dev"')

SECONDS = 120.0
"""The longest that anything here may take on a busy machine."""


@dataclass
class Server:
    """A studio that runs."""

    address: str
    folder: Path
    process: subprocess.Popen[str]

    def health(self) -> dict[str, object]:
        with fetch(f"{self.address}health") as answer:
            found: dict[str, object] = json.load(answer)
        return found


def fetch(address: str) -> HTTPResponse:
    answer: HTTPResponse = urllib.request.urlopen(address, timeout=SECONDS)  # noqa: S310 - of this test's server
    return answer


@contextmanager
def studio(folder: Path, *options: str, **environment: str) -> Iterator[Server]:
    temporary = folder.parent / f"{folder.name}-tmp"
    temporary.mkdir(parents=True)
    command = [sys.executable, "-m", "nst_cli", "ui", str(folder), "--port", "0", *options]
    environ = {**os.environ, "TMPDIR": str(temporary), **environment}
    with (temporary.parent / f"{folder.name}.log").open("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environ)
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://"), Path(log.name).read_text()
            server = Server(address, folder, process)
            until(lambda: not server.health()["busy"], "the networks are loaded")
            yield server
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0, Path(log.name).read_text()
            assert [*temporary.iterdir()] == [], "temporary files remain"
            assert "Traceback" not in Path(log.name).read_text(), Path(log.name).read_text()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()  # type: ignore[union-attr]


def until(condition: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to this: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with studio(tmp_path_factory.mktemp("studio") / "pictures", "--visitors", "3", "--max-size", "512") as found:
        yield found


class Visit:
    """A page that somebody has open."""

    def __init__(self, chromium, server: Server, **context) -> None:
        self.server, self.elsewhere, self.errors = server, [], []
        self.context = chromium.new_context(**({"viewport": {"width": 1440, "height": 1000}} | context))
        self.context.set_default_timeout(SECONDS * 1000)
        self.page = self.context.new_page()
        self.page.route("**/*", self._route)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(server.address)
        self.page.wait_for_selector("#paint")
        self.page.wait_for_selector("#canvas .nst-empty")

    def _route(self, route) -> None:
        if route.request.url.startswith((self.server.address, "data:", "blob:")):
            route.continue_()
        else:
            self.elsewhere.append(route.request.url)
            route.abort()

    def close(self) -> None:
        self.context.close()

    @property
    def status(self) -> str:
        return self.page.inner_text("#canvas .nst-status")

    @property
    def picture(self) -> str:
        return self.page.get_attribute("#canvas .nst-after", "src") or ""

    @property
    def command(self) -> str:
        return self.page.input_value("#command textarea")

    def shows(self, text: str) -> None:
        until(lambda: text in self.status, f"'{text}' and not '{self.status}'")

    def samples(self, number: int = 1) -> None:
        self.page.click(f"#example-{number}")
        self.page.wait_for_selector("#photo img")
        self.page.wait_for_selector("#painting-1 img")
        until(lambda: self.picture, "the photograph is on the canvas")

    def quick(self, size: int) -> None:
        self.page.check("#quick input[value='Small network only']")
        self.page.fill("#size input[type=number]", str(size))
        self.page.keyboard.press("Tab")

    def strength(self, value: str) -> None:
        self.page.fill("#strength input[type=number]", value)
        self.page.keyboard.press("Tab")

    def open(self, part: str) -> None:
        self.page.click(f"#{part} > button")

    def upload(self, field: str, path: Path) -> None:
        self.page.set_input_files(f"#{field} input[type=file]", str(path))

    def toast(self) -> str:
        self.page.wait_for_selector(".toast-body")
        text = self.page.locator(".toast-body").inner_text()
        self.page.locator(".toast-close").click()
        self.page.wait_for_selector(".toast-body", state="detached")
        return text


@pytest.fixture
def visit(chromium, server):
    made = []

    def begin(**context) -> Visit:
        made.append(Visit(chromium, server, **context))
        return made[-1]

    yield begin
    for one in made:
        one.close()
    until(lambda: server.health()["visitors"] == 0, "all visitors have left")
    for one in made:
        assert one.elsewhere == [], "the page asks somebody else"
        assert one.errors == []


def test_a_picture_from_the_samples_and_what_is_left_of_it(visit, server):
    one = visit()
    one.samples()
    photo = one.picture
    one.page.fill("#size input[type=number]", "288")
    one.page.keyboard.press("Tab")
    one.open("shell")
    one.page.click("#paint")
    one.shows("Draft by vgg19-lite")
    until(lambda: one.picture != photo, "a draft")
    one.shows("vgg19, 288 px")
    assert one.page.locator("#canvas .nst-curve polyline").get_attribute("points")
    one.shows("Finished. Kept as sample-landscape-sample-brushwork.png.")
    assert one.page.get_attribute("#canvas .nst-bar", "aria-valuenow") == "100"
    assert one.command == "nst run sample:landscape sample:brushwork --size 288"
    one.page.fill("#canvas .nst-compare input", "40")
    assert one.page.is_visible("#canvas .nst-before")
    assert "inset(0px 60% 0px 0px)" in one.page.locator("#canvas .nst-before").evaluate("e => e.style.clipPath")

    kept = server.folder / "sample-landscape-sample-brushwork.png"
    assert Job.from_toml(read_recipe(kept)).size == 288
    suffixes = {}
    for link in one.page.locator(".nst-results a[download]").all():
        with one.page.expect_download() as download:
            link.click()
        path = Path(download.value.path())
        suffixes[Path(download.value.suggested_filename).suffix] = path.read_bytes()
    assert suffixes[".png"] == kept.read_bytes()
    assert Job.from_toml(suffixes[".toml"].decode()) == Job.from_toml(read_recipe(kept))
    assert suffixes[".tif"][:4] in (b"II*\0", b"MM\0*")

    other = visit()
    assert other.page.locator(".nst-results figure").count() == 0, "another visitor sees nothing of it"
    one.page.click("text=Use its settings")
    one.upload("recipe", kept)
    until(lambda: "Settings of sample-landscape" in one.page.inner_text("#base"), "the recipe is taken up")


def test_a_picture_is_stopped_changed_and_taken_back_while_it_is_painted(visit, files):
    one = visit()
    one.samples(2)
    until(lambda: one.page.input_value("#strength input[type=number]") == "0.8", "the example's settings")
    one.quick(512)
    one.page.click("#paint")
    one.shows("256 px")
    before = one.picture
    one.strength("0.2")
    until(lambda: one.picture != before, "the preview changes")
    one.page.wait_for_selector("#undo:enabled")
    one.page.click("#stop")
    one.shows("Stopped. Kept as")
    assert one.page.is_enabled("#continue")
    stopped = one.picture
    one.page.click("#undo")
    until(lambda: one.page.input_value("#strength input[type=number]") == "0.8", "the settings before")
    until(lambda: one.picture != stopped, "the picture before")
    one.page.click("#continue")
    one.shows("Finished.")
    assert one.page.locator(".nst-results figure").count() == 2
    one.upload("photo", files / "half.png")
    until(lambda: one.page.is_disabled("#continue"), "another photograph is nothing to go on with")
    assert one.status == ""
    assert one.page.is_disabled("#undo")


def test_regions_are_drawn(visit):
    one = visit()
    one.samples()
    one.quick(64)
    one.open("draw")
    one.open("shell")
    canvas = one.page.locator("#editor canvas").first
    canvas.scroll_into_view_if_needed()
    one.page.wait_for_timeout(500)
    box = canvas.bounding_box()
    left, top = box["x"] + 0.4 * box["width"], box["y"] + 0.35 * box["height"]
    one.page.mouse.move(left, top)
    one.page.mouse.down()
    for step in range(1, 9):
        one.page.mouse.move(left + step * 0.025 * box["width"], top + step * 0.025 * box["height"])
    one.page.mouse.up()
    one.page.wait_for_timeout(500)
    one.open("draw")
    one.page.click("#paint")
    until(lambda: "--region" in one.command, "a region")
    assert "--region 'painting 1=region-1.png'" in one.command
    one.shows("Finished.")
    with one.page.expect_download() as download:
        one.page.click(".nst-results >> text=masks")
    assert download.value.suggested_filename.endswith("-masks.zip")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uploads")
    (folder / "text.png").write_text("no image")
    Image.new("RGBA", (80, 60), (0, 0, 0, 0)).save(folder / "invisible.png")
    frames = [Image.new("RGB", (80, 60), (40 * number, 90, 120)) for number in range(3)]
    frames[0].save(folder / "animated.gif", save_all=True, append_images=frames[1:])
    half = Image.new("RGBA", (80, 60), (200, 90, 20, 255))
    half.paste((0, 0, 0, 0), (0, 0, 30, 60))
    half.save(folder / "half.png")
    Image.new("1", (40000, 40000)).save(folder / "bomb.png")
    (folder / "large.png").write_bytes((folder / "half.png").read_bytes() + bytes(31 * 10**6))
    return folder


def test_bad_files_are_answered_with_a_sentence_and_others_are_taken(visit, files):
    one = visit()
    for name, answer in [
        ("text.png", "is not an image in a supported format"),
        ("invisible.png", "transparent everywhere"),
        ("bomb.png", "larger than the limit"),
        ("large.png", "size"),
    ]:
        one.upload("photo", files / name)
        told = one.toast()
        assert answer in told, (name, told)
        assert "/" not in told.replace(" / ", ""), "no path of the server"
        one.page.wait_for_selector("#photo input[type=file]", state="attached")
    for name, answer in [("half.png", "is transparent in part"), ("animated.gif", "has 3 frames")]:
        one.upload("photo", files / name)
        one.page.wait_for_selector("#photo img")
        assert answer in one.toast()
        one.page.click("#photo [aria-label='Remove Image'], #photo [title='Remove Image'], #photo [aria-label='Clear']")
    one.page.click("#paint")
    assert "Add a photograph first" in one.toast()
    one.errors.clear()  # the browser reports the file that was refused


def test_two_visitors_paint_in_turn_and_a_closed_page_makes_room(visit, server):
    one, two = visit(), visit()
    one.samples()
    two.samples()
    one.page.click("#paint")
    one.shows("vgg19, 256 px")
    two.quick(128)
    two.page.click("#paint")
    two.shows("Waiting for a free worker: 1 before you.")
    began = time.monotonic()
    one.close()
    two.shows("Finished.")
    assert server.health()["waiting"] == 0
    until(lambda: server.health()["visitors"] == 1, "the first has left")
    assert time.monotonic() - began < 15
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"{server.address}studio/files/unknown/picture.png")


def test_the_studio_has_room_for_so_many(visit, chromium, server):
    present = [visit() for _ in range(3)]
    late = Visit(chromium, server)
    assert "The studio is full: 3 visitors are here." in late.toast()
    late.close()
    assert len(present) == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_fits_wide_and_narrow_and_can_be_used_by_keyboard(visit, tmp_path, width, scheme):
    one = visit(viewport={"width": width, "height": 900}, color_scheme=scheme)
    one.samples()
    one.quick(64)
    reached = []
    for _ in range(60):
        one.page.keyboard.press("Tab")
        reached.append(one.page.evaluate("document.activeElement.id || document.activeElement.closest('[id]')?.id"))
    one.page.focus("#paint")
    one.page.keyboard.press("Enter")
    one.shows("Finished.")
    assert {"preset", "advanced"} & {*reached}, reached
    overflow = one.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{overflow} px too wide"
    background = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in background[4:-1].split(",")[:3]) > 384
    assert light == (scheme == "light"), background
    shots = Path(os.environ.get("NST_SCREENSHOTS", tmp_path))
    one.page.screenshot(path=shots / f"studio-{width}-{scheme}.png", full_page=True)


def test_a_large_picture_is_made_in_the_background(visit, server):
    one = visit()
    one.samples()
    one.quick(64)
    one.open("large")
    one.page.fill("#large-size input", "96")
    one.page.keyboard.press("Tab")
    until(lambda: "96×72 px: about" in one.page.inner_text("#large-forecast"), "the forecast")
    one.page.click("#large-begin")
    until(lambda: one.page.locator(".nst-results figure").count() == 1, "the large picture")
    assert "96×72" in one.page.inner_text(".nst-results")
    assert not [*(server.folder / ".unfinished").iterdir()]


def test_a_script_paints(server, tmp_path):
    client = pytest.importorskip("gradio_client")
    Image.effect_noise((96, 64), 60).convert("RGB").save(tmp_path / "photo.png")
    Image.radial_gradient("L").resize((64, 64)).convert("RGB").save(tmp_path / "painting.png")
    with studio(tmp_path / "pictures", NST_UI_AUTH="ada:secret") as guarded:
        with pytest.raises(ValueError, match=r"[Ll]ogin|credentials|401"):
            client.Client(guarded.address, verbose=False, auth=("ada", "wrong"))
        with fetch(f"{guarded.address}health") as answer:
            assert answer.status == 200
        script = client.Client(guarded.address, verbose=False, auth=("ada", "secret"), download_files=str(tmp_path))
        given = {name: client.handle_file(tmp_path / f"{name}.png") for name in ("photo", "painting")}
        made = script.predict(
            photo=given["photo"],
            paintings=[given["painting"]],
            size=64,
            quick=True,
            strength=0.7,
            api_name="/paint",
        )
        job = Job.from_toml(read_recipe(made))
        assert (job.size, job.strength, job.content.path) == (64, 0.7, "photo.png")
        asked = {"photo": {"path": str(tmp_path / "photo.png")}, "paintings": [{"path": "/etc/hostname"}]}
        with pytest.raises(client.exceptions.AppError, match="no file that was uploaded here"):
            script.predict(**asked, api_name="/paint")
        with pytest.raises(client.exceptions.AppError, match="The longest side may be 1024 pixels, not 2000"):
            script.predict(photo=given["photo"], paintings=[given["painting"]], size=2000, api_name="/paint")
        script.close()
