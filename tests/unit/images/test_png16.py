"""PNG files with 16 bits per channel hold every bit, and other programs read them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from nst_core.images.png16 import write_png16


def written(array: np.ndarray, texts: dict[str, str] | None = None) -> bytes:
    file = io.BytesIO()
    write_png16(file, array, texts or {})
    return file.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of all chunks, checksums verified."""
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack_from(">I", data, place)
        name, content = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", data, place + 8 + length)[0] == zlib.crc32(name + content)
        found.append((name, content))
        place += 12 + length
    return found


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (1, 40), (40, 1)])
def test_every_bit_is_in_the_file(shape):
    array = np.random.default_rng(0).integers(0, 2**16, (*shape, 3), np.uint16)
    found = dict(chunks(written(array)))
    width, height, bits, colours = struct.unpack_from(">IIBB", found[b"IHDR"])
    assert ((height, width), bits, colours) == (shape, 16, 2)
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, 1 + 6 * width)
    assert set(rows[:, 0]) == {2}  # every row is its difference from the one above
    values = rows[:, 1:].cumsum(axis=0, dtype=np.uint8).view(">u2").reshape(height, width, 3)
    np.testing.assert_array_equal(values, array)


def test_an_alpha_channel_has_16_bits_too():
    array = np.random.default_rng(2).integers(0, 2**16, (6, 5, 4), np.uint16)
    found = dict(chunks(written(array)))
    assert struct.unpack_from(">IIBB", found[b"IHDR"]) == (5, 6, 16, 6)
    rows = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(6, 1 + 8 * 5)
    values = rows[:, 1:].cumsum(axis=0, dtype=np.uint8).view(">u2").reshape(6, 5, 4)
    np.testing.assert_array_equal(values, array)


def test_pillow_reads_it(tmp_path):
    array = np.random.default_rng(1).integers(0, 2**16, (9, 11, 3), np.uint16)
    (tmp_path / "a.png").write_bytes(written(array, {"note": "Füße 写真"}))
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert image.size == (11, 9)
        assert image.info["note"] == "Füße 写真"
        assert "srgb" in image.info
        np.testing.assert_allclose(np.asarray(image), array / 257, atol=1)
