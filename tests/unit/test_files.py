"""Files are replaced as a whole, get the permissions of any new file, and can be written by many at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE

import pytest
import torch
from safetensors.torch import load_file, save_file

from nst_core import ImageError
from nst_core.files import Lock, atomic_write, check_writable, companion, exists, fitting, is_file, is_folder

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")


def mode(path: Path) -> int:
    return S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o000], ids=oct)
def umask(request) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "a.txt"
    with atomic_write(target, ".txt") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".txt"
        assert temporary.read_bytes() == b""
        assert not target.exists()
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("name", [None, ".a.partial"])
def test_an_exception_leaves_the_old_file_and_nothing_else(tmp_path, trouble, name):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with (
        pytest.raises(type(trouble)),
        atomic_write(target, temporary=tmp_path / name if name else None) as temporary,
    ):
        temporary.write_text("half")
        raise trouble
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@posix
def test_permissions_are_those_that_the_umask_leaves(tmp_path, umask):
    target = tmp_path / "a.txt"
    for text in ("new", "replaced"):
        with atomic_write(target) as temporary:
            temporary.write_text(text)
        assert mode(target) == 0o666 & ~umask
    assert os.umask(umask) == umask


@posix
def test_permissions_do_not_depend_on_the_writer(tmp_path, umask):
    """Some writers put a private file of their own in place of the temporary one."""
    with atomic_write(tmp_path / "a.safetensors") as temporary:
        save_file({"a": torch.arange(3)}, temporary)
    assert mode(tmp_path / "a.safetensors") == 0o666 & ~umask
    assert load_file(tmp_path / "a.safetensors")["a"].tolist() == [0, 1, 2]


@posix
def test_many_threads_get_right_permissions_and_contents(tmp_path, monkeypatch):
    """Also those that make files of their own meanwhile: the umask belongs to the whole process."""
    real = os.umask

    def slow(mask: int) -> int:
        before = real(mask)
        time.sleep(0.001)  # whoever sets the umask for a moment is seen by the other threads
        return before

    def write(number: int) -> None:
        content = f"{number}\n" * 2000
        with atomic_write(tmp_path / f"own-{number}.txt") as temporary:
            temporary.write_text(content)
        with atomic_write(tmp_path / "common.txt") as temporary:
            temporary.write_text(content)
        (tmp_path / f"plain-{number}.txt").write_text(content)

    before = real(0o027)
    monkeypatch.setattr(os, "umask", slow)
    try:
        with ThreadPoolExecutor(16) as threads:
            list(threads.map(write, range(200)))
    finally:
        real(before)
    files = list(tmp_path.iterdir())
    assert len(files) == 2 * 200 + 1
    assert {oct(mode(path)) for path in files} == {"0o640"}
    for number in range(200):
        assert (tmp_path / f"own-{number}.txt").read_text() == f"{number}\n" * 2000
    lines = (tmp_path / "common.txt").read_text().splitlines()
    assert lines == lines[:1] * 2000


@pytest.mark.parametrize("path", ["n" * 256, "n" * 256 + "/a.png", "folder/" * 1000, "a\0b", "a.png/b", "none"])
def test_a_text_that_is_no_path_leads_nowhere(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    Path("a.png").touch()
    Path("folder").mkdir()
    assert [check("a.png") for check in (exists, is_file, is_folder)] == [True, True, False]
    assert [check("folder") for check in (exists, is_file, is_folder)] == [True, False, True]
    assert [check(path) for check in (exists, is_file, is_folder)] == [False, False, False]


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    target = tmp_path / ("n" * 251 + ".png")
    for text in ("new", "replaced"):
        with atomic_write(target, ".safetensors") as temporary:
            temporary.write_text(text)
        assert target.read_text() == text
    assert list(tmp_path.iterdir()) == [target]


LONG = ["n" * 256, "ä" * 128, os.fsdecode(b"\xe4" * 256)]


@pytest.mark.parametrize("name", LONG, ids=["ascii", "utf-8", "latin-1"])
@pytest.mark.parametrize("place", ["{}", "{}/new.txt", "no/{}/new.txt"])
def test_a_name_of_too_many_bytes_is_known_beforehand(tmp_path, name, place):
    with pytest.raises(ImageError, match=r"has 256 bytes, and at most 255 are allowed; choose a shorter one"):
        check_writable(tmp_path / place.format(name), ImageError)
    check_writable(tmp_path / name[:-1], ImageError)


@posix
def test_a_path_of_too_many_bytes_is_known_beforehand(tmp_path):
    """Also where the temporary file would have a longer name than the file itself."""
    folder = tmp_path
    while len(str(folder)) < 4096 - 2 - 250:
        folder = folder / ("d" * 200)
    folder = folder / ("d" * (4095 - 3 - len(str(folder)) - 1))
    assert len(str(folder / "ab")) == 4095
    with pytest.raises(ImageError, match=r"has 4095 bytes, and at most 4095 are allowed, 40 of them for the name"):
        check_writable(folder / "ab", ImageError)
    with pytest.raises(ImageError, match=r"has 4101 bytes"):
        check_writable(folder / "name.png", ImageError)


@pytest.mark.parametrize("name", LONG, ids=["ascii", "utf-8", "latin-1"])
def test_a_name_that_is_made_up_is_cut_to_fit(tmp_path, name):
    path = fitting(tmp_path, name, "-step00002.png")
    path.write_text("it fits")
    assert path.name.endswith("-step00002.png")
    assert 253 <= len(os.fsencode(path.name)) <= 255
    assert name.startswith(path.name.removesuffix("-step00002.png"))
    assert fitting(tmp_path, "short", ".png") == tmp_path / "short.png"


def test_a_companion_is_always_the_same_and_short(tmp_path):
    for name in ("a", "b", "n" * 255):
        found = companion(tmp_path / name, "previous")
        assert found == companion(tmp_path / name, "previous")
        assert found.parent == tmp_path
        assert len(found.name) < 40
    assert companion(tmp_path / "a", "previous") != companion(tmp_path / "b", "previous")


def test_a_named_temporary_file_replaces_a_leftover(tmp_path):
    leftover = tmp_path / ".a.partial"
    leftover.write_text("of a process that was killed")
    with atomic_write(tmp_path / "a", temporary=leftover) as temporary:
        assert temporary == leftover
        assert temporary.read_text() == ""
        temporary.write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "new"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "no" / "a.txt"):
        pass


def test_what_can_be_written_is_known_beforehand(tmp_path):
    check_writable(tmp_path / "new.txt", ImageError)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ImageError, match="is a folder; give the path of a file"):
        check_writable(tmp_path, ImageError)
    with pytest.raises(ImageError, match=r"the folder '.*no' does not exist; create it first"):
        check_writable(tmp_path / "no" / "new.txt", ImageError)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ImageError, match="is not writable; change its permissions or choose another folder"):
        check_writable(tmp_path / "new.txt", ImageError)


BUSY = ImageError("somebody else has it")

HOLDER = """
import sys
from pathlib import Path
from nst_core.errors import NstError
from nst_core.files import Lock

with Lock(Path(sys.argv[1])).held(NstError("busy")):
    print("taken", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path) -> Iterator[subprocess.Popen]:
    """Another process, which has the lock `lock` until its standard input ends."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        yield process


def test_one_process_has_a_lock_at_a_time(tmp_path, other):
    lock = Lock(tmp_path / "lock")
    with pytest.raises(ImageError, match="somebody else has it"), lock.held(BUSY):
        pass
    with lock.held(BUSY, waiting=other.stdin.close):
        assert other.wait(10) == 0
        with lock.held(BUSY):
            pass
        with pytest.raises(ImageError), Lock(tmp_path / "lock").held(BUSY):
            pass
    assert list(tmp_path.iterdir()) == []


def test_who_is_patient_gets_the_lock_of_one_who_is_about_to_end(tmp_path, other):
    timer = threading.Timer(0.3, other.stdin.close)
    timer.start()
    with Lock(tmp_path / "lock").held(BUSY, patience=60.0):
        assert other.wait(10) == 0
    timer.join()
    held = Lock(tmp_path / "lock")
    with held.held(BUSY), pytest.raises(ImageError), Lock(tmp_path / "lock").held(BUSY, patience=0.1):
        pass


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path, other):
    other.kill()
    other.wait()
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]
    with Lock(tmp_path / "lock").held(BUSY):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_cannot_be_made_keeps_nobody_away(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with Lock(tmp_path / "file" / "lock").held(BUSY):
        assert (tmp_path / "file").read_text() == "no folder"
