"""Weights files changed at random, each told by its number: the same number is the same file."""

from __future__ import annotations

import random
import struct
from functools import cache

from tests.fuzz.hdf5_originals import originals

_WORDS = (0, 1, 2, 7, 8, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**40, 2**63 - 1, 2**64 - 1)
"""What a field that gives a size or an address is set to."""


@cache
def _originals() -> tuple[tuple[str, bytes], ...]:
    return tuple(originals())


def name_of(number: int) -> str:
    """Return the name of the original that mutant ``number`` is made from."""
    return _originals()[number % len(_originals())][0]


def mutant(number: int) -> bytes:
    """Return the bytes of mutant ``number``."""
    random_ = random.Random(number)
    name, original = _originals()[number % len(_originals())]
    data = bytearray(original)
    places = _telling_places(name)
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        place = random_.choice(places)
        if place < len(data):  # else it was cut off
            _change(data, place, random_)
    return bytes(data)


@cache
def _telling_places(name: str) -> tuple[int, ...]:
    """Return the offsets of all bytes that are not 0, of which a file of HDF5 has few.

    Where a number stands, its neighbours are of interest too: sizes and addresses have leading
    zeros.
    """
    data = dict(_originals())[name]
    return tuple(
        sorted(
            {
                near
                for place, byte in enumerate(data)
                if byte
                for near in range(place - place % 4, min(place + 4, len(data)))
            }
        )
    )


def _change(data: bytearray, place: int, random_: random.Random) -> None:
    match random_.choice(("bit", "bit", "byte", "word", "word", "near", "file", "copy", "cut")):
        case "bit":
            data[place] ^= 1 << random_.randrange(8)
        case "byte":
            data[place] = random_.choice((0, 1, 0x7F, 0x80, 0xFF))
        case "word":
            _put(data, place, random_.choice((4, 8)), random_.choice(_WORDS))
        case "near":
            size = random_.choice((2, 4, 8))
            word = int.from_bytes(_at(data, place, size), "little")
            _put(data, place, size, word + random_.choice((-8, -1, 1, 8, 1 << 8, 1 << 16)))
        case "file":
            size = len(data) + random_.choice((-64, -8, -1, 0, 1, 8, 4096))
            _put(data, place, 8, size)
        case "copy":
            other = random_.randrange(len(data)) & ~7
            piece = data[other : other + random_.choice((8, 16, 64))]
            start = place - place % 8
            data[start : start + len(piece)] = piece
        case "cut":
            del data[len(data) - random_.choice((1, 8, 100, 1000, 5000)) :]


def _at(data: bytearray, place: int, size: int) -> bytes:
    start = place - place % size
    return bytes(data[start : start + size])


def _put(data: bytearray, place: int, size: int, word: int) -> None:
    start = place - place % size
    data[start : start + size] = struct.pack("<Q", word % 2**64)[:size]
