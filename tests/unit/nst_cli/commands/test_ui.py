"""``nst ui``: what is refused before anything is opened. The page itself is in tests/integration/test_studio.py."""

from __future__ import annotations

import importlib.util
import socket

import pytest


@pytest.mark.parametrize("text", ["ada", ":secret", "ada:"])
def test_a_person_needs_a_name_and_a_password(nst, text):
    done = nst("ui", "--auth", text)
    assert (done.code, "--auth must be written NAME:PASSWORD" in done.err) == (2, True)


def test_the_extra_is_named_where_it_is_missing(nst, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr("nst_cli.commands.ui.find_spec", lambda name: None if name == "gradio" else found(name))
    done = nst("ui")
    assert done.code == 2
    assert 'the studio needs gradio; install it with: pip install "gradio' in " ".join(done.err.split())


def test_a_port_that_is_taken_is_named(nst):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = nst("ui", "--port", str(port))
    assert (done.code, f"port {port}" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-upload", "much"), "much"),
        (("--port", "70000"), "65535"),
        (("--visitors", "0"), "equal to 1"),
        (("--threads", "0"), "threads"),
    ],
)
def test_values_that_make_no_sense_are_refused(nst, options, message):
    done = nst("ui", *options)
    assert done.code == 2
    assert message in done.err
