"""Make the tables of docs/metrics.md: presets and style losses on pairs of images, by every figure of ``nst eval``.

    python tools/make_metrics_table.py PHOTO PAINTING [PHOTO PAINTING …] --cells FOLDER [--weights PATH] [--size 512]
        [--steps N] [--identity]

Each preset is taken as it is, and each built-in style loss at its default weight in the default preset. The pictures
stay in FOLDER, for the eyes, and none is made twice: a run that was stopped goes on where it was. The words of the
page are written by hand; the tables are put between its two marks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nst_core as nst
from nst_core.experiments.batch import BatchObserver, JobOutcome, prepare
from nst_core.experiments.driver import run_batch
from nst_core.experiments.metrics import Identity, evaluate_image, identity_job, measure_identity
from nst_plugins.executors.local import Local

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- tables of tools/make_metrics_table.py -->", "<!-- end of tables -->"
COLUMNS = {
    "content": "content_mean",
    "structure": "self_similarity",
    "edges": "edge_ssim",
    "style": "style_mean",
    "pyramid": "pyramid",
    "Fréchet": "frechet_mean",
    "rim": "rim",
    "specks": "specks",
}


class Progress(BatchObserver):
    """Says which picture is made."""

    def started(self, number: int, result: JobOutcome) -> None:
        """Name the job by its number, start and style losses."""
        losses = "+".join(term.loss for term in result.job.terms)
        print(f"{number + 1}: {result.job.initializer.name}, {losses}", file=sys.stderr, flush=True)


def methods(session: nst.Session) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the label and the options of every row."""
    for name in session.registry.presets():
        yield f"preset `{name}`", {"preset": name}
    for entry in session.registry.entries("loss"):
        if entry.role == "style" and entry.origin.plugin == "builtin":
            yield f"`{entry.name}`", {"plugins": [entry.name]}


def row(label: str, metrics: Mapping[str, Any], identity: Identity | None, options: argparse.Namespace) -> str:
    """Write a row of a table."""
    cells = [label]
    for heading, key in COLUMNS.items():
        value = metrics[key]
        cells.append("–" if value is None else f"{100 * value:.2f} %" if heading == "specks" else f"{value:.3f}")
    if options.identity:
        cells += [f"{identity.rmse:.3f}", f"{identity.ssim:.3f}"] if identity else ["–", "–"]
    return f"| {' | '.join(cells)} |"


def table(photo: str, painting: str, session: nst.Session, options: argparse.Namespace) -> str:
    """Make what is missing of a pair, and write its table."""
    given: dict[str, Any] = {"size": options.size}
    if options.steps:
        given["steps"] = options.steps
    if options.weights:
        given["weights"] = options.weights
    chosen = list(methods(session))
    jobs = [nst.make_job(photo, painting, session=session, **given, **method) for _, method in chosen]
    tests = [identity_job(painting, session, **given, **method) for _, method in chosen] if options.identity else []
    results = run_batch(
        prepare([*jobs, *tests], options.cells, session), options.cells, session, Local(), Progress()
    ).results
    headings = ["", *COLUMNS, *(["identity RMSE", "identity SSIM"] if options.identity else [])]
    lines = [
        (
            f"{Path(photo).stem} and {Path(painting).stem}, {options.size} px, "
            f"{f'{options.steps} steps' if options.steps else 'the steps of the preset'}:"
        ),
        "",
        f"| {' | '.join(headings)} |",
        "|---|" + "---:|" * (len(headings) - 1),
    ]
    extractor = jobs[0].extractor
    for label, image, content in (("the photograph", photo, photo), ("the painting", painting, None)):
        pixels = session.images.open(image).at(options.size).pixels
        metrics = evaluate_image(pixels, extractor, session=session, content=content, style=painting)
        lines.append(row(label, metrics.to_dict(), None, options))
    for number, (label, _) in enumerate(chosen):
        result = results[number]
        if not result.finished:
            print(f"{label}: {result.error or result.status}", file=sys.stderr)
            continue
        identity = None
        if options.identity and (test := results[len(jobs) + number]).picture:
            identity = measure_identity(test.picture, test.job, session=session)
        lines.append(row(label, result.record["metrics"], identity, options))
    return "\n".join(lines)


def main() -> None:
    """Make what is missing, and put the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="+", help="photographs and paintings in turn")
    parser.add_argument("--cells", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--weights", default="", help="file or name of a weight set; the best at hand by default")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=0, help="those of the preset by default")
    parser.add_argument("--identity", action="store_true", help="make the identity test of every row, too")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "metrics.md")
    options = parser.parse_args()
    if len(options.images) % 2:
        parser.error("a photograph has no painting; give them in turn")
    session = nst.Session()
    pairs = zip(options.images[::2], options.images[1::2], strict=True)
    tables = "\n\n".join(table(photo, painting, session, options) for photo, painting in pairs)
    before, begin, rest = options.page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        parser.error(f"{options.page} has no marks '{BEGIN}' and '{END}'")
    options.page.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
