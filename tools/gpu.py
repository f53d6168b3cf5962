"""Measure and check nst on a machine with a CUDA GPU, from a bare checkout: nothing needs to be installed but torch.

    python3 tools/gpu.py --out FOLDER [--device cuda|cpu] [--seconds N] [--weights FILE] [--only SECTION …]

Every section is a process of its own with a time limit, so that one that fails, hangs or loses the GPU does not cost
the others. What they find is in FOLDER/gpu.json and, as tables, in FOLDER/gpu.md, written anew after each. Speed and
memory are those of VGG-19 with random weights, unless a weight set is named; pictures are made with vgg19-lite, which
comes with nst. `--device cpu` runs everything on small images, to try the script itself.
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
NEEDED = (
    *("torch", "torchvision", "numpy", "PIL", "safetensors", "pluggy", "jinja2", "filelock", "platformdirs", "psutil"),
    *("typer", "rich", "tomli_w", "tifffile", "pytorch_msssim", "pytest", "hypothesis"),
)
TESTS = [f"tests/unit/{name}" for name in ("engine", "objective", "runtime", "nst_plugins", "ops")]
# Name of a speed, precision of the network, and whether float32 may be computed in TF32.
MODES = (("fp32", "fp32", False), ("fp32 with TF32", "fp32", True), ("bf16", "bf16", True))
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
    """Say whether float32 may be computed in TF32, which keeps ten bits of the mantissa; torch's default is for
    convolutions alone.
    """
    import torch

    torch.backends.cudnn.conv.fp32_precision = "tf32" if allowed else "ieee"
    torch.backends.cuda.matmul.fp32_precision = "tf32" if allowed else "ieee"


def pair_of(width: int, weights: str = "") -> Any:
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


def correctness(report: Report) -> None:
    """Loss, gradient, tiles and whole runs on the device against the CPU in float32."""
    import torch

    from nst_core import Resources, Session, save_image

    allow_tf32(False)
    width = 256 if report.gpu else 64
    pair = pair_of(width)

    def evaluated(device: str, precision: str) -> tuple[float, torch.Tensor]:
        found, _ = prepared(pair, precision, device, lite=True).problem().evaluate()
        return float(found.total), found.gradient.double().cpu()

    total, gradient = evaluated("cpu", "fp32")
    for name, device, precision, tf32 in (
        ("fp32", report.device, "fp32", False),
        ("fp32 with TF32", report.device, "fp32", True),
        ("bf16", report.device, "bf16", False),
    ):
        allow_tf32(tf32)
        other_total, other = evaluated(device, precision)
        report.row(
            "first evaluation against fp32 on the CPU",
            what=f"{name} on {device}",
            total=short(other_total),
            error_of_total=short(abs(other_total - total) / total),
            error_of_gradient=short(float((other - gradient).norm() / gradient.norm())),
            cosine=float(torch.cosine_similarity(other.flatten(), gradient.flatten(), dim=0)),
        )
    allow_tf32(False)

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
    for name, device, precision in (
        ("fp32 on the CPU", "cpu", "fp32"),
        (f"fp32 on {report.device}", report.device, "fp32"),
        (f"bf16 on {report.device}", report.device, "bf16"),
    ):
        job = job_of(pair, precision, device, lite=True, steps=50)
        run = Session().run(job, content=pair.content, styles=[pair.style], resources=Resources(tile="off"))
        result = run.exhaust()
        picture = f"{name.replace(' ', '-')}.png"
        save_image(result.image, report.file.parent / picture)
        report.row(
            "50 evaluations",
            what=name,
            first=short(result.history[0]),
            total=short(result.total),
            evaluations=len(result.history),
            seconds=short(result.seconds),
            picture=picture,
        )


def speed(report: Report) -> None:
    """Seconds and peak memory of the framework and of the textbook, in turns."""
    from nst_core.errors import is_out_of_memory

    runs = [(width, *mode) for width in ((512, 1024, 2048) if report.gpu else (64, 96)) for mode in MODES]
    pairs = {width: pair_of(width, report.weights) for width, *_ in runs}
    for number, (width, *mode) in enumerate(runs):
        if report.left < 5:
            report.row("left out", width=width, mode=mode[0], why="no time left")
            continue
        try:
            _speed_of(report, pairs[width], *mode, seconds=report.left / (len(runs) - number))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            report.row("left out", width=width, mode=mode[0], why="out of memory")
        free()


def _speed_of(report: Report, pair: Any, name: str, precision: str, tf32: bool, seconds: float) -> None:
    import torch

    from nst_benchmarks.textbook import Textbook
    from nst_benchmarks.timing import alternating
    from nst_core.runtime.memory import PeakMemory

    device = report.device
    end = time.monotonic() + seconds
    allow_tf32(tf32)

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
        mode=name,
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

    allow_tf32(True)
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
    """The unit tests, which compute on the GPU wherever they name no device; the end of their output in pytest.txt."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:benchmark", *TESTS]
    if importlib.util.find_spec("xdist") and (os.cpu_count() or 1) >= 8:
        command += ["--numprocesses", "6", "--dist", "worksteal"]
    if not report.gpu:
        command = [*command[: -len(TESTS)], "tests/unit/runtime/test_device.py"]
    output = report.file.parent / "pytest.txt"
    with output.open("w", encoding="utf-8") as file:
        code = finished(command, max(5.0, report.left - 5), stdout=file, stderr=subprocess.STDOUT)
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-60:]
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")
    report.add("exit code", "time limit" if code is None else code)
    report.add("summary", lines[-1] if lines else "")
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            report.row("failures", test=line[:240])


# Sections in order, with the most seconds each may take of 300.
SECTIONS: dict[str, tuple[Callable[[Report], None], int]] = {
    "machine": (machine, 60),
    "correctness": (correctness, 75),
    "speed": (speed, 120),
    "synchronisations": (synchronisations, 45),
    "out_of_memory": (out_of_memory, 60),
    "profile": (profile, 45),
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
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)
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
    weights = options.weights
    with tempfile.TemporaryDirectory() as folder:
        report = Report(file, options.device, weights, time.monotonic() + options.seconds)
        try:
            if report.gpu and options.section not in ("machine", "tests"):
                import torch

                torch.zeros(1, device="cuda")  # or it says why it cannot; memory is counted from here on
            if not weights and options.section in ("speed", "synchronisations", "out_of_memory", "profile"):
                from random_weights import save_random_vgg19

                report.weights = str(save_random_vgg19(Path(folder) / "random.safetensors"))
            SECTIONS[options.section][0](report)
        except Exception as error:  # the others are to go on, and this is to be read later
            report.add("error", f"{type(error).__name__}: {error}"[:2000])
            report.add("traceback", traceback.format_exc().splitlines()[-40:])
            sys.exit(1)


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    """Run all sections, each in a process of its own; return what they found."""
    began = time.monotonic()
    everything: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        around = environment(Path(folder))
        missing = _missing(around)
        if missing:
            print(f"these modules are MISSING, and what needs them will fail: {', '.join(missing)}", flush=True)
            everything["missing modules"] = {"names": missing}
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


def _missing(around: dict[str, str]) -> list[str]:
    """Return the modules that cannot be found in an environment."""
    code = f"import importlib.util as u; print(*[n for n in {NEEDED!r} if u.find_spec(n) is None])"
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
    parser.add_argument("--weights", default="", help="a weight set of VGG-19 instead of random weights")
    parser.add_argument("--only", nargs="+", choices=list(SECTIONS), help="these sections alone")
    parser.add_argument("--section", choices=list(SECTIONS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out = options.out.resolve()
    if options.weights:
        options.weights = str(Path(options.weights).resolve())
    options.out.mkdir(parents=True, exist_ok=True)
    if options.section:
        run_section(options)
    else:
        run_all(options)
        print(f"results: {options.out / 'gpu.md'}", flush=True)


if __name__ == "__main__":
    main()
