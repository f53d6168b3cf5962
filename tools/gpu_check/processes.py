"""Processes of the repository, each ended with all that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any

from gpu_check.places import ROOT


def finished(command: list[str], seconds: float, **options: Any) -> int | None:
    """Run a command; return its exit code, or ``None`` where it took too long and was ended with all it had started."""
    return ended(started(command, **options), seconds)


def started(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a command in the repository, and what it starts with it."""
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, **options)


def ended(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    """Wait for what was started; see :func:`finished`."""
    try:
        return process.wait(seconds)
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None
        raise
