"""Raw values of attributes, from the object header itself.

For text of varying length HDF5 can't be asked: it clears as much memory as a text says to have, up
to 4 GiB, before it looks whether that text exists, and it walks a damaged heap for ever; one
flipped bit is enough for either. The layout is that of the HDF5 File Format Specification,
version 3.0, IV.A.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

Read = Callable[[int, int], bytes]
"""Takes an offset in the HDF5 file and a length; returns what is there, perhaps less."""

ATTRIBUTE = 0x0C
CONTINUATION = 0x10
SHARED_MESSAGE = 0x02
FIRST_READ = 512
MAX_BLOCKS = 256
MAX_BLOCK_BYTES = 16 << 20


def raw_attributes(read: Read, address: int) -> dict[bytes, bytes]:
    """Return the stored value of each attribute that an object header holds.

    Args:
        read: reads the HDF5 file.
        address: of the object header.

    Returns:
        Values by name. Attributes that are kept outside the header are not there.

    Raises:
        ValueError: the header is malformed, or names an attribute twice.
    """
    found: dict[bytes, bytes] = {}
    try:
        for kind, data in messages(read, address):
            if kind == ATTRIBUTE:
                name, value = _attribute(data)
                if name in found:
                    raise ValueError(f"the object header at {address} has {name!r} twice")
                found[name] = value
    except (struct.error, IndexError) as error:
        raise ValueError(f"the object header at {address} is cut short") from error
    return found


def messages(read: Read, address: int) -> Iterator[tuple[int, bytes]]:
    """Yield type and data of every message that stands in the header itself.

    Args:
        read: reads the HDF5 file.
        address: of the object header.

    Raises:
        ValueError: the header is malformed.
        struct.error, IndexError: it is cut short.
    """
    head = read(address, FIRST_READ)
    newer = head.startswith(b"OHDR")
    if newer:
        flags = head[5]
        width = 1 << (flags & 3)
        place = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        size = int.from_bytes(head[place : place + width], "little")
        place += width
        message = struct.Struct("<BHB2x" if flags & 0x04 else "<BHB")
    elif head[:1] == b"\1":
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
        for kind, message_flags, data in _split(block, message):
            if kind == CONTINUATION:
                start, size = struct.unpack_from("<2Q", data)
                # In the newer form a block has a signature before and a checksum behind.
                blocks.append((start + 4, size - 8) if newer else (start, size))
            elif not message_flags & SHARED_MESSAGE:
                yield kind, data
    raise ValueError(f"the object header at {address} goes on without end")


def _split(block: bytes, message: struct.Struct) -> Iterator[tuple[int, int, bytes]]:
    position = 0
    while position + message.size <= len(block):
        kind, length, flags = message.unpack_from(block, position)
        position += message.size
        yield kind, flags, block[position : position + length]
        position += length


def _attribute(data: bytes) -> tuple[bytes, bytes]:
    """Return name and raw value of an attribute message."""
    version, _flags, name_size, type_size, space_size = struct.unpack_from("<2B3H", data)
    match version:
        case 1:
            place, step = 8, 8
        case 2:
            place, step = 8, 1
        case 3:
            place, step = 9, 1
        case _:
            raise ValueError(f"an attribute message has version {version}")
    name = data[place : place + name_size].split(b"\0")[0]
    for size in (name_size, type_size, space_size):
        place += (size + step - 1) // step * step
    return name, data[place:]
