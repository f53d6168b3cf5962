"""Have libnst and the Python module in one process, whichever is loaded first, and compute with the operators.

    python check_one_process.py LIBNST

Each of the ways to load them runs in a process of its own. Without the compiled module only libnst is loaded.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

OPERATORS = {
    "gram",
    "gram_backward",
    "projected_gram",
    "projected_gram_backward",
    "row_products",
    "combine_rows",
    "squared_error",
    "squared_error_backward",
}
ORDERS = ("libnst closed", "libnst _C closed", "_C libnst closed", "global _C", "_C global")


def load(what: str, library: str) -> ctypes.CDLL | None:
    """Load one of the two, libnst also with its symbols for everybody, or close what was loaded."""
    if what == "_C":
        importlib.import_module("torch")  # the module finds torch's libraries in the process
        importlib.import_module("nst_core._C")
        return None
    return ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL if what == "global" else ctypes.RTLD_LOCAL)


def compute() -> None:
    """Raise AssertionError where an operator, its gradient or its shapes without data are not right."""
    import torch  # only here: libnst may be in the process before it

    for dtype, allowed in ((torch.float32, 1e-5), (torch.bfloat16, 1e-2)):
        feature = torch.rand(1, 64, 9, 11, generator=torch.Generator().manual_seed(0)).to(dtype)
        leaf = feature.contiguous(memory_format=torch.channels_last).requires_grad_()
        gram = torch.ops.nst.gram(leaf)
        flat = feature.float().flatten(2)
        torch.testing.assert_close(gram.detach(), flat @ flat.transpose(1, 2), rtol=allowed, atol=allowed)
        (gradient,) = torch.autograd.grad(gram.sum(), leaf)
        expected = 2 * feature.float().sum(1, keepdim=True).expand_as(feature)
        torch.testing.assert_close(gradient.float(), expected, rtol=allowed, atol=allowed)
        assert float(torch.ops.nst.squared_error(feature, feature)) == 0.0
    assert torch.ops.nst.gram(torch.empty(1, 5, 2, 2, device="meta")).shape == (1, 5, 5)
    known = {schema.name.partition("::")[2] for schema in torch._C._jit_get_all_schemas()}
    assert known >= OPERATORS, OPERATORS - known


def child(library: str, order: str) -> None:
    """Load in this order, and compute after each."""
    handle = None
    for what in order.split():
        if what == "closed":
            assert handle is not None
            ctypes.CDLL(None).dlclose(ctypes.c_void_p(handle._handle))
        else:
            handle = load(what, library) or handle
        compute()


def exported(library: Path) -> list[str]:
    """Return the readable names of what a shared library exports of nst itself.

    Templates of the standard library are left out: those over an enumeration are exported whatever it is.
    """
    lines = subprocess.run(
        ["nm", "--dynamic", "--defined-only", "--demangle", library], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    names = (line.split(" ", 2)[2] for line in lines)
    return [name for name in names if re.match(r"([a-z ]+ for )?nst::", name)]


def main(library: Path) -> None:
    """Check what is exported, then every order."""
    names = exported(library)
    assert any(name.startswith("nst::Stylizer::run(") for name in names), names
    assert not [name for name in names if "nst::detail" in name]
    module = importlib.util.find_spec("nst_core._C")
    if module is not None:
        assert module.origin is not None
        assert exported(Path(module.origin)) == []
    for order in ORDERS:
        if module is None and "_C" in order.split():
            continue
        done = subprocess.run([sys.executable, __file__, str(library), order], capture_output=True, text=True)
        assert done.returncode == 0, f"{order}: ended with {done.returncode}\n{done.stderr}"


if __name__ == "__main__":
    if len(sys.argv) == 3:
        child(sys.argv[1], sys.argv[2])
    else:
        main(Path(sys.argv[1]))
