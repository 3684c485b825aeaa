"""The table of contents of a ``.keras`` archive, read strictly.

Zip files leave room for two readers to see two different archives: by duplicates, by local headers
that differ from the directory, by bytes before, between or behind. What passes here every reader
sees alike. Field names follow PKWARE's APPNOTE 6.3.
"""

from __future__ import annotations

import os
import struct
import unicodedata
from dataclasses import dataclass

from composer.errors import FormatError

LOCAL_HEADER = struct.Struct("<4s5H3L2H")
DIRECTORY_ENTRY = struct.Struct("<4s6H3L5H2L")
END_RECORD = struct.Struct("<4s4H2LH")
END_RECORD_64 = struct.Struct("<4sQ2H2L4Q")
END_LOCATOR_64 = struct.Struct("<4sLQL")
LOCAL_SIGNATURE = b"PK\x03\x04"
DIRECTORY_SIGNATURE = b"PK\x01\x02"
END_SIGNATURE = b"PK\x05\x06"
END_SIGNATURE_64 = b"PK\x06\x06"
LOCATOR_SIGNATURE_64 = b"PK\x06\x07"

STORED = 0
DEFLATED = 8
MAX_16 = 0xFFFF
MAX_32 = 0xFFFFFFFF
EXTRA_ZIP64 = 0x0001
EXTRA_UNICODE_PATH = 0x7075
FLAG_DESCRIPTOR = 1 << 3
FLAG_UTF8 = 1 << 11
FLAGS_ENCRYPTED = 1 << 0 | 1 << 6 | 1 << 13
FLAGS_KNOWN = 1 << 1 | 1 << 2 | FLAG_DESCRIPTOR | FLAG_UTF8

UNIX = 3

MAX_MEMBERS = 65_536
MAX_DIRECTORY_BYTES = 32 << 20
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
GIT_LFS_SIGNATURE = b"version https://git-lfs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of an archive.

    Attributes:
        name: with ``/`` between folders; relative, without ``.`` and ``..``.
        method: 0 (stored) or 8 (deflated).
        size: of the content, in bytes.
        stored_size: of what lies in the archive, in bytes.
        crc: CRC-32 of the content.
        header_offset: where its local header begins.
        data_offset: where its data begins.
    """

    name: str
    method: int
    size: int
    stored_size: int
    crc: int
    header_offset: int
    data_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    name: bytes
    flags: int
    method: int
    crc: int
    size: int
    stored_size: int
    header_offset: int
    attributes: int
    made_by: int


def read_members(descriptor: int, path: str) -> tuple[Member, ...]:
    """Read the central directory and hold every local header against it.

    Args:
        descriptor: of the open archive.
        path: of the archive, for messages.

    Returns:
        The members in the directory's order.

    Raises:
        FormatError: ``not_a_zip``, ``truncated``, ``trailing_data``, ``damaged``,
            ``too_many_members``, ``encrypted``, ``compression``, ``member_path``,
            ``duplicate_member``, ``lying_header``, ``overlapping_members``.
    """
    size = os.fstat(descriptor).st_size
    start, length, count = _find_directory(descriptor, size, path)
    if count > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
        raise FormatError(
            "CMP502.member-count", path=path, count=count, size=length, limit=MAX_MEMBERS
        )
    entries = _parse_directory(os.pread(descriptor, length, start), count, path)
    members = tuple(_locate(descriptor, entry, start, path) for entry in entries)
    _check_together(members, path)
    return members


def _instead_of_zip(head: bytes) -> tuple[str, str | None]:
    """Return what a file that begins with ``head`` is instead, and what to do about it."""
    if not head:
        return "an empty file", None
    if head.startswith(HDF5_SIGNATURE):
        return "an HDF5 file", "a file that Keras saved as HDF5 must be named .h5 or .hdf5"
    if head.startswith(GIT_LFS_SIGNATURE):
        return "a Git LFS pointer: the file itself was not downloaded", "git lfs pull downloads it"
    return "something else", None


def _find_directory(descriptor: int, size: int, path: str) -> tuple[int, int, int]:
    """Return offset, length and number of entries of the central directory."""
    head = os.pread(descriptor, len(GIT_LFS_SIGNATURE), 0)
    if not head.startswith(LOCAL_SIGNATURE):
        what, help_ = _instead_of_zip(head)
        raise FormatError("CMP502.not-a-zip", path=path, found=what, help=help_)
    tail_start = max(0, size - END_RECORD.size - MAX_16)
    tail = os.pread(descriptor, size - tail_start, tail_start)
    position = tail.rfind(END_SIGNATURE)
    if position < 0 or position + END_RECORD.size > len(tail):
        raise FormatError("CMP502.no-directory", path=path, size=size)
    record = END_RECORD.unpack_from(tail, position)
    end = tail_start + position
    if position + END_RECORD.size + record[7] != len(tail):
        raise FormatError(
            "CMP502.trailing-data",
            path=path,
            found=len(tail) - position - END_RECORD.size,
            expected=record[7],
        )
    disk, directory_disk, here, count, length, start = record[1:7]
    locator = os.pread(descriptor, END_LOCATOR_64.size, max(0, end - END_LOCATOR_64.size))
    if locator.startswith(LOCATOR_SIGNATURE_64) and end >= END_LOCATOR_64.size:
        end -= END_LOCATOR_64.size
        _, locator_disk, record_offset, disks = END_LOCATOR_64.unpack(locator)
        found = os.pread(descriptor, END_RECORD_64.size, min(record_offset, size))
        if locator_disk or disks > 1 or record_offset + END_RECORD_64.size != end:
            raise _damaged(path, "its ZIP64 end record is not where its locator points")
        end = record_offset
        disk, directory_disk, here, count, length, start = _end_record_64(found, record[1:7], path)
    if disk or directory_disk or here != count:
        raise _damaged(path, "it is one part of an archive in several")
    if start + length != end:
        raise FormatError(
            "CMP502.directory-place", path=path, start=start, stop=start + length, end=end
        )
    return start, length, count


def _end_record_64(
    data: bytes, short: tuple[int, ...], path: str
) -> tuple[int, int, int, int, int, int]:
    """Return the values of the ZIP64 end record, which must not contradict the short one."""
    signature, size, _made_by, _needed, *values = END_RECORD_64.unpack(data)
    if signature != END_SIGNATURE_64 or size != END_RECORD_64.size - 12:
        raise _damaged(path, "its ZIP64 end record is malformed")
    limits = (MAX_16, MAX_16, MAX_16, MAX_16, MAX_32, MAX_32)
    if any(a not in (b, limit) for a, b, limit in zip(short, values, limits, strict=True)):
        raise _damaged(path, "its two end records differ")
    disk, directory_disk, here, count, length, start = values
    return disk, directory_disk, here, count, length, start


def _parse_directory(data: bytes, count: int, path: str) -> list[_Entry]:
    entries: list[_Entry] = []
    position = 0
    for _ in range(count):
        if position + DIRECTORY_ENTRY.size > len(data):
            raise _damaged(path, f"its directory ends before entry {len(entries) + 1} of {count}")
        (
            signature, made_by, _needed, flags, method, _time, _date, crc, stored, size,
            name_length, extra_length, comment_length, disk, _internal, attributes, offset,
        ) = DIRECTORY_ENTRY.unpack_from(data, position)  # fmt: skip
        position += DIRECTORY_ENTRY.size
        name = data[position : position + name_length]
        extra = data[position + name_length : position + name_length + extra_length]
        position += name_length + extra_length + comment_length
        if signature != DIRECTORY_SIGNATURE or position > len(data) or disk not in (0, MAX_16):
            raise _damaged(path, f"entry {len(entries) + 1} of its directory is malformed")
        size, stored, offset = _zip64_values(extra, (size, stored, offset), path)
        entries.append(
            _Entry(
                name=name,
                flags=flags,
                method=method,
                crc=crc,
                size=size,
                stored_size=stored,
                header_offset=offset,
                attributes=attributes,
                made_by=made_by >> 8,
            )
        )
    if position != len(data):
        raise _damaged(path, f"{len(data) - position} bytes of its directory belong to no entry")
    return entries


def _zip64_values(extra: bytes, values: tuple[int, ...], path: str) -> tuple[int, ...]:
    """Return ``values`` with those that are saturated taken from the ZIP64 extra field."""
    position = 0
    field = None
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if position + length > len(extra):
            raise _damaged(path, "an extra field is longer than its header")
        if kind == EXTRA_UNICODE_PATH:
            raise _member_path(path, "a member", "has a second name in an extra field")
        if kind == EXTRA_ZIP64:
            if field is not None:
                raise _damaged(path, "a member has two ZIP64 fields")
            field = extra[position : position + length]
        position += length
    missing = [i for i, value in enumerate(values) if value == MAX_32]
    if not missing:
        return values
    if field is None or len(field) < 8 * len(missing):
        raise _damaged(path, "a member of 4 GiB or more has no ZIP64 field")
    result = list(values)
    for i, value in zip(missing, struct.unpack_from(f"<{len(missing)}Q", field), strict=True):
        result[i] = value
    return tuple(result)


def _locate(descriptor: int, entry: _Entry, directory: int, path: str) -> Member:
    """Check one entry, alone and against its local header."""
    name = _member_name(entry, path)
    if entry.flags & FLAGS_ENCRYPTED:
        raise FormatError("CMP502.encrypted", path=path, member=name)
    if entry.flags & ~FLAGS_KNOWN or entry.method not in (STORED, DEFLATED):
        raise FormatError(
            "CMP502.compression", path=path, member=name, method=entry.method, flags=entry.flags
        )
    header = os.pread(descriptor, LOCAL_HEADER.size, min(entry.header_offset, directory))
    if len(header) < LOCAL_HEADER.size or not header.startswith(LOCAL_SIGNATURE):
        raise _damaged(path, f"member {name!r} has no header at {entry.header_offset}")
    (
        _signature, _needed, flags, method, _time, _date, crc, stored, size, name_length,
        extra_length,
    ) = LOCAL_HEADER.unpack(header)  # fmt: skip
    rest = os.pread(descriptor, name_length + extra_length, entry.header_offset + LOCAL_HEADER.size)
    data_offset = entry.header_offset + LOCAL_HEADER.size + name_length + extra_length
    size, stored = _zip64_values(rest[name_length:], (size, stored), path)
    told = (crc, size, stored)
    known = (entry.crc, entry.size, entry.stored_size)
    # A writer that streams leaves the three to a descriptor behind the data.
    streamed = entry.flags & FLAG_DESCRIPTOR and told == (0, 0, 0)
    if (
        rest[:name_length] != entry.name
        or (flags, method) != (entry.flags, entry.method)
        or not (told == known or streamed)
        or (entry.method == STORED and entry.size != entry.stored_size)
    ):
        raise FormatError(
            "CMP502.lying-header",
            path=path,
            member=name,
            found_name=rest[:name_length],
            found_size=size,
            found_stored=stored,
            found_crc=crc,
            expected_size=entry.size,
            expected_stored=entry.stored_size,
            expected_crc=entry.crc,
        )
    if data_offset + entry.stored_size > directory:
        raise FormatError(
            "CMP502.member-beyond",
            path=path,
            member=name,
            size=entry.stored_size,
            offset=data_offset,
            directory=directory,
        )
    return Member(
        name=name, method=entry.method, size=entry.size, stored_size=entry.stored_size,
        crc=entry.crc, header_offset=entry.header_offset, data_offset=data_offset,
    )  # fmt: skip


def _member_name(entry: _Entry, path: str) -> str:
    try:
        name = entry.name.decode("utf-8" if entry.flags & FLAG_UTF8 else "ascii")
    except UnicodeDecodeError as error:
        raise _member_path(path, repr(entry.name), "is neither ASCII nor marked UTF-8") from error
    parts = name.removesuffix("/").split("/")
    if "\\" in name or ":" in name or any(c < " " for c in name):
        raise _member_path(path, repr(name), "holds a backslash, a colon or a control character")
    if name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise _member_path(path, repr(name), "is absolute or climbs out of the archive")
    unix_type = entry.attributes >> 28 if entry.made_by == UNIX else 0
    # Keras's writer leaves the type 0 for streams and 8 (a file) otherwise; zipfile's "open"
    # puts the permissions of a file into the upper half too. 10 is a symbolic link.
    if unix_type not in (0, 4, 8):
        raise _member_path(path, repr(name), "is a link or a device")
    return name


def _check_together(members: tuple[Member, ...], path: str) -> None:
    seen: dict[str, str] = {}
    for member in members:
        # Where upper and lower case are one, Keras would unpack the second over the first.
        key = unicodedata.normalize("NFC", member.name).casefold()
        if key in seen:
            names = dict.fromkeys((seen[key], member.name))
            raise FormatError(
                "CMP502.duplicate-member", path=path, members=" and ".join(map(repr, names))
            )
        seen[key] = member.name
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            raise FormatError(
                "CMP502.overlapping-members",
                path=path,
                member=member.name,
                offset=member.header_offset,
                end=end,
            )
        end = member.data_offset + member.stored_size


def _damaged(path: str, what: str) -> FormatError:
    return FormatError("CMP502.damaged", path=path, reason=what)


def _member_path(path: str, name: str, what: str) -> FormatError:
    return FormatError("CMP502.member-name", path=path, member=name, reason=what)
