"""The address that is listened at, and what every answer says."""

from __future__ import annotations

import socket

import pytest

from nst_cli.studio.server import POLICY, listen
from nst_core import JobError


def test_a_free_port_is_taken():
    with listen("127.0.0.1", 0) as found:
        host, port = found.getsockname()
        assert (host, port > 0) == ("127.0.0.1", True)
        with socket.create_connection((host, port), 5):
            pass
        with pytest.raises(JobError, match=f"port {port} of '127.0.0.1' cannot be used: .*--port"):
            listen("127.0.0.1", port)


def test_a_host_that_nobody_knows_is_named():
    with pytest.raises(JobError, match=r"the host 'no\.such\.host\.invalid' is not known"):
        listen("no.such.host.invalid", 0)


def test_a_browser_is_told_to_load_from_here_alone():
    assert "http" not in POLICY
    assert POLICY.startswith("default-src 'self'")
