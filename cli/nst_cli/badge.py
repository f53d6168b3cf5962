"""A badge: a small picture of two words, for the README of a plugin."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

__all__ = ["BAD", "GOOD", "badge"]

GOOD = "#2e7d32"
BAD = "#c62828"

# Width of a character of 11 px and of the space around a text. The text is fitted to it, whatever the font.
_CHARACTER = 6.4
_MARGIN = 12


def badge(left: str, right: str, color: str) -> str:
    """Return an SVG picture, 20 pixels high, that loads nothing.

    Args:
        left: what it is about, on grey.
        right: what it says of it.
        color: behind the right text, as CSS has it.
    """
    first, second = (round(_CHARACTER * len(text)) + _MARGIN for text in (left, right))
    title = f"{left}: {right}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{first + second}" height="20" role="img" '
        f"aria-label={quoteattr(title)}>"
        f"<title>{escape(title)}</title>"
        f'<rect width="{first + second}" height="20" rx="3" fill="#555"/>'
        f'<path d="M{first} 0h{second - 3}a3 3 0 0 1 3 3v14a3 3 0 0 1 -3 3h-{second - 3}z" fill={quoteattr(color)}/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f"{_text(left, first / 2, first)}{_text(right, first + second / 2, second)}</g></svg>\n"
    )


def _text(text: str, middle: float, width: int) -> str:
    return f'<text x="{middle:g}" y="14" textLength="{width - _MARGIN}">{escape(text)}</text>'
