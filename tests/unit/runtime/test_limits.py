"""What the shell lets a process have is known before torch is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nst_core.runtime.limits import address_space_limit

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
