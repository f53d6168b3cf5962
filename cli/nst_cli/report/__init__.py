"""A report of many cells: HTML, Markdown, contact sheets, curves."""

from nst_cli.report.contents import Report, arrange
from nst_cli.report.writing import write_report

__all__ = ["Report", "arrange", "write_report"]
