"""Reports on many cells: an HTML page, a Markdown page, contact sheets and loss curves."""

from nst_cli.report.contents import Report, arrange
from nst_cli.report.writing import write_report

__all__ = ["Report", "arrange", "write_report"]
