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
import contextlib
import gc
import importlib.machinery
import importlib.util
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT, *(ROOT / name for name in ("plugins", "cli", "benchmarks", "tests"))]
# Distributions by module. They are installed without their dependencies, which would be another torch.
NEEDED = {name: name for name in ("torch", "torchvision", "numpy", "safetensors", "pluggy", "jinja2", "filelock")} | {
    **{name: name for name in ("platformdirs", "psutil", "typer", "shellingham", "rich", "tifffile", "pytest")},
    **{name: name for name in ("iniconfig", "packaging", "pygments", "hypothesis", "sortedcontainers", "xdist")},
    "PIL": "pillow",
    "tomli_w": "tomli-w",
    "pytorch_msssim": "pytorch-msssim",
    "xdist": "pytest-xdist",
    "execnet": "execnet",
    "markdown_it": "markdown-it-py",
    "mdurl": "mdurl",
    "attr": "attrs",
}
# What needs a browser, a cluster or a compiler, and would cost the GPU's time.
LEFT_OUT = ("test_studio.py", "test_ray.py", "test_packaging.py", "test_gpu_tool.py", "test_instruction_sets.py")
MODES = ("fp32", "tf32", "bf16")
EMBEDDED = "vgg19-embedded"
BATCH = 16
# Calls after which the processor may wait, beside those with "ynchronize" or "emcpy" in their names.
COUNTED = ("aten::item", "aten::_local_scalar_dense", "aten::copy_")
ROUNDS = 10
WARM = 3


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


# ---------------------------------------------------------------------------------------------------- helpers


def short(value: float) -> float:
    """Round to four significant digits."""
    return float(f"{value:.4g}")


def wait(device: str) -> None:
    """Wait until the GPU has done what it was told to."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def free() -> None:
    """Give back what nothing refers to any more."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def allow_tf32(allowed: bool) -> None:
    """Say whether the textbook may compute float32 in TF32, which keeps ten bits of the mantissa, products of matrices
    too. nst has a precision for it.
    """
    import torch

    torch.backends.cudnn.conv.fp32_precision = "tf32" if allowed else "ieee"
    torch.backends.cuda.matmul.fp32_precision = "tf32" if allowed else "ieee"


def pair_of(width: int, weights: str = EMBEDDED) -> Any:
    """Return generated images of a width; large ones are enlarged, as painting them takes many seconds."""
    from torch.nn.functional import interpolate

    from nst_benchmarks.pair import Pair

    small = Pair.generated(min(width, 512), weights)
    if width <= 512:
        return small
    size = (width * 3 // 4, width)
    enlarged = (interpolate(x, size=size, mode="bilinear").clamp(0, 1) for x in (small.content, small.style))
    return Pair(*enlarged, weights)


def prepared(pair: Any, precision: str, device: str, lite: bool = False, tile: Any = "off", **changes: Any) -> Any:
    """Return the default job on a pair of images, prepared: with VGG-19, or with the small network."""
    from nst_core import Resources, Session

    job, session = job_of(pair, precision, device, lite, **changes), Session()
    return session.prepare(job, content=pair.content, styles=[pair.style], resources=Resources(tile=tile))


def job_of(pair: Any, precision: str, device: str, lite: bool = False, **changes: Any) -> Any:
    """Return the default job on a pair of images."""
    from nst_core import make_job

    if not lite:
        return replace(pair.job(precision), device=device, **changes)
    options = {"preset": "content", "extractor": "vgg19-lite", "precision": precision, "device": device}
    return replace(make_job(pair.content, pair.style, size=max(pair.content.shape), **options), **changes)


def stepper(problem: Any) -> Callable[[], None]:
    """Return what makes one evaluation and one step of the engine; it begins again where the optimizer ends."""
    from nst_core import default_registry
    from nst_core.engine.loop import Loop

    def begin() -> Loop:
        return Loop(problem, lambda component: default_registry().create("optimizer", component))

    loop = begin()

    def step() -> None:
        nonlocal loop
        if loop.complete:
            loop = begin()
        loop.measure()
        if not loop.complete:
            loop.advance()

    return step


def under_autocast(run: Callable[[], object], device: str, wanted: bool) -> Callable[[], object]:
    """Return ``run``, in torch's automatic bfloat16 where wanted: how a textbook is made faster in one line."""
    import torch

    def autocast() -> object:
        with torch.autocast(device, torch.bfloat16, enabled=wanted):
            return run()

    return autocast


# ---------------------------------------------------------------------------------------------------- sections


def machine(report: Report) -> None:
    """The machine: GPU, driver, memory, versions."""
    import psutil
    import torch

    from nst_core import default_registry
    from nst_core.ops import native

    report.add("python", platform.python_version())
    report.add("torch", torch.__version__)
    report.add("cpus", os.cpu_count())
    report.add("torch threads", torch.get_num_threads())
    report.add("compiler", shutil.which("g++") or "none")
    report.add("memory in GB", short(psutil.virtual_memory().total / 1e9))
    report.add("native kernels", native().reason or "in use")
    report.add("torch.cpu.get_capabilities", hasattr(torch.cpu, "get_capabilities"))
    report.add("plugins that failed", [f"{f.origin}: {f.error}" for f in default_registry().failures])
    report.add("extractors", [entry.name for entry in default_registry().entries("extractor")])
    report.add("cuda", torch.version.cuda)
    report.add("cuda is available", torch.cuda.is_available())
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        report.add("gpu", properties.name)
        report.add("gpu memory in GB", short(properties.total_memory / 1e9))
        report.add("capability", f"{properties.major}.{properties.minor}")
        report.add("multiprocessors", properties.multi_processor_count)
        report.add("cudnn", torch.backends.cudnn.version())
        query = ["nvidia-smi", "--query-gpu=driver_version,clocks.max.sm,power.limit", "--format=csv,noheader"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)
            report.add("driver, clock, power", done.stdout.strip())


def install(report: Report) -> None:
    """The package built from the working tree without a network, in a folder of its own, and a picture made with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
        # A build leaves its folders where it is made.
        shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(".*", "shared", "build", "*.so"))
        began = time.perf_counter()
        around = os.environ | {"NST_BUILD_CPP": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        target = ["--target", str(folder / "site"), str(folder / "source")]
        done = subprocess.run([*pip, *target], env=around, capture_output=True, text=True, check=False)
        report.add("seconds of pip install", short(time.perf_counter() - began))
        if done.returncode:
            report.add("pip install failed", done.stderr.strip()[-600:])
            return
        outside = [p for p in os.environ["PYTHONPATH"].split(os.pathsep) if not Path(p).is_relative_to(ROOT)]
        paths = [str(folder / "site"), *(p for p in outside if not list(Path(p).glob("nst-*.dist-info")))]
        around |= {"PYTHONPATH": os.pathsep.join(paths), "NST_NATIVE": "0"}
        samples = ROOT / "nst_core" / "images" / "samples"
        content, style = sorted(samples.glob("*.jpg"))[:2]
        picture = report.file.parent / "installed.png"
        command = [sys.executable, "-m", "nst_cli", "run", str(content), str(style), "--output", str(picture)]
        command += ["--device", report.device, "--extractor", "vgg19-lite", "--size", "128", "--steps", "20"]
        began = time.perf_counter()
        done = subprocess.run(command, env=around, cwd=folder, capture_output=True, text=True, check=False)
        report.add("seconds of a first nst run", short(time.perf_counter() - began))
        report.add("nst run", done.stderr.strip()[-600:] if done.returncode else picture.name)


def correctness(report: Report) -> None:
    """Loss, gradient, tiles, and the loss of the pixels of whole runs on the device against the CPU in float32."""
    pair = pair_of(256 if report.gpu else 64)
    for network, lite, steps in (("vgg19-lite", True, 50), ("vgg19", False, 20 if report.gpu else 5)):
        _first_evaluations(report, pair, network, lite)
        _pixels(report, pair, network, lite, steps if report.gpu else min(steps, 15))
    _tiles(report)


def precisions(report: Report) -> tuple[str, ...]:
    """Return the precisions that the device computes in."""
    return MODES if report.gpu else ("fp32", "bf16")


def _first_evaluations(report: Report, pair: Any, network: str, lite: bool) -> None:
    import torch

    def evaluated(device: str, precision: str) -> tuple[float, torch.Tensor]:
        found, _ = prepared(pair, precision, device, lite=lite).problem().evaluate()
        return float(found.total), found.gradient.double().cpu()

    total, gradient = evaluated("cpu", "fp32")
    for precision in precisions(report):
        other_total, other = evaluated(report.device, precision)
        report.row(
            "first evaluation against fp32 on the CPU",
            network=network,
            what=f"{precision} on {report.device}",
            total=short(other_total),
            error_of_total=short(abs(other_total - total) / total),
            error_of_gradient=short(float((other - gradient).norm() / gradient.norm())),
            cosine=float(torch.cosine_similarity(other.flatten(), gradient.flatten(), dim=0)),
        )


def _pixels(report: Report, pair: Any, network: str, lite: bool, steps: int) -> None:
    """Run the same job here and on the CPU, and compute the losses of all the pictures by the same means."""
    from nst_core import Resources, Session, save_image

    judge = prepared(pair, "fp32", "cpu", lite=lite).problem()
    here = [(precision, report.device) for precision in precisions(report)]
    for precision, device in dict.fromkeys([("fp32", "cpu"), *here]):
        job = job_of(pair, precision, device, lite=lite, steps=steps)
        run = Session().run(job, content=pair.content, styles=[pair.style], resources=Resources(tile="off"))
        result = run.exhaust()
        picture = f"{network}-{precision}-{device}.png"
        save_image(result.image, report.file.parent / picture)
        report.row(
            "pixels",
            network=network,
            what=f"{precision} on {device}",
            evaluations=len(result.history),
            first=short(result.history[0]),
            total=short(result.total),
            loss_of_pixels_on_cpu=short(float(judge.evaluate(result.image.cpu())[0].total)),
            seconds=short(result.seconds),
            picture=picture,
        )


def _tiles(report: Report) -> None:
    large = pair_of(512 if report.gpu else 384)
    problem = prepared(large, "fp32", report.device, lite=True).problem()
    whole, _ = problem.evaluate()
    tiling = replace(problem.tiling, max_pixels=max(problem.tiling.min_pixels, problem.size[0] * problem.size[1] // 3))
    cut, _ = problem.evaluate(tiling=tiling)
    report.row(
        "tiles against the whole",
        tiles="×".join(map(str, tiling.grid(*problem.size))),
        error_of_total=short(abs(float(cut.total / whole.total) - 1)),
        error_of_gradient=short(float((cut.gradient - whole.gradient).norm() / whole.gradient.norm())),
    )


def speed(report: Report) -> None:
    """Seconds and peak memory of the framework and of the textbook, in turns."""
    from nst_core.errors import is_out_of_memory

    widths = (512, 1024, 2048) if report.gpu else (64, 96)
    runs = [(width, mode) for width in widths for mode in precisions(report)]
    pairs = {width: pair_of(width, report.weights) for width in widths}
    for number, (width, mode) in enumerate(runs):
        if report.left < 5:
            report.row("left out", width=width, mode=mode, why="no time left")
            continue
        try:
            _speed_of(report, pairs[width], mode, seconds=report.left / (len(runs) - number))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            report.row("left out", width=width, mode=mode, why="out of memory")
        free()


def _speed_of(report: Report, pair: Any, precision: str, seconds: float) -> None:
    import torch

    from nst_benchmarks.textbook import Textbook
    from nst_benchmarks.timing import alternating
    from nst_core.runtime.memory import PeakMemory

    device = report.device
    end = time.monotonic() + seconds
    allow_tf32(precision == "tf32")

    def ours() -> tuple[Callable[[], object], Callable[[], object]]:
        problem = prepared(pair, precision, device, steps=100_000).problem()
        return stepper(problem), problem.evaluate

    def textbook() -> tuple[Callable[[], object], Callable[[], object]]:
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
            book = Textbook(pair, device)
        wanted = precision == "bf16"
        return under_autocast(book.stepper(), device, wanted), under_autocast(book.evaluate, device, wanted)

    peaks = {}
    for variant, make in (("nst", ours), ("textbook", textbook)):
        free()
        with PeakMemory(torch.device(device)) as peak:
            run = make()[0]
            for _ in range(WARM):
                run()
            wait(device)
        peaks[variant] = peak.bytes
        del run
    runs = {}
    for variant, make in (("nst", ours), ("textbook", textbook)):
        for what, run in zip(("step", "evaluation"), make(), strict=True):
            runs[f"{variant} {what}"] = _waiting(run, device)
            runs[f"{variant} {what}"]()
    began = time.perf_counter()
    for run in runs.values():
        run()
    once = time.perf_counter() - began
    rounds = max(1, min(ROUNDS, int((end - time.monotonic()) / (2 * once))))
    medians = alternating(runs, rounds)
    report.row(
        "speed",
        width=pair.content.shape[-1],
        mode=precision,
        rounds=rounds,
        nst_ms=short(medians["nst step"] * 1e3),
        textbook_ms=short(medians["textbook step"] * 1e3),
        speedup=short(medians["textbook step"] / medians["nst step"]),
        nst_evaluation_ms=short(medians["nst evaluation"] * 1e3),
        textbook_evaluation_ms=short(medians["textbook evaluation"] * 1e3),
        nst_peak_mb=round(peaks["nst"] / 1e6),
        textbook_peak_mb=round(peaks["textbook"] / 1e6),
    )


def _waiting(run: Callable[[], object], device: str) -> Callable[[], None]:
    """Return ``run``, with its end waited for."""

    def waited() -> None:
        run()
        wait(device)

    return waited


def synchronisations(report: Report) -> None:
    """Where one step of the engine makes the processor wait for the GPU."""
    import torch

    from nst_core import Resources, Session

    pair = pair_of(512 if report.gpu else 64, report.weights)
    job = job_of(pair, "bf16" if report.gpu else "fp32", report.device, steps=100)
    run = Session().run(job, content=pair.content, styles=[pair.style], resources=Resources(tile="off"))
    for _ in range(6):
        next(run)
    with torch.profiler.profile() as profile:
        next(run)
    for event in profile.key_averages():
        if event.key in COUNTED or "ynchronize" in event.key or "emcpy" in event.key:
            report.row("calls in one step", call=event.key, count=event.count)
    with waits(report.gpu) as places:
        next(run)
    report.add("synchronisations in one step", sum(places.values()))
    for place, count in places.most_common():
        report.row("places", place=place, count=count)
    busy = [e for e in profile.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    report.add("kernels in one step", len(busy))


@contextlib.contextmanager
def waits(gpu: bool) -> Iterator[Counter[str]]:
    """Count, in its block, where the processor waits for the GPU: by the innermost line of nst and its callers."""
    import torch

    places: Counter[str] = Counter()

    def note(message: Warning | str, *_: Any) -> None:
        if "synchronizing" not in str(message):
            return
        own = [f for f in traceback.extract_stack() if "nst_core" in f.filename or "nst_plugins" in f.filename]
        chain = [f"{Path(f.filename).name}:{f.lineno} {f.line}" for f in own[-2:]]
        places[" → ".join(chain) or "outside nst"] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = note
        if gpu:
            torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            if gpu:
                torch.cuda.set_sync_debug_mode("default")


def out_of_memory(report: Report) -> None:
    """What happens where an image does not fit: the engine cuts it into tiles and ends with a picture."""
    import torch

    from nst_core import Resources, Session, save_image
    from nst_core.runtime.memory import PeakMemory

    width = 2048 if report.gpu else 96
    pair = pair_of(width, report.weights)
    device = torch.device(report.device)
    with PeakMemory(device) as targets:
        problem = prepared(pair, "fp32", report.device, steps=4).problem()
    with PeakMemory(device) as whole:
        problem.evaluate()
    del problem
    free()
    report.add("peak of the targets in MB", round(targets.bytes / 1e6))
    report.add("peak of a whole evaluation in MB", round(whole.bytes / 1e6))
    between = (targets.bytes + whole.bytes) / 2
    trials = (
        ("limit between targets and evaluation", between, Resources(tile="off")),
        ("limit below the targets", targets.bytes * 0.75, Resources(tile="off")),
        ("limit that the plan sees", between, Resources()),
        ("told to use no more", between, Resources(memory_limit=int(between))),
    )
    for number, (name, limit, resources) in enumerate(trials, 1):
        found: dict[str, Any] = {"what": name, "limit_mb": round(limit / 1e6)}
        try:
            with limited(report.gpu and resources.memory_limit is None, limit), PeakMemory(device) as peak:
                job = job_of(pair, "fp32", report.device, steps=4)
                run = Session().run(job, content=pair.content, styles=[pair.style], resources=resources)
                notes = [step.note for step in run if step.note]
                result = run.result()
            found |= {"peak_mb": round(peak.bytes / 1e6), "total": short(result.total)}
            found |= {"evaluations": len(result.history), "finite": bool(torch.isfinite(result.image).all())}
            found |= {"notes": notes, "remarks": list(result.remarks)}
            small = torch.nn.functional.interpolate(result.image, scale_factor=0.125)
            save_image(small, report.file.parent / f"out-of-memory-{number}.png")
        except Exception as error:  # what is to be found out
            found["error"] = f"{type(error).__name__}: {error}"[:400]
            where = traceback.extract_tb(error.__traceback__)
            found["at"] = [f"{Path(f.filename).name}:{f.lineno}" for f in where if "nst_" in f.filename][-4:]
        report.row("runs with less memory", **found)
        run = result = None
        free()


@contextlib.contextmanager
def limited(gpu: bool, amount: float) -> Iterator[None]:
    """Let torch allocate so many bytes of the GPU in its block, where ``gpu`` says so."""
    import torch

    if not gpu:
        yield
        return
    torch.cuda.set_per_process_memory_fraction(amount / torch.cuda.get_device_properties(0).total_memory)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def batch(report: Report) -> None:
    """Sixteen photographs in one style, as `nst batch` paints them: one session, one after the other."""
    import torch

    from nst_core import Resources, Session
    from nst_core.runtime.memory import PeakMemory

    width, steps = (512, 100) if report.gpu else (64, 4)
    pair, session = pair_of(width), Session()
    for network, lite, count in (("vgg19-lite", True, BATCH), ("vgg19", False, BATCH if report.gpu else 3)):
        seconds, totals = [], []
        with PeakMemory(torch.device(report.device)) as peak:
            for number in range(count):
                if report.left < 3:
                    break
                content = pair.content.roll((17 * number, 29 * number), dims=(2, 3))
                began = time.perf_counter()
                job = job_of(pair, "auto", report.device, lite=lite, steps=steps)
                run = session.run(job, content=content, styles=[pair.style], resources=Resources(tile="off"))
                totals.append(run.exhaust().total)
                seconds.append(time.perf_counter() - began)
        report.row(
            "a batch",
            network=network,
            width=width,
            evaluations=steps,
            pictures=f"{len(totals)} of {count}",
            first_seconds=short(seconds[0]),
            mean_seconds_of_others=short(sum(seconds[1:]) / max(1, len(seconds) - 1)),
            peak_mb=round(peak.bytes / 1e6),
            totals=f"{short(min(totals))} to {short(max(totals))}",
        )


def compiled(report: Report) -> None:
    """An evaluation with the network compiled by torch, with and without CUDA graphs: whether that would pay."""
    import torch

    from nst_benchmarks.timing import alternating

    pair = pair_of(1024 if report.gpu else 64, report.weights)
    runs = {}
    for name, options in (
        ("as it is", None),
        ("torch.compile", {} if report.gpu else {"backend": "eager"}),
        ("torch.compile, reduce-overhead", {"mode": "reduce-overhead"} if report.gpu else {"backend": "eager"}),
    ):
        problem = prepared(pair, "bf16", report.device, steps=10).problem()
        looked_at = problem.objective._network
        if options is not None:
            looked_at._network = torch.compile(looked_at._network, **options)

        def evaluate(problem: Any = problem) -> float:
            return float(problem.evaluate()[0].total)

        began = time.perf_counter()
        try:
            total = evaluate()
            evaluate()
        except Exception as error:  # what is to be found out
            report.row("compiled", what=name, error=f"{type(error).__name__}: {error}"[:300])
            continue
        runs[name] = evaluate
        report.row("compiled", what=name, first_two_seconds=short(time.perf_counter() - began), total=short(total))
    for name, median in alternating(runs, ROUNDS if report.gpu else 2).items():
        report.row("evaluations of what was compiled", what=name, ms=short(median * 1e3))


def profile(report: Report) -> None:
    """The most expensive kernels of one step, in profile.txt."""
    import torch

    pair = pair_of(1024 if report.gpu else 96, report.weights)
    step = stepper(prepared(pair, "bf16", report.device, steps=1000).problem())
    for _ in range(6):
        step()
    wait(report.device)
    began = time.perf_counter()
    step()
    wait(report.device)
    plain = time.perf_counter() - began
    with torch.profiler.profile() as profiled:
        step()
        wait(report.device)
    averages = profiled.key_averages()
    table = averages.table(
        sort_by="self_device_time_total" if report.gpu else "self_cpu_time_total",
        row_limit=30,  # an operator and its kernel are a row each
        max_name_column_width=90,
    )
    (report.file.parent / "profile.txt").write_text(table, encoding="utf-8")
    report.add("table", "profile.txt")
    report.add("step in ms", short(plain * 1e3))
    kernels = [event for event in averages if event.device_type == torch.autograd.DeviceType.CUDA]
    report.add("kernels in ms", short(sum(event.self_device_time_total for event in kernels) / 1e3))
    for event in sorted(kernels, key=lambda event: -event.self_device_time_total)[:15]:
        report.row("kernels", kernel=event.key[:120], ms=short(event.self_device_time_total / 1e3), count=event.count)


def tests(report: Report) -> None:
    """The whole suite, which computes on the GPU wherever it names no device, in processes that share the files.

    The end of their output is in pytest.txt.
    """
    files = sorted(p for p in (ROOT / "tests").rglob("test_*.py") if p.name not in LEFT_OUT)
    if not report.gpu:
        files = [path for path in files if path.parent.name == "runtime"]
    shares = shared_out(files, min(12, max(1, (os.cpu_count() or 1) - 2)))
    plain = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:benchmark", "-p", "no:xdist"]
    around = os.environ | {"OMP_NUM_THREADS": "1"}
    outputs = [report.file.parent / f"pytest-{number}.txt" for number in range(len(shares))]
    processes = []
    for share, output in zip(shares, outputs, strict=True):
        with output.open("w", encoding="utf-8") as file:
            command = [*plain, "--basetemp", str(output.with_suffix(".tmp")), *map(str, share)]
            processes.append(started(command, env=around, stdout=file, stderr=subprocess.STDOUT))
    end = time.monotonic() + max(5.0, report.left - 5)
    codes = [ended(process, max(0.1, end - time.monotonic())) for process in processes]
    kept = []
    for number, (code, share, output) in enumerate(zip(codes, shares, outputs, strict=True)):
        lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
        output.unlink()
        shutil.rmtree(output.with_suffix(".tmp"), ignore_errors=True)
        kept += [f"process {number}: {len(share)} files", *lines, ""]
        report.row("tests", files=len(share), code="time limit" if code is None else code, end=(lines or [""])[-1])
        for line in lines:
            if line.startswith(("FAILED", "ERROR")):
                report.row("failures", test=line[:240])
    (report.file.parent / "pytest.txt").write_text("\n".join(kept), encoding="utf-8")


def shared_out(files: list[Path], count: int) -> list[list[Path]]:
    """Share files out such that each share has about as many bytes: what a file takes is roughly what is in it."""
    shares: list[list[Path]] = [[] for _ in range(min(count, len(files)))]
    sizes = [0] * len(shares)
    for path in sorted(files, key=lambda path: -path.stat().st_size):
        least = sizes.index(min(sizes))
        shares[least].append(path)
        sizes[least] += path.stat().st_size
    return shares


# Sections in order, with the most seconds each may take of 300.
SECTIONS: dict[str, tuple[Callable[[Report], None], int]] = {
    "machine": (machine, 30),
    "correctness": (correctness, 60),
    "speed": (speed, 75),
    "synchronisations": (synchronisations, 30),
    "out_of_memory": (out_of_memory, 40),
    "batch": (batch, 40),
    "compiled": (compiled, 45),
    "profile": (profile, 30),
    "install": (install, 45),
    "tests": (tests, 300),
}
LEAST = 8  # seconds that a section needs to begin


# ---------------------------------------------------------------------------------------------------- processes


def environment(folder: Path) -> dict[str, str]:
    """Return the environment in which the checkout's packages are found, and the built-in plugin with them.

    Args:
        folder: where what an installation would say about them is written.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    info = folder / f"{project['name']}-{project['version']}.dist-info"
    info.mkdir()
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(about, encoding="utf-8")
    points = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in e.items()) for group, e in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(points), encoding="utf-8")
    found = dict(os.environ)
    paths = [*map(str, FOLDERS), str(folder), *filter(None, [found.get("PYTHONPATH")])]
    found["PYTHONPATH"] = os.pathsep.join(paths)
    compiled = any((ROOT / "nst_core" / f"_C{suffix}").exists() for suffix in importlib.machinery.EXTENSION_SUFFIXES)
    if not compiled:
        found["NST_NATIVE"] = "0"
    found["NST_HOME"] = str(folder / "home")
    return found


def finished(command: list[str], seconds: float, **options: Any) -> int | None:
    """Run a command; return its exit code, or ``None`` where it took too long and was ended with all it had started."""
    return ended(started(command, **options), seconds)


def started(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command in the repository, and what it starts with it."""
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)


def ended(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Wait for what was started; see :func:`finished`."""
    try:
        return process.wait(seconds)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise


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


def set_up(folder: Path, kernels: bool) -> dict[str, Any]:
    """Get what is missing into a folder, as far as that is possible, and say what is not there even so.

    Args:
        folder: becomes part of the path.
        kernels: whether the kernels for the CPU are compiled, in place.
    """
    began = time.monotonic()
    around = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    found: dict[str, Any] = {"missing at first": _missing(around)}
    wanted = [NEEDED[name] for name in found["missing at first"] if name not in ("torch", "torchvision")]
    if wanted:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries", "0", "--timeout", "5"]
        finished([*pip, "--target", str(folder), *wanted], 90, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    found["missing"] = _missing(around)
    if found["missing"]:
        print(f"these modules are MISSING, and what needs them will fail: {', '.join(found['missing'])}", flush=True)
    if kernels:
        build = [sys.executable, "setup.py", "build_ext", "--inplace"]
        code = finished(build, 400, env=os.environ | {"NST_BUILD_CPP": "1"}, stdout=subprocess.DEVNULL)
        found["kernels"] = "compiled" if code == 0 else f"not compiled: {'time limit' if code is None else code}"
    found["seconds"] = round(time.monotonic() - began, 1)
    print(f"set-up: {found['seconds']} s", flush=True)
    return found


def _missing(around: dict[str, str]) -> list[str]:
    """Return the modules that cannot be found in an environment."""
    code = f"import importlib.util as u; print(*[n for n in {list(NEEDED)!r} if u.find_spec(n) is None])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=around, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


# ---------------------------------------------------------------------------------------------------- results


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
