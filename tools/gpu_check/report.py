"""What a section finds: a file of JSON, and tables of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Report:
    """What a section finds, in a file that is written anew with every finding.

    Attributes:
        file: of JSON.
        device: "cuda" or "cpu".
        weights: a weight set of VGG-19.
        deadline: when the section must have ended, as ``time.monotonic`` has it.
        found: what was found, by name.
    """

    file: Path
    device: str
    weights: str
    deadline: float
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device == "cuda"

    @property
    def left(self) -> float:
        """Seconds that are left to the section."""
        return self.deadline - time.monotonic()

    def add(self, name: str, value: Any) -> None:
        """Note a finding."""
        print(f"  {name}: {value}", flush=True)
        self.found[name] = value
        self._write()

    def row(self, table: str, **values: Any) -> None:
        """Note a row of a table."""
        print(f"  {table}: {', '.join(f'{k} {v}' for k, v in values.items())}", flush=True)
        self.found.setdefault(table, []).append(values)
        self._write()

    def _write(self) -> None:
        self.file.write_text(json.dumps(self.found, indent=1), encoding="utf-8")


def short(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")


def write(everything: dict[str, Any], folder: Path) -> None:
    """Write what was found, as JSON and as tables."""
    (folder / "gpu.json").write_text(json.dumps(everything, indent=1), encoding="utf-8")
    (folder / "gpu.md").write_text(as_markdown(everything), encoding="utf-8")


def as_markdown(everything: dict[str, Any]) -> str:
    """Return sections as headings, rows as tables, single values as lists."""
    lines = ["# nst on a GPU", ""]
    for section, found in everything.items():
        tables = {k: v for k, v in found.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
        lines += [f"## {section}", ""]
        lines += [f"- {k}: {_cell(v)}" for k, v in found.items() if k not in tables]
        for name, rows in tables.items():
            columns = list(dict.fromkeys(key for row in rows for key in row))
            lines += ["", f"{name}:", "", f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
            lines += [f"| {' | '.join(_cell(row.get(column, '')) for column in columns)} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
