"""``nst weights``: what weight sets there are, and how more get there."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nst_cli import console

if TYPE_CHECKING:
    from nst_core.weights import Architecture, WeightSet

__all__ = ["app"]

app = typer.Typer(help="List, fetch, import and verify the weights of networks.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Preprocessing(enum.StrEnum):
    """The preprocessing that an imported network expects."""

    auto = "auto"
    torchvision = "torchvision"
    caffe = "caffe"


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the weight sets in the store, and those that are part of packages."""
    from nst_core.weights import scan_embedded, scan_store

    stored, failures = scan_store()
    embedded, broken = scan_embedded(_architectures().values())
    sets = [*stored, *embedded]
    for failure in (*failures, *broken):
        console.say(f"not usable: {failure}")
    if as_json:
        console.out(json.dumps([_described(s) for s in sets], indent=2))
        return
    for weight_set in sets:
        console.out(f"{weight_set.name}\t{weight_set.architecture}\t{weight_set.source}")
    if not sets:
        console.say("no weight sets; install one with 'nst weights fetch vgg19' or 'nst weights import FILE'")


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Architecture, such as vgg19.")],
    overwrite: Annotated[bool, typer.Option(help="Fetch again and replace the existing weight set.")] = False,
) -> None:
    """Install the official weights of an architecture, from torch's cache or by download."""
    from nst_core import weights

    console.out(str(weights.fetch(_architecture(name), overwrite=overwrite, notify=console.say).path))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PyTorch state dict (.pth) or safetensors file.")],
    name: Annotated[str | None, typer.Option(help="Name of the new weight set; by default that of the file.")] = None,
    preprocessing: Annotated[
        Preprocessing,
        typer.Option(help="Preprocessing that the network expects; caffe: BGR in 0–255, as in neural-style-pt."),
    ] = Preprocessing.auto,
    architecture: Annotated[str, typer.Option(help="Architecture of the file; needed only if it is ambiguous.")] = "",
    overwrite: Annotated[bool, typer.Option(help="Replace a weight set of the same name.")] = False,
) -> None:
    """Import a weight file into the store."""
    from nst_core.weights import CAFFE, detect_architecture, import_file

    chosen = _architecture(architecture) if architecture else detect_architecture(file.expanduser(), _architectures())
    console.say(f"importing {file} as {chosen.name}; measuring its layers may take some seconds")
    imported = import_file(file, chosen, name, preprocessing.value, overwrite=overwrite)
    if preprocessing is Preprocessing.auto and imported.preprocessing == CAFFE:
        console.say("its preprocessing is Caffe's, as the file or the names of its tensors say")
    console.out(str(imported.path))


@app.command()
def verify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Weight set or file; all weight sets if omitted.")] = "",
    as_json: Json = False,
) -> None:
    """Check weight sets in full: header, shapes, values and content."""
    from nst_core import weights
    from nst_core.errors import NstError, WeightsError

    known = _architectures()
    stored = sorted(p.stem for p in weights.store_folder().glob("*.safetensors"))
    embedded = (a.embedded_name for a in known.values() if a.embedded is not None)
    names = [name] if name else [*stored, *embedded]
    report, failures = [], []
    for each in names:
        try:
            found = weights.verify(each, known)
            report.append({"name": each, "ok": True, "sha256": found.sha256, "error": ""})
        except NstError as error:
            failures.append(error)
            report.append({"name": each, "ok": False, "sha256": "", "error": str(error)})
    if as_json:
        console.out(json.dumps(report, indent=2))
    else:
        for line in report:
            if line["ok"]:
                console.out(f"{line['name']}\tok\t{line['sha256']}")
    if not names:
        console.say("no weight sets to verify")
    if failures:
        raise WeightsError("\n".join(map(str, failures)))


@app.command()
def path(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Weight set; the folder of all if omitted.")] = "",
) -> None:
    """Print the path of a weight set, or of the folder of all."""
    from nst_core.weights import resolve_path, store_folder

    console.out(str(resolve_path(name, _architectures()) if name else store_folder()))


def _architectures() -> dict[str, Architecture]:
    from nst_core.plugins.discovery import load_registry
    from nst_core.weights import architectures

    return architectures(entry.cls for entry in load_registry().entries("extractor"))


def _architecture(name: str) -> Architecture:
    from nst_core.errors import unknown_name

    known = _architectures()
    if name not in known:
        raise unknown_name("architecture", name, known)
    return known[name]


def _described(weight_set: WeightSet) -> dict[str, object]:
    return {
        "name": weight_set.name,
        "architecture": weight_set.architecture,
        "path": str(weight_set.path),
        "sha256": weight_set.sha256,
        "preprocessing": str(weight_set.preprocessing),
        "source": weight_set.source,
        "license": weight_set.license,
        "layer_rms": weight_set.layer_rms,
    }
