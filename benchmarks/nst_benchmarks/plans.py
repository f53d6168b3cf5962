"""Memory as planned against memory as measured, and the time of tiles.

python -m nst_benchmarks.plans CONTENT STYLE WEIGHTS SIZE[:LIMIT[:STEPS]] …

Every case is planned in one process and run in another, whose peak resident memory the system tells. Enough steps fill
the optimizer's memory; fewer leave some of it untouched.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from nst_benchmarks.memory import peak
from nst_core import Resources, make_job, plan, run
from nst_core.runtime.memory import parse_memory

__all__ = ["main"]

STEPS = 23  # more than L-BFGS remembers


def main() -> None:
    """Measure every case and print a line about it."""
    content, style, weights, *cases = sys.argv[1:]
    if cases[0] in ("--plan", "--run"):
        print(json.dumps(_one(content, style, weights, *cases)))  # noqa: T201
        return
    for case in cases:
        found: dict[str, Any] = {}
        for task in ("--plan", "--run"):
            command = [sys.executable, "-m", "nst_benchmarks.plans", content, style, weights, task, case]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
            found |= json.loads(done.stdout)
        print(_line(found), flush=True)  # noqa: T201


def _one(content: str, style: str, weights: str, task: str, case: str) -> dict[str, Any]:
    size, limit, steps = [*case.split(":"), "", ""][:3]
    most = parse_memory(limit) if limit else None
    job = make_job(
        content,
        style,
        preset="content",
        extractor="vgg19",
        weights=weights,
        size=int(size),
        steps=int(steps or STEPS),
    )
    if task == "--plan":
        return plan(job, resources=Resources(memory_limit=most)).to_dict()
    result = run(job, resources=Resources(memory_limit=most))
    return {"peak": peak() * 1024**2, "each": result.seconds / result.evaluations}


def _line(found: dict[str, Any]) -> str:
    (level,) = found["levels"]
    megapixels = level["height"] * level["width"] / 1e6
    return (
        f"{level['width']}×{level['height']}  {level['rows']}×{level['columns']} tiles, "
        f"overlap {level['overlap']:.2f}  "
        f"optimizer {'reduced' if found['optimizer_reduced'] else 'whole'}  planned {found['bytes'] / 1e9:.2f} GB, "
        f"measured {found['peak'] / 1e9:.2f} GB  {level['seconds'] / level['evaluations']:.2f} s planned, "
        f"measured {found['each']:.2f} s each, {found['each'] / megapixels:.2f} s a megapixel"
    )


if __name__ == "__main__":
    main()
