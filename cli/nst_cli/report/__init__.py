"""A report of many cells: HTML, Markdown, contact sheets, curves."""
