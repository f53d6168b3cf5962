"""Make the sheet of all style losses in docs/losses.md: each at its default weight, on the same two pairs.

    python tools/make_loss_sheet.py IMAGES [--weights PATH] [--folder docs/losses] [--size 256] [--steps 100]

IMAGES is a folder with tubingen.jpg, hoovertowernight.jpg, starry_night.jpg and shipwreck.jpg. What is there
already is kept, so a run that was stopped goes on where it was; delete a picture to have it made again. The cost is
measured alternating with gram-style in one process: the median of the ratios of neighbouring evaluations. The words
of the page are written by hand; the table is put between its two marks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from small_jpeg import save_small

import nst_core as nst
from nst_core.plugins.discovery import default_registry

ROOT = Path(__file__).resolve().parent.parent
PAIRS = (("tubingen", "starry_night"), ("hoovertowernight", "shipwreck"))
REFERENCE = "gram-style"
BEGIN, END = "<!-- table of tools/make_loss_sheet.py -->", "<!-- end of table -->"
MOST_BYTES = 60_000


def style_losses() -> list[str]:
    """Names of the built-in style losses, the reference first."""
    names = [e.name for e in default_registry().entries("loss") if e.role == "style" and e.origin.plugin == "builtin"]
    return sorted(names, key=lambda name: (name != REFERENCE, name))


def job(pair: tuple[str, str], loss: str, options: argparse.Namespace) -> nst.Job:
    """Return the job of one picture: the default one, but for the style loss."""
    chosen: dict[str, Any] = {"plugins": [loss], "size": options.size, "steps": options.steps}
    if options.weights:
        chosen["weights"] = options.weights
    content, style = (options.images / f"{name}.jpg" for name in pair)
    return nst.make_job(content, style, **chosen)


def picture(pair: tuple[str, str], loss: str, options: argparse.Namespace) -> dict[str, float]:
    """Make one picture; return its losses."""
    result = nst.run(job(pair, loss, options))
    target = options.folder / f"{'-'.join(pair)}-{loss}.jpg"
    # Not the result's own save: its recipe would name paths of this machine.
    save_small(target, MOST_BYTES, lambda quality: nst.save_image(result.image, target, quality=quality))
    style = next(term for term in result.job.terms if term.loss == loss)
    return {"first_total": result.history[0], "total": result.total, "weight": style.weight}


def seconds(problem: nst.Problem) -> float:
    """Time one evaluation with its gradient."""
    began = time.perf_counter()
    problem.evaluate()
    return time.perf_counter() - began


def cost(loss: str, options: argparse.Namespace) -> float:
    """Return the time of an evaluation relative to the reference."""
    session = nst.Session()
    problems = {name: session.prepare(job(PAIRS[0], name, options)).problem() for name in (loss, REFERENCE)}
    ratios = [seconds(problems[loss]) / seconds(problems[REFERENCE]) for _ in range(options.repeats)]
    return statistics.median(ratios[1:])


def table(figures: dict[str, dict[str, float]], folder: Path) -> str:
    """Write the table from the figures."""
    lines = ["| loss | weight | cost | Tübingen, *The Starry Night* | Hoover Tower, *The Shipwreck* |"]
    lines += ["|---|---|---|---|---|"]
    for loss in style_losses():
        shown = []
        for pair in PAIRS:
            name = f"{'-'.join(pair)}-{loss}.jpg"
            shown.append(f"![{loss}]({folder.name}/{name})" if (folder / name).exists() else "")
        weight = figures.get(f"{'-'.join(PAIRS[0])}-{loss}", {}).get("weight")
        relative = figures.get("cost", {}).get(loss)
        cells = [f"`{loss}`", f"{weight:g}" if weight else "", f"{relative:.1f}" if relative else "", *shown]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write_page(figures: dict[str, dict[str, float]], folder: Path) -> None:
    """Put the table into the page."""
    page = folder.with_suffix(".md")
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{table(figures, folder)}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Make what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", type=Path)
    parser.add_argument("--weights", default="", help="file or name of a weight set; the best at hand by default")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "losses")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=7, help="evaluations of each loss to time; 0 times none")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    record = options.folder / "figures.json"
    figures = json.loads(record.read_text()) if record.exists() else {}

    def keep() -> None:
        record.write_text(json.dumps(figures, indent=1) + "\n")
        write_page(figures, options.folder)

    for pair in PAIRS:
        for loss in style_losses():
            name = f"{'-'.join(pair)}-{loss}"
            if name not in figures or not (options.folder / f"{name}.jpg").exists():
                figures[name] = picture(pair, loss, options)
                print(name, figures[name], file=sys.stderr, flush=True)
                keep()
    for loss in style_losses() if options.repeats else ():
        if loss not in figures.setdefault("cost", {}):
            figures["cost"][loss] = cost(loss, options)
            print(loss, "costs", figures["cost"][loss], file=sys.stderr, flush=True)
            keep()


if __name__ == "__main__":
    main()
