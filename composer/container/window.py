"""A part of an open file, presented as a file of its own without copying it."""

from __future__ import annotations

import os

SEEK_CURRENT = 1
SEEK_END = 2


class FileWindow:
    """What HDF5's file-object driver asks of a file, over ``length`` bytes from ``start``.

    Positions are relative to ``start``, so an offset that lies can't reach beyond the window. The
    descriptor stays the caller's: it must outlive this object and be closed by him.
    """

    def __init__(self, descriptor: int, start: int, length: int) -> None:
        self._descriptor = descriptor
        self._start = start
        self._length = length
        self._position = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to ``offset`` from the begin (0), the current position (1) or the end (2)."""
        if whence == SEEK_CURRENT:
            offset += self._position
        elif whence == SEEK_END:
            offset += self._length
        self._position = offset
        return offset

    def tell(self) -> int:
        """Return the current position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` from the current position.

        Raises:
            OSError: fewer bytes are left. (A short answer would leave HDF5 with whatever its
                buffer held before.)
        """
        wanted = len(buffer)
        if self._position < 0 or self._position + wanted > self._length:
            raise OSError(f"a read of {wanted} bytes at {self._position} leaves the weights")
        done = os.preadv(self._descriptor, [buffer], self._start + self._position)
        while done < wanted:
            more = os.preadv(self._descriptor, [buffer[done:]], self._start + self._position + done)
            if not more:
                raise OSError(f"the file ends {wanted - done} bytes early")
            done += more
        self._position += wanted
        return wanted

    def flush(self) -> None:
        """Do nothing: the window is only read, and HDF5 asks for it all the same."""
