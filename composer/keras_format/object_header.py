"""The lengths that text attributes declare, read from the object header before HDF5 acts on them.

HDF5 clears as much memory as a text of varying length says to have, up to 4 GiB, before it looks
whether that text exists; one flipped bit is enough. Nothing in its interface tells the length
first. The layout is that of the HDF5 File Format Specification, version 3.0, IV.A.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

Read = Callable[[int, int], bytes]
"""Takes an offset in the HDF5 file and a length; returns what is there, perhaps less."""

ATTRIBUTE = 0x0C
CONTINUATION = 0x10
FIRST_READ = 512
MAX_BLOCKS = 256
MAX_BLOCK_BYTES = 16 << 20
REFERENCE_BYTES = 16
"""A text's length (4 bytes), the address of its heap (8) and its place there (4)."""


def text_lengths(read: Read, address: int) -> dict[bytes, int]:
    """Return how long the texts of each attribute say they are.

    Args:
        read: reads the HDF5 file.
        address: of an object header.

    Returns:
        Bytes in all, by the attribute's name. The numbers mean something only for attributes
        whose type is text of varying length. Attributes kept outside the header are not there.

    Raises:
        ValueError: the header is malformed.
    """
    found: dict[bytes, int] = {}
    try:
        for kind, data in _messages(read, address):
            if kind == ATTRIBUTE:
                name, values = _attribute(data)
                # A name that stands twice must not hide the larger number.
                found[name] = max(found.get(name, 0), sum_of_lengths(values))
    except (struct.error, IndexError) as error:
        raise ValueError(f"the object header at {address} is cut short") from error
    return found


def sum_of_lengths(values: bytes) -> int:
    """Return what the texts behind an array of references say to have in all."""
    whole = len(values) // REFERENCE_BYTES * REFERENCE_BYTES
    return sum(item[0] for item in struct.iter_unpack("<L12x", values[:whole]))


def _messages(read: Read, address: int) -> Iterator[tuple[int, bytes]]:
    head = read(address, FIRST_READ)
    if head.startswith(b"OHDR"):
        flags = head[5]
        width = 1 << (flags & 3)
        place = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        size = int.from_bytes(head[place : place + width], "little")
        place += width
        message = struct.Struct("<BHB2x" if flags & 0x04 else "<BHB")
    elif head[:1] == b"\1":
        flags = -1
        place, size = 16, struct.unpack_from("<L", head, 8)[0]
        message = struct.Struct("<HHB3x")
    else:
        raise ValueError(f"there is no object header at {address}")
    blocks = [(address + place, size)]
    for number in range(MAX_BLOCKS):
        if number == len(blocks):
            return
        start, size = blocks[number]
        if size > MAX_BLOCK_BYTES:
            break
        inside = number == 0 and place + size <= len(head)
        block = head[place : place + size] if inside else read(start, size)
        position = 0
        while position + message.size <= len(block):
            kind, length, message_flags = message.unpack_from(block, position)
            position += message.size
            data = block[position : position + length]
            position += length
            if kind == CONTINUATION:
                next_start, next_size = struct.unpack_from("<2Q", data)
                # In the newer form a block has a signature before and a checksum behind.
                blocks.append((next_start, next_size) if flags < 0 else
                              (next_start + 4, next_size - 8))  # fmt: skip
            elif not message_flags & 0x02:
                yield kind, data
    raise ValueError(f"the object header at {address} goes on without end")


def _attribute(data: bytes) -> tuple[bytes, bytes]:
    """Return name and raw value of an attribute message."""
    version, _flags, name_size, type_size, space_size = struct.unpack_from("<2B3H", data)
    place = 9 if version == 3 else 8
    sizes = [name_size, type_size, space_size]
    if version == 1:
        sizes = [(size + 7) // 8 * 8 for size in sizes]
    elif version not in (2, 3):
        raise ValueError(f"an attribute message has version {version}")
    name = data[place : place + name_size].split(b"\0")[0]
    return name, data[place + sum(sizes) :]
