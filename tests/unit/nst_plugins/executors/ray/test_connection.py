"""Addresses, and the room that machines have. None of this needs Ray."""

from __future__ import annotations

import socket

import pytest

from nst_core import ExecutorError
from nst_plugins.executors.ray.connection import Node, checked_address


@pytest.fixture
def unused() -> str:
    """An address of this machine at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def test_nobody_at_an_address_is_an_error_at_once(unused):
    with pytest.raises(ExecutorError, match=rf"'{unused}' cannot be used: .*refused. Check the address"):
        checked_address(unused)


def test_a_cluster_of_this_machine_that_is_gone_is_an_error_at_once(unused, tmp_path, monkeypatch):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text(unused)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    with pytest.raises(ExecutorError, match="the Ray cluster 'auto' cannot be used"):
        checked_address("auto")


@pytest.mark.parametrize("address", ["ray://head:10001", "http://127.0.0.1:8265"])
def test_addresses_of_other_services_are_refused(address):
    with pytest.raises(ExecutorError, match="run nst on a machine of the cluster"):
        checked_address(address)


def test_somebody_at_an_address_is_left_to_ray():
    with socket.create_server(("127.0.0.1", 0)) as server:
        checked_address(f"127.0.0.1:{server.getsockname()[1]}")
    checked_address("local")


@pytest.mark.parametrize(
    ("cpus", "gpus", "memory", "expected"),
    [(1, 0, 0, 8), (3, 0, 0, 2), (0.1, 0, 0, 80), (1, 1, 0, 2), (1, 0.5, 0, 4), (1, 0, 5 * 10**9, 3), (9, 0, 0, 0)],
)
def test_workers_that_a_machine_has_room_for(cpus, gpus, memory, expected):
    node = Node.of({"CPU": 8.0, "GPU": 2.0, "memory": 16e9, "node:10.0.0.1": 1.0})
    assert node.room(cpus, gpus, memory) == expected


def test_a_machine_without_processors_has_no_room():
    assert Node.of({"memory": 16e9}).room(1, 0, 0) == 0
