"""Reads files that a spec or a repository names: ordinary ones, never a pipe or a device.

A stranger decides what lies at such a path. Opening a pipe waits for somebody to write into it; a
terminal or a device may never come to an end.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class NotRegularError(ValueError):
    """A path leads to a pipe, a socket, a terminal or another device."""


def opened_regular(path: Path) -> int:
    """Return a descriptor of the ordinary file at ``path``, opened for reading.

    Raises:
        OSError: it can't be opened, or is a folder.
        ValueError: the path can't name a file.
        NotRegularError: it is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            raise NotRegularError("it is not a regular file")
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_regular(path: Path, most: int = -1) -> bytes:
    """Return the bytes of the ordinary file at ``path``, at most ``most`` of them.

    Raises:
        OSError: it can't be read, or is a folder.
        ValueError: the path can't name a file.
        NotRegularError: it is not a regular file.
    """
    with os.fdopen(opened_regular(path), "rb") as file:
        return file.read(most)
