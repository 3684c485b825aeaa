"""Texts of varying length, from the heap in which HDF5 keeps them apart from their dataset.

Read here and not through HDF5 for the reason that ``raw_attributes`` gives. The layout is that of
the HDF5 File Format Specification, version 3.0, III.E.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from composer.container.raw_attributes import Read

REFERENCE = struct.Struct("<LQL")
"""A text's length, the address of the collection that holds it, its number there."""
COLLECTION = struct.Struct("<4sB3xQ")
OBJECT = struct.Struct("<HH4xQ")
ALIGNMENT = 8
OPEN_COLLECTIONS = 64


class GlobalHeap:
    """Reader of the texts of one file."""

    def __init__(self, read: Read, length: int) -> None:
        """Take what reads the HDF5 file, and its length in bytes."""
        self._read = read
        self._length = length
        # Texts of neighbours share a collection of 4 KiB, so a few of them serve a whole file.
        self._collection = lru_cache(OPEN_COLLECTIONS)(self._read_collection)

    def texts(self, references: bytes, count: int) -> list[bytes]:
        """Return the texts that ``count`` references name, each up to its first zero byte.

        Raises:
            ValueError: a reference is missing, points to no text or to a shorter one, or all
                together say to be longer than the file.
        """
        if len(references) < count * REFERENCE.size:
            raise ValueError(f"{count} texts have {len(references)} bytes of references")
        items = list(REFERENCE.iter_unpack(references[: count * REFERENCE.size]))
        if sum(length for length, _, _ in items) > self._length:
            raise ValueError(f"{count} texts say to be longer than the file")
        return [self._text(*item) for item in items]

    def _text(self, length: int, address: int, number: int) -> bytes:
        if not length:
            return b""
        start, size = self._collection(address).get(number, (0, -1))
        if length > size:
            raise ValueError(f"there is no text of {length} bytes at {address}, {number}")
        return self._read(start, length).split(b"\0")[0]

    def _read_collection(self, address: int) -> dict[int, tuple[int, int]]:
        """Return offset and size of each object of a collection, by number."""
        head = self._read(address, COLLECTION.size)
        if len(head) < COLLECTION.size or not head.startswith(b"GCOL"):
            raise ValueError(f"there are no texts at {address}")
        size = COLLECTION.unpack(head)[2]
        if address + size > self._length:
            raise ValueError(f"the texts at {address} say to take {size} bytes")
        return dict(_objects(self._read(address, size), address))


def _objects(data: bytes, address: int) -> Iterator[tuple[int, tuple[int, int]]]:
    position = COLLECTION.size
    while position + OBJECT.size <= len(data):
        number, _uses, size = OBJECT.unpack_from(data, position)
        if not number:
            return  # the free space behind the last object
        position += OBJECT.size
        if position + size > len(data):
            raise ValueError(f"text {number} at {address} is cut short")
        yield number, (address + position, size)
        position += (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
