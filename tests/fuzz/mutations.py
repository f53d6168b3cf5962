"""Damage: what transmission, programs and malice do to the bytes of a file."""

from __future__ import annotations

import random
import struct

__all__ = ["damaged", "damaged_tiff_tags"]

EXTREMES = (0, 1, 127, 128, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return a file with one to four kinds of damage."""
    if data[:4] in (b"II*\0", b"MM\0*") and rng.random() < 0.7:
        data = damaged_tiff_tags(data, rng)
        if rng.random() < 0.7:
            return data
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(DAMAGES)(data, rng)
    return data


def _place(data: bytes, rng: random.Random) -> int:
    """Return a place in a file; headers are hit more often than their share."""
    return rng.randrange(max(1, min(len(data), rng.choice((32, 128, 512, 1 << 30)))))


def _flip_bits(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if changed else 0):
        changed[_place(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _remove(data: bytes, rng: random.Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + data[place + rng.choice((1, 2, 4, 64)) :]


def _insert(data: bytes, rng: random.Random) -> bytes:
    place = _place(data, rng)
    return data[:place] + rng.randbytes(rng.choice((1, 2, 4, 64))) + data[place:]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    place, length = _place(data, rng), rng.choice((1, 4, 32, 256))
    return data[:place] + data[place : place + length] * rng.choice((2, 2, 100)) + data[place + length :]


def _zero(data: bytes, rng: random.Random) -> bytes:
    place, length = _place(data, rng), rng.choice((1, 4, 32, 256))
    return data[:place] + bytes(len(data[place : place + length])) + data[place + length :]


def _extreme_number(data: bytes, rng: random.Random) -> bytes:
    place, width = _place(data, rng), rng.choice((1, 2, 4))
    number = rng.choice(EXTREMES) & (256**width - 1)
    written = number.to_bytes(width, rng.choice(("little", "big")))
    return data[:place] + written[: len(data) - place] + data[place + width :]


DAMAGES = (_flip_bits, _flip_bits, _truncate, _remove, _insert, _repeat, _zero, _extreme_number, _extreme_number)


def damaged_tiff_tags(data: bytes, rng: random.Random) -> bytes:
    """Return a TIFF some of whose tags have another number, type, count or value."""
    order = "<" if data[:2] == b"II" else ">"
    changed = bytearray(data)
    (start,) = struct.unpack_from(order + "I", data, 4)
    if start + 2 > len(data):
        return data
    (count,) = struct.unpack_from(order + "H", data, start)
    entries = [start + 2 + 12 * n for n in range(count) if start + 14 + 12 * n <= len(data)]
    for entry in rng.sample(entries, min(len(entries), rng.choice((1, 1, 2, 5)))):
        field = rng.choice(("tag", "type", "count", "value", "value", "value"))
        if field == "tag":
            struct.pack_into(
                order + "H", changed, entry, rng.choice((254, 256, 258, 259, 262, 273, 277, 284, 317, 339))
            )
        elif field == "type":
            struct.pack_into(order + "H", changed, entry + 2, rng.choice((0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 255)))
        elif field == "count":
            struct.pack_into(order + "I", changed, entry + 4, rng.choice(EXTREMES))
        elif rng.random() < 0.5:
            struct.pack_into(order + "H", changed, entry + 8, rng.choice((*range(10), 16, 32, 64, 32773, 34712, 50000)))
        else:
            struct.pack_into(order + "I", changed, entry + 8, rng.choice(EXTREMES))
    return bytes(changed)
