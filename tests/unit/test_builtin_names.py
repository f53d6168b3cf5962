"""The core names no built-in: whatever it does with one, it could do with a third party's."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny import tiny_registry

ROOT = Path(__file__).resolve().parents[2] / "nst_core"
HOMONYMS = {
    "auto": "what to leave to the program: device, precision, tile, levels",
    "blend": "the option for the shares of several styles",
    "content": "a role, and the image that gives its targets",
    "image": "what is read and written",
    "match": "what two things do that agree",
    "pixels": "the layer that every extractor has, and the unit of sizes",
    "style": "a role, and the images that give its targets",
    "torchvision": "the package, and the preprocessing that its weights were trained with",
}
"""Names of built-ins that are words with another meaning in the core."""

NAMES = {entry.name for entry in tiny_registry().entries() if entry.origin.plugin == "builtin"} - {*HOMONYMS}


WORDS = {"noise", "range"}


def texts(source: str) -> Iterator[tuple[str, int]]:
    """Give every text in a module and its line, but for docstrings."""
    tree = ast.parse(source)
    documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value, node.lineno


def named(source: str) -> list[tuple[int, str]]:
    """Return where texts name a built-in. A word of everyday language counts only where it is written like a name."""
    return [
        (line, name)
        for text, line in texts(source)
        for name in sorted(NAMES)
        if re.search(
            rf"^{name}($|[:,=])|[:,=+']{name}\b" if name in WORDS else rf"(?<![\w-]){re.escape(name)}(?![\w-])", text
        )
    ]


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_names_no_built_in(path):
    assert named(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["x = 'lbfgs'", "f'{a}:adam'", "['tv']", "get('gram-style')", "x = 'take vgg19 here'", "x = 'noise:amplitude=1'"],
)
def test_a_name_would_be_found(source):
    assert len(named(source)) == 1


@pytest.mark.parametrize("source", ["'''gram-style'''", "x = 'out of range'", "x = 'a range of noise levels'"])
def test_words_and_docstrings_are_no_names(source):
    assert named(source) == []
    assert {"gram-style", "mse-content", "lbfgs", "adam", "vgg19", "noise", "tv"} <= NAMES
