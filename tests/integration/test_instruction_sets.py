"""The tests of the native operators once more on the kernels for older processors."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nst_core.ops import native

# Its tests, but for what is the same with every kernel: what torch makes of an operator, threads, waits for a GPU.
SAME = "not opcheck and not compiled_forms and not test_loading and not test_threads and not test_transfer"
TESTS = Path(__file__).resolve().parents[1] / "unit" / "ops"
OTHERS = native().module.build_info()["instruction_sets"][1:] if native().module else []


@pytest.mark.skipif(not OTHERS, reason=f"native kernels for several instruction sets needed: {native().reason}")
@pytest.mark.parametrize("isa", OTHERS)
def test_operators(isa):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", SAME, str(TESTS)],
        capture_output=True,
        text=True,
        env={**os.environ, "NST_ISA": isa, "NST_NATIVE": "1"},
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not shutil.which("qemu-x86_64"), reason="qemu-x86_64 needed (Debian: qemu-user)"
)
@pytest.mark.parametrize(("processor", "best"), [("Haswell", "avx2"), ("SandyBridge", "generic")])
def test_older_processors_are_not_given_instructions_that_they_do_not_have(processor, best):
    """Emulated: loading the kernels must not even touch the code for newer ones, and torch can do less there."""
    if native().module is None:
        pytest.skip(f"native kernels needed: {native().reason}")
    program = (
        "import torch; from nst_core.diagnostics import checks; from nst_core.ops import gram, native; "
        "print(native().module.build_info()['isa']); "
        "print(float(gram(torch.ones(1, 64, 3, 5).contiguous(memory_format=torch.channels_last))[0, 7, 50])); "
        "print([name for name, wrong in checks().items() if wrong])"
    )
    done = subprocess.run(
        ["qemu-x86_64", "-cpu", processor, sys.executable, "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-2000:]}"
    assert done.stdout.split() == [best, "15.0", "[]"]


def test_an_unknown_instruction_set_is_an_error():
    if native().module is None:
        pytest.skip(f"native kernels needed: {native().reason}")
    program = "from nst_core.ops import native; print(native().reason)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={**os.environ, "NST_ISA": "abacus"}
    )
    assert "NST_ISA names 'abacus', but this processor has" in done.stdout
