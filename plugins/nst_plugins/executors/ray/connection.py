"""The way to a Ray cluster: opened quietly and in bounded time, and closed by the one that opened it."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst_core import ExecutorError, install_command

__all__ = ["Connection", "Node", "checked_address"]

ADDRESS = "RAY_ADDRESS"
LOCAL = "local"
REACHING = 10.0
"""Seconds that the head of a cluster has to answer; Ray itself waits for minutes."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": ".*"}
"""What Ray reads when it is imported and started: report nothing to its makers, and print nothing of other processes
to our output, where it would be taken for a result."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is alive.

    Attributes:
        cpus: it offers.
        gpus: it offers.
        memory: it offers, in bytes.
    """

    cpus: float
    gpus: float
    memory: float

    @classmethod
    def of(cls, resources: Mapping[str, float]) -> Node:
        """Return a node from its resources as Ray names them."""
        return cls(*(float(resources.get(name, 0.0)) for name in ("CPU", "GPU", "memory")))

    def room(self, cpus: float, gpus: float, memory: int) -> int:
        """Return how many workers fit that need this much each."""
        needed = ((self.cpus, cpus), (self.gpus, gpus), (self.memory, memory))
        return int(min((there + 1e-9) // need for there, need in needed if need))


@dataclass(frozen=True)
class Connection:
    """A connection of this process to a cluster.

    Attributes:
        ray: the package.
        own: whether it was opened here, and not by the calling program.
    """

    ray: Any
    own: bool

    @classmethod
    def opened(cls, address: str) -> Connection:
        """Connect to a cluster, or start one on this machine where no address is given, here or in RAY_ADDRESS.

        A connection that the calling program has is used, if no address is given here.

        Raises:
            ExecutorError: Ray is not installed, or the cluster cannot be reached or used.
        """
        with _as_before():
            ray = _package()
        if ray.is_initialized():
            if address:
                raise ExecutorError(
                    f"this program is connected to a Ray cluster already; call ray.shutdown() before nst connects to "
                    f"'{address}', or leave the address out to use that connection"
                )
            return cls(ray, own=False)
        target = address or os.environ.get(ADDRESS, "") or LOCAL
        checked_address(target)
        options: dict[str, Any] = {"include_dashboard": False} if target == LOCAL else {}
        with _as_before():
            try:
                ray.init(address=target, log_to_driver=False, configure_logging=False, **options)
            except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
                ray.shutdown()
                raise ExecutorError(_unusable(target, error)) from error
        return cls(ray, own=True)

    def nodes(self) -> Sequence[Node]:
        """Return the machines that are alive now."""
        return [Node.of(node["Resources"]) for node in self.ray.nodes() if node["Alive"]]

    def close(self) -> None:
        """Disconnect, and end a cluster that was started here."""
        if self.own:
            with _as_before():
                self.ray.shutdown()


def checked_address(address: str) -> None:
    """Check that somebody listens at an address.

    Raises:
        ExecutorError: nobody does, or it is of another form.
    """
    if "://" in address:
        raise ExecutorError(
            f"the address '{address}' is not one that nst can use: run nst on a machine of the cluster, and give "
            "'auto' or the head's HOST:PORT"
        )
    host, _, port = (_last_cluster() if address == "auto" else address).rpartition(":")
    if not host or not port.isdecimal():
        return  # "local", "auto" without a file, or a mistake that Ray explains
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACHING).close()
    except (OSError, OverflowError) as error:
        raise ExecutorError(_unusable(address, error)) from error


def _last_cluster() -> str:
    """Return the address of the last cluster that was started on this machine, "" without one."""
    folder = Path(os.environ.get("RAY_TMPDIR") or tempfile.gettempdir())
    try:
        return (folder / "ray" / "ray_current_cluster").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _unusable(address: str, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    if address == LOCAL:
        return f"no Ray cluster can be started on this machine: {reason}"
    return (
        f"the Ray cluster '{address}' cannot be used: {reason.rstrip('.')}. Check the address, that this machine "
        "belongs to the cluster, and that RAY_AUTH_MODE is what the cluster was started with"
    )


def _package() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise ExecutorError(
            f"the executor 'ray' needs the package ray ({error}); install it with: {install_command('ray')}"
        ) from error


@contextmanager
def _as_before() -> Iterator[None]:
    """Let Ray change nothing in this process but the connection: handlers of signals, environment, logging."""
    numbers = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
    handlers = {number: signal.getsignal(number) for number in numbers}
    logger = logging.getLogger("ray")
    level, environment = logger.level, {name: os.environ.get(name) for name in QUIET}
    logger.setLevel(logging.ERROR)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    try:
        yield
    finally:
        for name, before in environment.items():
            if before is None:
                os.environ.pop(name, None)
        logger.setLevel(level)
        for number, handler in handlers.items():
            with suppress(ValueError):  # not the main thread, where Ray changes none either
                if handler is not None and signal.getsignal(number) is not handler:
                    signal.signal(number, handler)
