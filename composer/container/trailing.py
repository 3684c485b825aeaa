"""Checksums of a file that is still being written, taken behind the writer by a second thread.

What is summed is read back from the new file, so a digest speaks of what was written.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

CHUNK = 1 << 19


@dataclass(frozen=True, slots=True, order=True)
class Extent:
    """Bytes of a tensor in the new file: where they begin, how many they are, whose they are."""

    offset: int
    nbytes: int
    path: str


class TrailingDigest:
    """CRC-32 of everything from ``start`` on, and the SHA-256 of every extent."""

    def __init__(self, descriptor: int, start: int, extents: Sequence[Extent]) -> None:
        """Start the thread.

        Args:
            descriptor: of the file, open for reading.
            start: where the bytes to sum begin.
            extents: in ascending order, not overlapping, none of them empty.
        """
        self._descriptor = descriptor
        self._position = start
        self._extents = extents
        self._next = 0
        self._hash = hashlib.sha256()
        self._crc = 0
        self._digests: dict[str, str] = {}
        self._error: OSError | None = None
        self._final = start
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="digests", daemon=True)
        self._thread.start()

    def advance(self, position: int) -> None:
        """Take note that nothing before ``position`` will change any more."""
        with self._changed:
            self._final = max(self._final, position)
            self._changed.notify()

    def finish(self, end: int) -> tuple[int, dict[str, str]]:
        """Return the CRC-32 of all up to ``end``, and the digests by path.

        Raises:
            OSError: the file could not be read.
        """
        with self._changed:
            self._final = end
            self._ended = True
            self._changed.notify()
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._crc, self._digests

    def stop(self) -> None:
        """End the thread without a result; harmless after :meth:`finish`."""
        with self._changed:
            self._final = 0
            self._ended = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        buffer = memoryview(bytearray(CHUNK))
        try:
            while wanted := self._wait():
                done = os.preadv(self._descriptor, [buffer[:wanted]], self._position)
                if not done:
                    raise OSError(f"the new file ends at {self._position}")
                self._crc = zlib.crc32(buffer[:done], self._crc)
                self._hash_extents(buffer[:done])
                self._position += done
        except OSError as error:
            self._error = error

    def _wait(self) -> int:
        """Return how many bytes can be read now; 0 when there will be no more."""
        with self._changed:
            while self._position >= self._final and not self._ended:
                self._changed.wait()
            return max(0, min(CHUNK, self._final - self._position))

    def _hash_extents(self, data: memoryview) -> None:
        end = self._position + len(data)
        while self._next < len(self._extents):
            extent = self._extents[self._next]
            if extent.offset >= end:
                return
            extent_end = extent.offset + extent.nbytes
            begin = max(extent.offset, self._position)
            self._hash.update(data[begin - self._position : min(extent_end, end) - self._position])
            if extent_end > end:
                return
            self._digests[extent.path] = self._hash.hexdigest()
            self._hash = hashlib.sha256()
            self._next += 1
