"""Build the documentation as a site, and check what was built.

    python tools/make_site.py [FOLDER]      # into site/ by default

MkDocs refuses pages outside of the navigation and links that lead nowhere. This program then reads the finished pages:
every link and every anchor within the site must exist, nothing may be loaded from another host, and every image needs
a text that says what it shows. Every defect is printed, and the exit code is 1.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "site"
# Elements that fetch what an attribute names, and the relations of <link> that do not.
FETCHING = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src",),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
NOT_FETCHED = {"canonical", "next", "prev", "alternate"}
IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """What a finished page links to, fetches and shows.

    Attributes:
        anchors: what a link within the site may lead to.
        links: targets of links and of what is fetched.
        fetched: those of them that a browser fetches by itself.
        defects: images without a text.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.defects: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element names."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        self._style = tag == "style"
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and set(given.get("rel", "").split()) <= NOT_FETCHED:
            return
        for name in FETCHING.get(tag, ()):
            if name in given:
                self._fetch(given[name])
        for candidate in given.get("srcset", "").split(","):
            if candidate.strip():
                self._fetch(candidate.split()[0])
        for address in IN_STYLES.findall(given.get("style", "")):
            self._fetch(address)
        if tag == "img" and not given.get("alt", "").strip():
            self.defects.append(f"the image {given.get('src', '')} has no text")
        if tag == "pre" and "mermaid" in given.get("class", "").split():
            self.defects.append("a diagram would be drawn by a script from another host")

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a style sheet."""
        self._style = self._style and tag != "style"

    def handle_data(self, data: str) -> None:
        """Note what a style sheet in the page fetches."""
        if self._style:
            for address in IN_STYLES.findall(data):
                self._fetch(address)

    def _fetch(self, address: str) -> None:
        self.links.append(address)
        self.fetched.append(address)


def defects(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the pages in a folder, a line each."""
    pages = {path: read(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(folder)
        yield from (f"{name}: {defect}" for defect in page.defects)
        yield from (f"{name}: {address} is fetched from elsewhere" for address in page.fetched if _elsewhere(address))
        for link in dict.fromkeys(page.links):
            wrong = _wrong(link, path, folder, pages)
            if wrong:
                yield f"{name}: {wrong}"
    for path in sorted(folder.rglob("*.css")):
        for address in IN_STYLES.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(folder)}: {address} is fetched from elsewhere"


def read(path: Path) -> Page:
    """Read a page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _elsewhere(address: str) -> bool:
    return bool(urlsplit(address).netloc)


def _wrong(link: str, path: Path, folder: Path, pages: dict[Path, Page]) -> str:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    start = folder if parts.path.startswith("/") else path.parent
    target = Path(os.path.normpath(start / unquote(parts.path).lstrip("/"))) if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(folder) or not target.is_file():
        return f"{link} leads nowhere"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"{link} leads to no place of that page"
    return ""


def build(folder: Path) -> None:
    """Build the site; end with MkDocs' exit code where it finds something wrong."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    # The makers of the theme advertise their next program at every build.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "true"}
    command += ["--config-file", str(ROOT / "mkdocs.yml")]
    # With --quiet, MkDocs would not count warnings, and nothing would be strict.
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout)
        sys.exit(done.returncode)


def main() -> None:
    """Build and check."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER).resolve()
    build(folder)
    found = list(defects(folder))
    for line in found:
        print(line)
    if found:
        sys.exit(1)
    print(f"{len(list(folder.rglob('*.html')))} pages in {folder}, no defect")


if __name__ == "__main__":
    main()
