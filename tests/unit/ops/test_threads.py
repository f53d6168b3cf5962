"""Kernels give the same numbers from any number of threads, from several callers at once, and after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest
import torch

from nst_core.ops import gram, native, row_products
from nst_core.runtime.threads import processor_threads

pytestmark = pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")


def rows(seed: int = 0) -> torch.Tensor:
    return torch.randn(6, 50_000, generator=torch.Generator().manual_seed(seed))


def products(seed: int) -> list[list[float]]:
    return row_products(rows(seed), [0, 3]).tolist()


@pytest.mark.parametrize("count", [1, 2, 3, 16])
def test_any_number_of_threads(count):
    with processor_threads(1):
        expected = products(0)
    with processor_threads(count):
        for _ in range(50):
            assert products(0) == expected


def test_callers_at_the_same_time():
    """Each gets its own result, whoever's helpers worked on it."""
    with processor_threads(3):
        expected = [products(seed) for seed in range(6)]
    wrong, done = [], []

    def call(seed: int) -> None:
        torch.set_num_threads(3)
        for _ in range(100):
            if products(seed) != expected[seed]:
                wrong.append(seed)
        done.append(seed)

    threads = [threading.Thread(target=call, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert sorted(done) == [*range(6)]


def test_after_threads_have_gone_to_sleep():
    with processor_threads(2):
        expected = products(1)
        for pause in (0, 0.0001, 0.001, 0.02) * 10:
            time.sleep(pause)
            assert products(1) == expected


FORK = """
import os, signal, torch
from nst_core.ops import row_products
torch.set_num_threads(3)
rows = torch.randn(6, 50_000)
expected = row_products(rows, [0, 3])
child = os.fork()
if child == 0:
    signal.alarm(30)
    os._exit(0 if torch.equal(row_products(rows, [0, 3]), expected) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system cannot fork")
def test_a_forked_process_has_threads_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_portions_of_a_gram_matrix():
    feature = torch.rand(1, 64, 96, 128, generator=torch.Generator().manual_seed(0))
    feature = feature.contiguous(memory_format=torch.channels_last)
    flat = feature.double().flatten(2)
    expected = flat @ flat.mT
    for count in (1, 2, 5):
        with processor_threads(count):
            torch.testing.assert_close(gram(feature).double() / expected, torch.ones_like(expected), rtol=0, atol=2e-6)
