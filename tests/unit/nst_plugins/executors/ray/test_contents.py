"""Files that are sent: each once, and only as many as there is room for."""

from __future__ import annotations

import weakref

import pytest

from nst_plugins.executors.ray.contents import Contents


class _Reference:
    def __init__(self, content: bytes) -> None:
        self.content = content


@pytest.fixture
def files(tmp_path):
    """Ten files of ten bytes: path and name, which stands for the hash."""
    for number in range(10):
        (tmp_path / f"{number}").write_bytes(b"%d" % number * 10)
    return [(str(tmp_path / f"{number}"), f"{number}") for number in range(10)]


def test_a_file_is_put_once(files):
    put = []
    contents = Contents(lambda content: put.append(content) or _Reference(content), most=100)
    first = contents.references(files[:2])
    again = contents.references(files[1:3])
    assert {name: reference.content for name, reference in first.items()} == {"0": b"0" * 10, "1": b"1" * 10}
    assert again["1"] is first["1"]
    assert put == [b"0" * 10, b"1" * 10, b"2" * 10]


def test_what_all_tasks_use_stays_and_the_oldest_of_the_others_go(files):
    alive = weakref.WeakValueDictionary()

    def put(content):
        return alive.setdefault(content[:1].decode(), _Reference(content))

    contents = Contents(put, most=30)
    painting, *photographs = files
    for photograph in photographs:
        contents.references([photograph, painting])
        assert len(alive) <= 3
    assert sorted(alive) == ["0", "8", "9"]


def test_what_a_task_needs_is_there_even_if_it_is_more_than_is_kept(files):
    contents = Contents(_Reference, most=15)
    assert sorted(contents.references(files)) == sorted(name for _, name in files)


def test_a_file_that_is_gone_is_an_error(files, tmp_path):
    with pytest.raises(OSError, match="gone"):
        Contents(_Reference).references([(str(tmp_path / "gone"), "x")])
