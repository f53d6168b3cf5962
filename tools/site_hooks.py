"""What mkdocs.yml cannot say: pages from outside of docs/, links to source files, and formulas as MathML.

MkDocs calls the functions named ``on_…``; the pages in docs/ stay as they are read in the repository.
"""

from __future__ import annotations

import html
import logging
import os
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
DOCS = "docs"
# Files outside of docs/ that are pages of the site, and their names there.
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "LICENSE": "licence.md",
    "cpp/README.md": "cpp.md",
    "plugins/nst_plugins/data/LICENSE.md": "weights-licence.md",
}
LANGUAGES = {".cpp": "cpp", ".h": "cpp", ".inc": "cpp", ".json": "json", ".py": "python", ".toml": "toml"}
FENCE = re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<=\]\()([^)#\s]+)(?=[)#])")
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
ROLE = re.compile(r":\w+:<code>~?(?:[\w.]*\.)?(\w+)</code>")

log = logging.getLogger("mkdocs.hooks.nst")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside of docs/, and one for every source file that a page links to."""
    wanted = {path: name for path, name in PAGES.items() if path != "README.md"}
    own = {f"{DOCS}/{file.src_uri}": file.content_string for file in files.documentation_pages()}
    texts = own | {path: (ROOT / path).read_text(encoding="utf-8") for path in wanted}
    for path, text in texts.items():
        for target in _leaving(path, text):
            wanted.setdefault(target, _name(target))
    for path, name in wanted.items():
        if path != "README.md" and (ROOT / path).is_file():
            files.append(File.generated(config, name, content=_page(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links that leave docs/ to the pages that hold their targets."""
    name = page.file.src_uri
    place = next((path for path, other in PAGES.items() if other == name and path != "README.md"), f"{DOCS}/{name}")

    def moved(match: re.Match[str]) -> str:
        target = _target(place, match[0])
        if target is None or (place.startswith(f"{DOCS}/") and target.startswith(f"{DOCS}/")):
            return match[0]
        if not (ROOT / target).is_file():
            log.warning("%s links to %s, which is no file", place, match[0])
        return os.path.relpath(_name(target), posixpath.dirname(name) or ".")

    return _outside_code(markdown, lambda text: LINK.sub(moved, text))


def on_page_content(content: str, **_: Any) -> str:
    """Render formulas as MathML, which browsers show without a script, and resolve the roles of docstrings."""
    return ROLE.sub(r"<code>\1</code>", FORMULA.sub(_mathml, content))


def _mathml(match: re.Match[str]) -> str:
    block = match[1] == "div"
    formula = html.unescape(match[2]).strip()
    rendered = convert(formula, display="block" if block else "inline")
    return f'<{match[1]} class="formula" role="math">{rendered}</{match[1]}>'


def _leaving(place: str, text: str) -> Iterator[str]:
    """Yield the files outside of docs/ that a page links to."""
    for target in LINK.findall(FENCE.sub("", text)):
        found = _target(place, target)
        if found is not None and not found.startswith(f"{DOCS}/"):
            yield found


def _target(place: str, link: str) -> str | None:
    """Return what a link leads to, from the root of the repository; ``None`` for another host."""
    return None if ":" in link else posixpath.normpath(posixpath.join(posixpath.dirname(place), link))


def _name(path: str) -> str:
    """Return the page of the site that holds a file of the repository."""
    return path.removeprefix(f"{DOCS}/") if path.startswith(f"{DOCS}/") else PAGES.get(path, f"source/{path}.md")


def _page(path: str) -> str:
    text = (ROOT / path).read_text(encoding="utf-8")
    if path == "LICENSE":
        return f"# Licence\n\n```text\n{text}```\n"
    if path in PAGES:
        return text
    return (
        f"---\nsearch: {{exclude: true}}\n---\n\n# {path}\n\n```{LANGUAGES.get(Path(path).suffix, 'text')}\n{text}```\n"
    )


def _outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """Change a text except in its blocks of code."""
    parts, end = [], 0
    for block in FENCE.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join([*parts, change(markdown[end:])])
