"""Amounts of memory: how they are written, what is there, and what a computation needs at its peak."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest
import torch

from nst_core import JobError, Statistic, WeightedMaps
from nst_core.ops import ConvStack, conv_stack, native
from nst_core.runtime import memory
from nst_core.runtime.memory import (
    PeakMemory,
    children_memory,
    format_memory,
    memory_available,
    memory_in_use,
    parse_memory,
    tensor_bytes,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4GB", 4e9), ("1.5 gb", 1.5e9), ("800MB", 8e8), ("2GiB", 2**31), ("100k", 1e5), ("12345", 12345), ("3G", 3e9)],
)
def test_amounts_of_memory(text, expected):
    assert parse_memory(text) == int(expected)


@pytest.mark.parametrize("text", ["", "GB", "4 XB", "-1GB", "0GB", "four", "9" * 5000 + "GB", "9999999999T"])
def test_what_is_no_amount_of_memory(text):
    with pytest.raises(JobError, match="invalid amount of memory"):
        parse_memory(text)


def test_memory_is_what_it_should_be():
    with PeakMemory(CPU) as before:
        pass
    with PeakMemory(CPU) as peak:
        block = torch.ones(60_000_000)
        time.sleep(0.05)  # for the thread that looks, on a busy machine
        del block
    assert 200e6 < peak.bytes - before.bytes < 400e6
    assert 100e6 < memory_available(CPU) < 1e14
    assert (format_memory(2_340_000_000), format_memory(56_000_000)) == ("2.34 GB", "56 MB")


def test_the_address_space_that_is_left_counts(monkeypatch):
    monkeypatch.setattr(memory, "address_space_limit", lambda: psutil.Process().memory_info().vms + 5_000_000)
    assert 0 <= memory_available(CPU) <= 5_000_000
    monkeypatch.setattr(memory, "address_space_limit", lambda: 1000)
    assert memory_available(CPU) == 0


@pytest.mark.skipif(native().module is None, reason=f"native kernels needed: {native().reason}")
def test_memory_that_is_kept_for_the_next_evaluation_counts():
    layers = conv_stack(ConvStack(("conv", "relu"), (torch.zeros(64, 3, 3, 3),), (torch.zeros(64),), (1,)))

    def needed(side: int) -> int:
        with PeakMemory(CPU) as before:
            pass
        with PeakMemory(CPU) as peak:
            layers(torch.zeros(1, 3, side, side, requires_grad=True))[0].sum().backward()
        return peak.bytes - before.bytes

    needed(64)  # threads start
    alone = needed(512)
    needed(1024)
    assert needed(512) > 0.8 * alone > 50e6


def test_what_is_in_use_counts_a_block_that_is_held():
    before = memory_in_use(CPU)
    block = torch.ones(50_000_000)
    assert 150e6 < memory_in_use(CPU) - before < 300e6
    del block


def test_bytes_of_nested_tensors_count_each_tensor_once():
    one, other = torch.zeros(2, 3), torch.zeros(5, dtype=torch.float64)
    assert tensor_bytes(one) == 24
    assert tensor_bytes({"a": one, "b": [other, (one, None, 3, "text")]}) == 64
    assert tensor_bytes(Statistic((one,), other)) == 64
    assert tensor_bytes((WeightedMaps({"a": one}, 0.5), WeightedMaps({"a": other}, 0.5))) == 64
    assert tensor_bytes([]) == 0


@pytest.mark.parametrize(
    ("line", "folder", "files"),
    [
        ("0::/job", "job", {"memory.max": "5000000", "memory.current": "3000000"}),
        ("4:cpu,memory:/job", "memory/job", {"memory.limit_in_bytes": "5000000", "memory.usage_in_bytes": "3000000"}),
    ],
)
def test_the_limit_of_a_container_counts(line, folder, files, tmp_path):
    """Of either version of control groups, without what is only cached files."""
    place = tmp_path / "sys/fs/cgroup" / folder
    place.mkdir(parents=True)
    for name, text in files.items():
        (place / name).write_text(text)
    (place / "memory.stat").write_text("inactive_file 1000000\ntotal_inactive_file 1000000\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"{line}\n")
    assert memory_available(CPU, tmp_path) == 3_000_000
    (place / next(iter(files))).write_text("max")
    assert memory_available(CPU, tmp_path) > 50e6


def test_memory_of_children_is_that_of_processes_that_were_started():
    command = [sys.executable, "-c", "x = bytearray(80_000_000); print(flush=True); input()"]
    before = children_memory()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert children_memory() - before > 70_000_000
        child.communicate(b"\n")


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (1.0, 50 + 20 - 8),  # what is free, and what torch holds without using it
        (0.5, 50 - 8),  # of 100, torch may have 50
        (0.05, 0),  # it has more than that
    ],
)
def test_a_gpu_gives_what_is_free_and_what_the_process_may_have(fraction, expected, monkeypatch):
    for name, value in (
        ("mem_get_info", (50, 100)),
        ("memory_allocated", 8),
        ("memory_reserved", 20),
        ("get_per_process_memory_fraction", fraction),
    ):
        monkeypatch.setattr(torch.cuda, name, lambda device, value=value: value)  # noqa: ARG005
    assert memory_available(torch.device("cuda")) == expected
