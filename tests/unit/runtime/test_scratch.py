"""Large tensors in files: where they are, what happens to them, and that nothing else changes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch

from nst_core import JobError, ScratchError
from nst_core.ops import native, zero_rows
from nst_core.runtime import scratch as module
from nst_core.runtime.scratch import Scratch, check_scratch, room_in, smallest_for, using

CPU = torch.device("cpu")
SMALLEST = 1 << 16
LARGE, SMALL = SMALLEST // 4, SMALLEST // 4 - 1  # numbers of float32

needs_files = pytest.mark.skipif(
    sys.platform != "linux" or native().module is None, reason="scratch files need Linux and native kernels"
)


@pytest.fixture
def files(tmp_path) -> Scratch:
    return Scratch(tmp_path, SMALLEST)


def is_mapped(tensor: torch.Tensor, folder: Path) -> bool:
    """Whether the system says that a tensor lies in a file of a folder."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        begin, end = (int(number, 16) for number in line.split()[0].split("-"))
        if begin <= tensor.data_ptr() < end:
            return str(folder) in line and "deleted" in line
    return False


@needs_files
def test_large_tensors_are_in_files_and_small_ones_are_not(files):
    with files.active():
        large, small = torch.ones(LARGE), torch.ones(SMALL)
    outside = torch.ones(LARGE)
    assert [is_mapped(tensor, files.folder) for tensor in (large, small, outside)] == [True, False, False]
    assert (files.bytes, files.peak) == (large.nbytes, large.nbytes)
    assert list(files.folder.iterdir()) == []  # the files have no names
    assert (large.sum(), small.sum(), outside.sum()) == (LARGE, SMALL, LARGE)


@needs_files
def test_a_file_goes_with_its_tensor(files):
    with files.active():
        one = torch.ones(LARGE)
        other = one * 2  # what operators make is in files, too
    assert files.bytes == 2 * one.nbytes
    del one
    assert files.bytes == other.nbytes
    assert float(other.sum()) == 2 * LARGE
    del other
    assert (files.bytes, files.peak) == (0, 2 * LARGE * 4)


@needs_files
def test_a_tensor_grows_from_memory_into_a_file_and_back(files):
    with files.active():
        tensor = torch.arange(SMALL, dtype=torch.float32)
        tensor.resize_(4 * LARGE)
        assert is_mapped(tensor, files.folder)
    tensor.resize_(16 * LARGE)  # outside: in memory again
    assert files.bytes == 0
    assert torch.equal(tensor[:SMALL], torch.arange(SMALL, dtype=torch.float32))


@needs_files
def test_threads_and_blocks_have_folders_of_their_own(tmp_path):
    first, second = (Scratch(tmp_path, SMALLEST) for _ in range(2))
    kept = []
    with first.active():
        with second.active():
            kept.append(torch.ones(LARGE))
        thread = threading.Thread(target=lambda: kept.append(torch.ones(LARGE)))
        thread.start()
        thread.join()
        kept.append(torch.ones(LARGE))
        with using(None):
            kept.append(torch.ones(LARGE))
    assert (first.bytes, second.bytes) == (2 * LARGE * 4, LARGE * 4)
    assert [is_mapped(tensor, tmp_path) for tensor in kept] == [True, False, True, True]


@needs_files
def test_zero_rows_are_zero_wherever_they_are(files):
    point = torch.ones(LARGE)
    with files.active():
        dirty = [torch.full((LARGE,), 7.0) for _ in range(3)]
        del dirty
        rows = zero_rows(3, point)
        few = zero_rows(3, point[:10])
        assert zero_rows(2, point.double()).dtype == torch.float64
    assert is_mapped(rows, files.folder)
    assert (rows.shape, few.shape) == ((3, LARGE), (3, 10))
    assert not rows.any()
    assert not few.any()
    assert not zero_rows(2, point).any()


@needs_files
def test_what_is_resident_is_kept_small_and_nothing_is_lost(tmp_path, monkeypatch):
    """Pages leave the process and come back with what was in them, while threads write to them."""
    monkeypatch.setattr(module, "RESIDENT", 1 << 22)
    files, process = Scratch(tmp_path, SMALLEST), psutil.Process()
    with files.active():
        before = process.memory_info().shared
        blocks = [torch.arange(n, n + (1 << 22), dtype=torch.int32) for n in range(8)]  # of 16 MB
        for _ in range(20):
            for block in blocks:
                block.add_(1)
        end = time.monotonic() + 20
        while process.memory_info().shared > before + (1 << 23) and time.monotonic() < end:
            time.sleep(0.01)
        assert process.memory_info().shared <= before + (1 << 23)  # of 128 MB
        expected = torch.arange(1 << 22, dtype=torch.int32)
        for n, block in enumerate(blocks):
            assert torch.equal(block, expected + (n + 20))


LIMITED = """
import resource, signal, sys
import torch
from nst_core import NstError
from nst_core.runtime.scratch import Scratch

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
files = Scratch(sys.argv[1], 1 << 16)
with files.active():
    fits = torch.ones(1 << 18)
    assert files.bytes == 1 << 20
try:
    with files.active():
        torch.ones((1 << 18) + 1)
except NstError as error:
    print(type(error).__name__, error)
with files.active():
    fits.mul_(2)
assert fits.sum() == 1 << 19
"""


@needs_files
def test_a_file_that_has_no_room_is_an_error_of_ours(tmp_path):
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ScratchError the scratch folder has no room for 1048580 bytes in")
    assert "File too large; free some space there" in done.stdout


FORKED = """
import os, signal, sys
import torch
from nst_core.runtime import scratch
from nst_core.runtime.scratch import Scratch

scratch.RESIDENT = 1 << 20  # the thread that watches is busy all the time
files = Scratch(sys.argv[1], 1 << 16)
with files.active():
    block = torch.ones(1 << 22)
    for _ in range(20):
        block.add_(1)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            own = torch.ones(1 << 20)
            del own, block
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == 0, code
assert block.sum() == 21 * (1 << 22)
"""


@needs_files
def test_a_forked_process_can_make_and_give_back_files(tmp_path):
    done = subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["disk", "a b", "Größe"])
def test_the_kind_of_a_file_system_with_any_name(name, tmp_path, monkeypatch):
    place = tmp_path / name
    place.mkdir()
    written = str(place).replace(" ", "\\040")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"disk / ext4 rw 0 0\nmemory {written} tmpfs rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(module, "_MOUNTS", mounts)
    assert module._file_system(place) == "tmpfs"
    assert module._file_system(tmp_path) == "ext4"


@needs_files
def test_a_folder_that_goes_away_is_an_error_of_ours(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    files = Scratch(folder, SMALLEST)
    folder.rmdir()
    with pytest.raises(ScratchError, match="No such file or directory"), files.active():
        torch.ones(LARGE)
    with pytest.raises(ValueError, match="other"), files.active():
        raise ValueError("other errors stay as they are")


@needs_files
def test_a_folder_is_made_and_checked(tmp_path):
    assert check_scratch(tmp_path / "a" / "b", CPU) == ""
    assert (tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match=r"scratch folder '.*file' cannot be written to"):
        check_scratch(tmp_path / "file", CPU)
    with pytest.raises(JobError, match="cannot be written to"):
        check_scratch(tmp_path / "file" / "inside", CPU)
    with pytest.raises(JobError, match=r"computed on 'cuda'.*--device cpu"):
        check_scratch(tmp_path, torch.device("cuda"))


@needs_files
def test_a_folder_is_checked_without_being_made(tmp_path, monkeypatch):
    assert check_scratch(tmp_path / "a" / "b", CPU, make=False) == ""
    assert room_in(tmp_path / "a" / "b") == pytest.approx(room_in(tmp_path), rel=0.1)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "inside"):
        with pytest.raises(JobError, match=r"scratch folder '.*file.*' cannot be written to: Not a directory"):
            check_scratch(place, CPU, make=False)
    monkeypatch.chdir(tmp_path)
    assert check_scratch(Path("relative"), CPU, make=False) == ""
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)  # root may write anywhere
    for place in (tmp_path, tmp_path / "a" / "b"):
        with pytest.raises(JobError, match=r"scratch folder '.*' cannot be written to: Permission denied"):
            check_scratch(place, CPU, make=False)


@needs_files
@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no file system in memory")  # noqa: S108
def test_a_folder_in_memory_is_pointed_out():
    assert "is memory itself" in check_scratch(Path("/dev/shm"), CPU)  # noqa: S108


def test_without_kernels_or_linux_there_are_none(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_NATIVE", "0")
    with pytest.raises(JobError, match="need the native kernels, but there are none: turned off by NST_NATIVE=0"):
        check_scratch(tmp_path, CPU)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(JobError, match="need Linux"):
        check_scratch(tmp_path, CPU)


def test_what_is_in_files():
    assert smallest_for((8656, 11552)) == 3 * 8656 * 11552  # a mask of three channels is, a map of one is not
    assert smallest_for((10, 10)) == 1 << 20
