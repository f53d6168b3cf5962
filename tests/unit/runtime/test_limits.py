"""What shell and container let a process have is known before torch is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nst_core.runtime.limits import Processors, address_space_limit, processors

PROGRAM = "from nst_core.runtime.limits import address_space_limit; print(address_space_limit())"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit it")
@pytest.mark.parametrize(("kilobytes", "expected"), [("2000000", "2048000000"), ("unlimited", "None")])
def test_the_limit_of_the_shell(kilobytes, expected):
    command = f'ulimit -v {kilobytes}; exec "$0" -c "$1"'
    done = subprocess.run(["bash", "-c", command, sys.executable, PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected


def test_there_need_be_none():
    limit = address_space_limit()
    assert limit is None or limit > 0


def group(root, line, folder, **files):
    """Describe a control group that this process is in."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text(f"{line}\n")
    place = root / "sys/fs/cgroup" / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (place / name.replace("__", ".")).write_text(f"{text}\n")


def test_the_quota_of_a_container(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        group(root, "0::/box/job", "box/job", cpu__max="250000 100000")
    assert processors(one).quota == 2.5
    group(two, "0::/box/job", "box", cpu__max="150000 100000")  # the least of those around it counts
    assert processors(two).quota == 1.5


def test_the_quota_in_the_first_version_of_control_groups(tmp_path):
    files = {"cpu__cfs_quota_us": "50000", "cpu__cfs_period_us": "100000"}
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        group(root, "4:cpu,cpuacct:/job", "cpu/job", **files)
    assert processors(one).quota == 0.5
    group(two, "4:cpu,cpuacct:/job", "cpu/job", cpu__cfs_quota_us="-1")
    assert processors(two).quota is None


def test_a_container_without_quota(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert processors(one).quota is None  # no description at all
    group(two, "0::/", "", cpu__max="max 100000")
    assert processors(two).quota is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity")
def test_affinity_counts(tmp_path):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert processors(tmp_path).affinity == processors(tmp_path).usable == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("affinity", "quota", "usable"), [(8, None, 8), (8, 2.5, 3), (2, 4.0, 2), (4, 0.3, 1), (4, 2.0, 2)]
)
def test_a_part_of_a_processor_counts_as_one(affinity, quota, usable):
    assert Processors(16, affinity, quota).usable == usable
