"""Where the root group is, and the heap in which a group of the older form keeps names, checked.

HDF5 follows the list of a heap's free places without an end: one flipped bit that leads the list
back into itself makes it run for ever. So the list is followed here first. The layout is that of
the HDF5 File Format Specification, version 3.0, II.A, III.D and IV.A.2.r.
"""

from __future__ import annotations

import struct

from composer.container.raw_attributes import Read, messages

SYMBOL_TABLE = 0x11
_TABLE = struct.Struct("<2Q")
"""Address of the tree of a group, and of its heap."""
_HEAP = struct.Struct("<4s4x3Q")
"""Signature, bytes of the names, the first free place among them, where they are."""
_FREE = struct.Struct("<2Q")
"""The next free place, and the size of this one."""
_END = 1
"""Stands for no further place: places are multiples of 8."""
_ROOT = {0: 64, 1: 68, 2: 36, 3: 36}
"""Where a superblock of each version has the address of the root group's object header."""
_VERSION = 8
_HEAD_BYTES = 80


def root_address(read: Read) -> int:
    """Return the address of the root group's object header; HDF5 would look at its heap for that.

    Args:
        read: reads the HDF5 file, whose addresses have eight bytes.

    Raises:
        ValueError: there is no superblock that is known.
    """
    head = read(0, _HEAD_BYTES)
    place = _ROOT.get(head[_VERSION] if len(head) > _VERSION else -1)
    if place is None or place + 8 > len(head):
        raise ValueError("the superblock is of an unknown version, or cut short")
    return int.from_bytes(head[place : place + 8], "little")


def check_names(read: Read, address: int) -> None:
    """Refuse a group whose heap HDF5 would not come to an end with.

    Args:
        read: reads the HDF5 file.
        address: of the group's object header.

    Raises:
        ValueError: the header is malformed, or the list of free places is.
    """
    try:
        for kind, data in messages(read, address):
            if kind == SYMBOL_TABLE:
                _check_heap(read, _TABLE.unpack_from(data)[1])
    except (struct.error, IndexError) as error:
        raise ValueError(f"the object header at {address} is cut short") from error


def _check_heap(read: Read, address: int) -> None:
    head = read(address, _HEAP.size)
    if len(head) < _HEAP.size or not head.startswith(b"HEAP"):
        raise ValueError(f"there are no names of a group at {address}")
    _, size, place, start = _HEAP.unpack(head)
    seen: set[int] = set()
    while place != _END:
        free = read(start + place, _FREE.size) if place + _FREE.size <= size else b""
        if place in seen or len(free) < _FREE.size:
            raise ValueError(f"the free places of the names at {address} lead nowhere")
        seen.add(place)
        place = _FREE.unpack(free)[0]
