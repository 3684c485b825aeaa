"""Chunked datasets: where their chunks lie, checked before they are read, and what is in them.

HDF5 is not asked to read them. It trusts the index: a chunk whose stored size is 0, whose filters
give fewer bytes than a chunk has, or that lies outside the file makes it read memory that is not
its own. So the index is checked against itself and against the file, and the three filters that
are let in are undone here, each bounded by the size of a chunk.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from h5py import h5d

from composer.errors import FormatError

DEFLATE, SHUFFLE, FLETCHER32 = 1, 2, 3
FILTERS = {DEFLATE: "deflate", SHUFFLE: "shuffle", FLETCHER32: "fletcher32"}
CHECKSUM_BYTES = 4
_MOST_DEFLATED = 9
"""The highest level of deflate."""
_WORDS = 1 << 16
"""How many words of a checksum are summed at a time: their weighted sum fits into 64 bits."""

Offset = tuple[int, ...]
ReadBytes = Callable[[int, int], bytes]
"""Takes an offset in the HDF5 file and a length; returns what is there, perhaps less."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk as it is stored.

    Attributes:
        place: where its bytes begin in the HDF5 file.
        size: how many there are.
        skipped: a bit for each filter that was not applied to it.
    """

    place: int
    size: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter of a dataset; ``width`` is the size of an element that a shuffle goes by."""

    code: int
    width: int


@dataclass(frozen=True, slots=True)
class Chunked:
    """How a dataset is stored in chunks.

    Attributes:
        what: names the dataset in messages.
        shape: of the dataset.
        sides: of a chunk.
        stored_type: of an element in the file, in its own byte order.
        filters: in the order in which they were applied.
        chunks: by the offset of their first element; those that were never written are missing.
    """

    what: str
    shape: tuple[int, ...]
    sides: tuple[int, ...]
    stored_type: np.dtype[Any]
    filters: tuple[Filter, ...]
    chunks: Mapping[Offset, Chunk]

    @property
    def chunk_bytes(self) -> int:
        """Bytes of a chunk before any filter."""
        return math.prod(self.sides) * self.stored_type.itemsize


def filters_of(plan: Any, what: str) -> tuple[Filter, ...]:
    """Return the filters of a dataset.

    Raises:
        FormatError: one is not known here (``filter``).
    """
    found = []
    for index in range(plan.get_nfilters()):
        code, _, values, _ = plan.get_filter(index)
        if code not in FILTERS:
            raise FormatError(
                "CMP502.filter-unknown", what=what, found=code, expected=FILTERS.values()
            )
        # As HDF5 demands it, whose filters refuse to work otherwise.
        sound = {
            DEFLATE: len(values) == 1 and values[:1] <= (_MOST_DEFLATED,),
            SHUFFLE: len(values) == 1 and values[:1] > (0,),
        }.get(code, True)
        if not sound:
            raise FormatError(
                "CMP502.filter-damaged", what=what, filter=FILTERS[code], parameters=values
            )
        found.append(Filter(code, int(values[0]) if code == SHUFFLE else 1))
    return tuple(found)


def chunked(dataset: Any, plan: Any, stored_type: np.dtype[Any], length: int, what: str) -> Chunked:
    """Return how a dataset is stored, once its index is known to be sound.

    Args:
        dataset: open, and stored in chunks (``h5py.h5d.DatasetID``).
        plan: with which it was created (``h5py.h5p.PropDCID``).
        stored_type: of an element.
        length: bytes of the HDF5 file.
        what: names the dataset in messages.

    Raises:
        FormatError: a chunk has another size than it can have, lies outside the file or the
            dataset, or is listed twice (``chunk``); or a filter is not known (``filter``).
    """
    shape, sides = dataset.shape, plan.get_chunk()
    found = Chunked(what, shape, sides, stored_type, filters_of(plan, what), {})
    chunks = dict(_listed(dataset, found))
    for offset, chunk in chunks.items():
        _check(found, offset, chunk, length)
    return Chunked(what, shape, sides, stored_type, found.filters, chunks)


def _listed(dataset: Any, about: Chunked) -> Iterator[tuple[Offset, Chunk]]:
    most = math.prod(-(-n // side) for n, side in zip(about.shape, about.sides, strict=True))
    taken: list[tuple[Offset, Chunk]] = []

    def take(info: Any) -> bool | None:
        taken.append(
            (tuple(info.chunk_offset), Chunk(info.byte_offset, info.size, info.filter_mask))
        )
        return True if len(taken) > most else None  # anything but None ends the list

    dataset.chunk_iter(take)
    seen: set[Offset] = set()
    for offset, chunk in taken:
        if offset in seen or len(taken) > most:
            raise _wrong(about, offset, "is listed more than once")
        seen.add(offset)
        yield offset, chunk


def _check(about: Chunked, offset: Offset, chunk: Chunk, length: int) -> None:
    inside = all(
        at % side == 0 and at < n
        for at, side, n in zip(offset, about.sides, about.shape, strict=True)
    )
    if not inside:
        raise _wrong(about, offset, f"does not belong to shape {about.shape}")
    if chunk.skipped >> len(about.filters):
        raise _wrong(about, offset, f"skips a filter of {len(about.filters)} that there is not")
    codes = [code for code, _ in _applied(about, chunk)]
    expected = about.chunk_bytes + CHECKSUM_BYTES * codes.count(FLETCHER32)
    if not chunk.size or (DEFLATE not in codes and chunk.size != expected):
        raise _wrong(about, offset, f"has {chunk.size} bytes; expected {expected}")
    if chunk.place < 0 or chunk.place + chunk.size > length:
        raise _wrong(
            about, offset, f"lies at {chunk.place} to {chunk.place + chunk.size} of {length} bytes"
        )


def _applied(about: Chunked, chunk: Chunk) -> list[tuple[int, int]]:
    return [
        (filter_.code, filter_.width)
        for index, filter_ in enumerate(about.filters)
        if not chunk.skipped >> index & 1
    ]


def _wrong(about: Chunked, offset: Offset, why: str) -> FormatError:
    return FormatError("CMP502.chunk", what=about.what, offset=offset, why=why)


# ---------------------------------------------------------------- reading


class ChunkReader:
    """Reads parts of a dataset that is stored in chunks.

    Args:
        about: how it is stored.
        dataset: open; it is only searched.
        read: reads the HDF5 file.
        fill: an element, for what was never written; None where there is none to be had.
    """

    def __init__(
        self, about: Chunked, dataset: Any, read: ReadBytes, fill: np.ndarray | None
    ) -> None:
        self._about = about
        self._dataset = dataset
        self._read = read
        self._fill = fill
        self._last: tuple[Offset, np.ndarray] | None = None

    def slab(self, start: Offset, count: Offset) -> np.ndarray:
        """Return a part of the dataset, in the file's own byte order.

        Args:
            start: of its first element.
            count: elements along each axis; none of them 0.

        Raises:
            FormatError: a chunk does not hold what it has to (``chunk``, ``truncated``).
        """
        about = self._about
        found = np.empty(count, dtype=about.stored_type)
        end = tuple(at + n for at, n in zip(start, count, strict=True))
        first = tuple(at - at % side for at, side in zip(start, about.sides, strict=True))
        for offset in _offsets(end, about.sides, first):
            inside, where = [], []
            for axis, side in enumerate(about.sides):
                low = max(offset[axis], start[axis])
                high = min(offset[axis] + side, end[axis])
                inside.append(slice(low - offset[axis], high - offset[axis]))
                where.append(slice(low - start[axis], high - start[axis]))
            found[tuple(where)] = self._chunk(offset)[tuple(inside)]
        return found

    def _chunk(self, offset: Offset) -> np.ndarray:
        if self._last is not None and self._last[0] == offset:
            return self._last[1]
        about = self._about
        chunk = about.chunks.get(offset)
        searched = self._searched(offset)
        if chunk is None:
            if searched is not None or self._fill is None:
                raise _wrong(about, offset, "was never written")
            array = np.broadcast_to(self._fill, about.sides)
        else:
            raw = self._read(chunk.place, chunk.size)
            if len(raw) != chunk.size:
                raise FormatError("CMP502.ends-inside", what=about.what)
            if searched != (chunk.skipped, raw):
                raise _wrong(about, offset, "is listed, and another one is found in its place")
            data = self._unfiltered(offset, chunk, raw)
            array = np.frombuffer(data, dtype=about.stored_type).reshape(about.sides)
        self._last = (offset, array)
        return array

    def _searched(self, offset: Offset) -> tuple[int, bytes] | None:
        """Return what HDF5 finds by searching, which goes by keys that listing does not go by."""
        try:
            skipped, raw = self._dataset.read_direct_chunk(offset)
        except (OSError, RuntimeError, ValueError):
            return None
        return skipped, bytes(raw)

    def _unfiltered(self, offset: Offset, chunk: Chunk, raw: bytes) -> bytes:
        about = self._about
        applied = _applied(about, chunk)
        # A checksum that was compressed comes on top of the chunk.
        most = about.chunk_bytes + CHECKSUM_BYTES * len(applied)
        data = raw
        for code, width in reversed(applied):
            try:
                data = _UNDO[code](data, width, most)
            except (ValueError, zlib.error) as error:
                raise _wrong(about, offset, f"can't be read: {error}") from error
        if len(data) != about.chunk_bytes:
            raise _wrong(about, offset, f"holds {len(data)} bytes; expected {about.chunk_bytes}")
        return data


def fill_of(plan: Any, stored_type: np.dtype[Any]) -> np.ndarray | None:
    """Return what stands for elements that were never written; None where nothing does."""
    if plan.fill_value_defined() == h5d.FILL_VALUE_UNDEFINED:
        return None
    fill = np.zeros((), dtype=stored_type)
    plan.get_fill_value(fill)
    return fill


def _offsets(end: Offset, sides: Offset, first: Offset | None = None) -> Iterator[Offset]:
    starts = first or (0,) * len(end)
    return product(*map(range, starts, end, sides))


def _inflated(data: bytes, _width: int, most: int) -> bytes:
    inflater = zlib.decompressobj()
    found = inflater.decompress(data, most + 1)
    if not inflater.eof:
        raise ValueError(
            f"it inflates to more than {most} bytes" if len(found) > most else "it is cut short"
        )
    return found


def _unshuffled(data: bytes, width: int, _most: int) -> bytes:
    number = len(data) // width if width > 1 else 0
    if number < 2:  # noqa: PLR2004 - of one element, or none, nothing is moved
        return data
    body = np.frombuffer(data, dtype=np.uint8, count=number * width)
    return body.reshape(width, number).T.tobytes() + data[number * width :]


def _checked(data: bytes, _width: int, _most: int) -> bytes:
    if len(data) < CHECKSUM_BYTES:
        raise ValueError("it is shorter than its checksum")
    body = data[:-CHECKSUM_BYTES]
    (stored,) = struct.unpack("<L", data[-CHECKSUM_BYTES:])
    found = fletcher32(body)
    # HDF5 before 1.6.3 swapped the bytes of each half.
    swapped = (found & 0x00FF00FF) << 8 | (found >> 8) & 0x00FF00FF
    if stored not in (found, swapped):
        raise ValueError(f"its checksum is {found:08x}; expected {stored:08x}")
    return body


_UNDO: Mapping[int, Callable[[bytes, int, int], bytes]] = {
    DEFLATE: _inflated,
    SHUFFLE: _unshuffled,
    FLETCHER32: _checked,
}


def fletcher32(data: bytes) -> int:
    """Return HDF5's checksum of bytes (``H5_checksum_fletcher32``): two sums modulo 65,535."""
    words = np.frombuffer(data + b"\0" * (len(data) % 2), dtype=">u2")
    low = high = 0
    for start in range(0, len(words), _WORDS):
        piece = words[start : start + _WORDS].astype(np.uint64)
        weights = np.arange(len(piece), 0, -1, dtype=np.uint64)
        high = (high + low * len(piece) + int((piece * weights).sum())) % 0xFFFF
        low = (low + int(piece.sum())) % 0xFFFF
    if words.any():  # the sums are folded, so that they are 65,535 and not 0
        low, high = low or 0xFFFF, high or 0xFFFF
    return high << 16 | low
