"""Headers and directory of a zip file as bytes: stored members, one fixed time, no other choice."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from composer.container.zip_directory import (
    DIRECTORY_ENTRY,
    DIRECTORY_SIGNATURE,
    END_LOCATOR_64,
    END_RECORD,
    END_RECORD_64,
    END_SIGNATURE,
    END_SIGNATURE_64,
    EXTRA_ZIP64,
    FLAG_UTF8,
    LOCAL_HEADER,
    LOCAL_SIGNATURE,
    LOCATOR_SIGNATURE_64,
    MAX_16,
    MAX_32,
    STORED,
)

ZIP64_FROM = MAX_32
"""Sizes and offsets from here on go into ZIP64 fields."""
EXTRA_PADDING = 0xD935
"""The field that Android's zipalign pads with: a 16-bit alignment, then zeros."""
PADDING_HEADER = struct.Struct("<3H")
DATE_1980 = 1 << 5 | 1
MADE_BY_UNIX = 3 << 8
REGULAR_FILE = 0o100644 << 16
VERSION = 20
VERSION_64 = 45


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMember:
    """A stored member of an archive in the making.

    Attributes:
        name: with ``/`` between folders.
        size: in bytes.
        crc: CRC-32 of the content.
        header_offset: where its local header begins.
    """

    name: str
    size: int
    crc: int
    header_offset: int


def local_header(member: NewMember, *, length: int | None = None) -> bytes:
    """Return the header that stands before a member's data.

    Args:
        member: what to describe.
        length: bytes that the header shall have in all; the rest is padding in an extra field.

    Raises:
        ValueError: the header does not fit into ``length``.
    """
    large = member.size >= ZIP64_FROM
    extra = struct.pack("<2H2Q", EXTRA_ZIP64, 16, member.size, member.size) if large else b""
    name = member.name.encode()
    if length is not None:
        room = length - LOCAL_HEADER.size - len(name) - len(extra)
        if room < PADDING_HEADER.size:
            raise ValueError(f"no room for a padded header of {member.name!r} in {length} bytes")
        extra += PADDING_HEADER.pack(EXTRA_PADDING, room - 4, min(length, MAX_16))
        extra += bytes(room - PADDING_HEADER.size)
    size = MAX_32 if large else member.size
    return (
        LOCAL_HEADER.pack(
            LOCAL_SIGNATURE, VERSION_64 if large else VERSION, _flags(member), STORED, 0, DATE_1980,
            member.crc, size, size, len(name), len(extra),
        )
        + name
        + extra
    )  # fmt: skip


def directory(members: Iterable[NewMember], start: int) -> bytes:
    """Return the central directory with its end records.

    Args:
        members: in the order in which readers shall list them.
        start: offset at which the directory will stand.
    """
    entries = [_directory_entry(member) for member in members]
    count = len(entries)
    body = b"".join(entries)
    tail = b""
    if count >= MAX_16 or start >= ZIP64_FROM or len(body) >= ZIP64_FROM:
        end = start + len(body)
        tail = END_RECORD_64.pack(
            END_SIGNATURE_64, END_RECORD_64.size - 12, MADE_BY_UNIX | VERSION_64, VERSION_64, 0, 0,
            count, count, len(body), start,
        ) + END_LOCATOR_64.pack(LOCATOR_SIGNATURE_64, 0, end, 1)  # fmt: skip
        count, start = MAX_16, MAX_32
    return body + tail + END_RECORD.pack(
        END_SIGNATURE, 0, 0, count, count, min(len(body), MAX_32), start, 0
    )  # fmt: skip


def _directory_entry(member: NewMember) -> bytes:
    large = [value for value in (member.size, member.size) if value >= ZIP64_FROM]
    if member.header_offset >= ZIP64_FROM:
        large.append(member.header_offset)
    extra = struct.pack(f"<2H{len(large)}Q", EXTRA_ZIP64, 8 * len(large), *large) if large else b""
    size = MAX_32 if member.size >= ZIP64_FROM else member.size
    offset = MAX_32 if member.header_offset >= ZIP64_FROM else member.header_offset
    version = VERSION_64 if large else VERSION
    name = member.name.encode()
    return (
        DIRECTORY_ENTRY.pack(
            DIRECTORY_SIGNATURE, MADE_BY_UNIX | version, version, _flags(member), STORED, 0,
            DATE_1980, member.crc, size, size, len(name), len(extra), 0, 0, 0, REGULAR_FILE, offset,
        )
        + name
        + extra
    )  # fmt: skip


def _flags(member: NewMember) -> int:
    return 0 if member.name.isascii() else FLAG_UTF8
