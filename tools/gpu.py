"""Measure and check nst on a machine with a CUDA GPU, from a bare checkout: nothing needs to be installed but torch.

    python3 tools/gpu.py --out FOLDER [--device cuda|cpu] [--seconds N] [--weights SET] [--kernels] [--only SECTION …]

The set-up fetches the small packages that are missing, where there is a registry, and with `--kernels` compiles the
kernels for the CPU. Every section after it is a process of its own with a time limit, so that one that fails, hangs or
loses the GPU does not cost the others; together they take `--seconds` at most. What they find is in FOLDER/gpu.json
and, as tables, in FOLDER/gpu.md, written anew after each. The networks are those that come with nst, vgg19-lite and
the embedded VGG-19. `--device cpu` runs everything on small images, to try the script itself.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from gpu_check.jobs import EMBEDDED
from gpu_check.processes import finished
from gpu_check.report import Report, write
from gpu_check.sections import LEAST, SECTIONS
from gpu_check.surroundings import environment, set_up


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    """Run all sections, each in a process of its own; return what they found."""
    everything: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        everything["set-up"] = set_up(Path(folder), options.kernels)
        around = environment(Path(folder))
        began = time.monotonic()
        for name, (_, most) in SECTIONS.items():
            left = options.seconds - (time.monotonic() - began)
            if options.only and name not in options.only:
                continue
            if left < LEAST:
                print(f"{name}: SKIPPED, {left:.0f} s are left", flush=True)
                everything[name] = {"skipped": f"{left:.0f} s were left"}
                write(everything, options.out)
                continue
            limit = min(left, max(30.0, most * options.seconds / 300))
            print(f"{name} (at most {limit:.0f} s)", flush=True)
            file = options.out / f"{name}.json"
            file.unlink(missing_ok=True)
            since = time.monotonic()
            command = [sys.executable, str(Path(__file__).resolve()), "--section", name, "--out", str(options.out)]
            command += ["--device", options.device, "--seconds", str(limit - 3), "--weights", options.weights]
            code = finished(command, limit, env=around)
            found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            if code is None:
                found["ended"] = f"after its {limit:.0f} s"
            elif code:
                found["ended"] = f"with code {code}"
            found["seconds"] = round(time.monotonic() - since, 1)
            file.unlink(missing_ok=True)
            everything[name] = found
            print(f"{name}: {found['seconds']} s{', ended ' + found['ended'] if 'ended' in found else ''}", flush=True)
            write(everything, options.out)
    return everything


def run_section(options: argparse.Namespace) -> None:
    """Run one section in this process."""
    file = options.out / f"{options.section}.json"
    report = Report(file, options.device, options.weights, time.monotonic() + options.seconds)
    try:
        if report.gpu and options.section not in ("machine", "install", "tests"):
            import torch

            torch.zeros(1, device="cuda")  # or it says why it cannot; memory is counted from here on
        SECTIONS[options.section][0](report)
    except Exception as error:  # the others are to go on, and this is to be read later
        report.add("error", f"{type(error).__name__}: {error}"[:2000])
        report.add("traceback", traceback.format_exc().splitlines()[-40:])
        sys.exit(1)


def main() -> None:
    """Run what the arguments say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--seconds", type=float, default=300.0, help="for everything; what no longer fits is skipped")
    parser.add_argument("--weights", default=EMBEDDED, help="name or file of a weight set of VGG-19")
    parser.add_argument("--kernels", action="store_true", help="compile the kernels for the CPU first: minutes")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), help="these sections alone")
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out = options.out.resolve()
    if Path(options.weights).exists():
        options.weights = str(Path(options.weights).resolve())
    options.out.mkdir(parents=True, exist_ok=True)
    if options.section:
        run_section(options)
    else:
        run_all(options)
        print(f"results: {options.out / 'gpu.md'}", flush=True)


if __name__ == "__main__":
    main()
