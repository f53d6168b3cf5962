"""The image store: every file is read once while it stays the same, within a limit of memory."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image

from nst_core import ImageError, UnknownNameError, load_image, save_image
from nst_core.images import store as module
from nst_core.images.store import ImageStore

HEIGHT, WIDTH = 20, 30
DECODED = 3 * HEIGHT * WIDTH  # bytes


def saved(path: Path, seed: int) -> str:
    save_image(torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(seed)), path)
    return str(path)


@pytest.fixture
def paths(tmp_path) -> list[str]:
    return [saved(tmp_path / f"{seed}.png", seed) for seed in range(4)]


@pytest.fixture
def reads(monkeypatch) -> Counter[str]:
    counts: Counter[str] = Counter()
    read = module.read_bytes

    def counted(path, role):
        counts[str(path)] += 1
        return read(path, role)

    monkeypatch.setattr(module, "read_bytes", counted)
    return counts


def test_it_gives_what_load_image_gives(paths):
    store = ImageStore()
    for size in (None, 16):
        found, expected = store.open(paths[0]).at(size), load_image(paths[0], size=size)
        assert torch.equal(found.pixels, expected.pixels)
        assert (found.sha256, found.path, found.original_size) == (expected.sha256, paths[0], (HEIGHT, WIDTH))


def test_a_hash_is_that_of_the_file(paths, reads):
    store = ImageStore()
    assert store.sha256(paths[0]) == hashlib.sha256(Path(paths[0]).read_bytes()).hexdigest()
    assert store.open(paths[0]).sha256 == store.sha256(Path(paths[0])) == store.sha256(paths[0])
    assert reads == {paths[0]: 1}


def test_the_least_recently_used_images_make_room(paths, reads):
    store = ImageStore(max_bytes=3 * DECODED - 1)
    for number in (0, 1, 0, 2):  # 1 makes room for 2
        store.open(paths[number])
    assert reads == {paths[0]: 1, paths[1]: 1, paths[2]: 1}
    store.open(paths[0])
    assert reads[paths[0]] == 1
    store.open(paths[1])
    assert reads[paths[1]] == 2


def test_the_bytes_of_files_that_are_not_decoded_count_too(paths, reads):
    store = ImageStore(max_bytes=2 * max(Path(path).stat().st_size for path in paths))
    for path in paths:
        store.sha256(path)
    for path in paths:
        store.open(path)
    assert reads[paths[0]] == 2


def test_a_hash_is_known_without_the_file_in_memory(paths, reads):
    store = ImageStore(max_bytes=1)
    for path in (*paths, *paths):
        store.sha256(path)
    assert reads == dict.fromkeys(paths, 1)


def test_one_image_is_kept_whatever_its_size(paths, reads):
    store = ImageStore(max_bytes=1)
    assert store.open(paths[0]) is store.open(paths[0])
    assert reads == {paths[0]: 1}


def test_a_file_that_changed_is_read_again(paths, reads):
    store = ImageStore()
    before = store.open(paths[0])
    shutil.copyfile(paths[1], paths[0])
    os.utime(paths[0], ns=(0, 1))
    assert store.sha256(paths[0]) == store.open(paths[1]).sha256
    assert torch.equal(store.open(paths[0]).at().pixels, store.open(paths[1]).at().pixels)
    assert not torch.equal(store.open(paths[0]).at().pixels, before.at().pixels)
    assert reads[paths[0]] == 2


def test_a_file_that_was_removed_is_an_error(paths):
    store = ImageStore()
    store.open(paths[0])
    Path(paths[0]).unlink()
    for look in (store.open, store.sha256):
        with pytest.raises(ImageError, match=r"style image '.*0.png' does not exist"):
            look(paths[0], "style image")


def test_a_file_that_is_no_image_has_a_hash_and_no_pixels(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    store = ImageStore()
    assert store.sha256(tmp_path / "a.png") == hashlib.sha256(b"no image").hexdigest()
    for _ in range(2):
        with pytest.raises(ImageError, match=r"'.*a.png'"):
            store.open(tmp_path / "a.png")


def test_samples_are_images_like_others(reads):
    store = ImageStore()
    assert store.open("sample:brushwork").sha256 == store.sha256("sample:brushwork")
    assert store.open("sample:brushwork").at(64).pixels.shape[1] == 3
    assert reads == {"sample:brushwork": 1}
    with pytest.raises(UnknownNameError, match="did you mean 'brushwork'"):
        store.sha256("sample:brushwurk")


def test_images_in_memory_are_not_kept(reads):
    store = ImageStore()
    image = torch.rand(3, HEIGHT, WIDTH)
    first = store.open(image)
    image.zero_()
    assert not torch.equal(store.open(image).at().pixels, first.at().pixels)
    assert first.sha256 != store.open(image).sha256
    assert not reads


def test_what_is_transparent_counts_in_the_hash_of_an_image_in_memory():
    store = ImageStore()
    white, clear = Image.new("RGBA", (4, 3), "white"), Image.new("RGBA", (4, 3), "white")
    clear.putpixel((0, 0), (255, 255, 255, 0))
    assert torch.equal(store.open(white).at().pixels, store.open(clear).at().pixels)
    assert store.open(white).sha256 == store.open(white.convert("RGB")).sha256
    assert store.open(white).sha256 != store.open(clear).sha256
    assert store.open(clear).nbytes == 4 * 12


def test_pictures_that_look_different_have_different_hashes():
    """The same indices in two palettes are two pictures."""
    indices = Image.new("P", (4, 3), 1)
    red, green = indices.copy(), indices.copy()
    red.putpalette([0, 0, 0, 255, 0, 0])
    green.putpalette([0, 0, 0, 0, 255, 0])
    store = ImageStore()
    assert store.open(red).sha256 != store.open(green).sha256
    assert store.open(red).sha256 == store.open(red.convert("RGB")).sha256


def test_threads_share_what_is_read(paths, reads):
    store = ImageStore()
    together = threading.Barrier(8)

    def look(number: int) -> str:
        together.wait()
        return store.open(paths[number % 2]).sha256

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(look, range(8)))
    assert set(found) == {store.sha256(path) for path in paths[:2]}
    assert reads == {paths[0]: 1, paths[1]: 1}


def test_threads_keep_to_the_limit(paths):
    store = ImageStore(max_bytes=DECODED)
    expected = [load_image(path).sha256 for path in paths]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: store.open(paths[k % 4]).sha256, range(60)))
    assert found == expected * 15
