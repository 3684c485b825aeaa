"""A file that was written: flushed to the disk, and digested."""

from __future__ import annotations

import hashlib
import mmap
import os
from pathlib import Path

from composer.errors import BuildError

_WINDOW = 8 << 20
"""How much of the new file is mapped at a time: a multiple of every system's page."""


def flush(path: Path) -> None:
    """Return once the disk has all of a file.

    Raises:
        BuildError: it can't be written.
    """
    try:
        with path.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise BuildError("CMP712.unwritable", path=path.name, reason=error.strerror) from error


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file that is ours alone, in few and long calls.

    Raises:
        BuildError: it can't be read.

    Between two calls Python hands the interpreter to the check and waits for its turn; a mapped
    window is also a copy less. (A file that others may cut short must not be mapped.)
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            for start in range(0, size, _WINDOW):
                length = min(_WINDOW, size - start)
                with mmap.mmap(
                    file.fileno(), length, access=mmap.ACCESS_READ, offset=start
                ) as window:
                    digest.update(window)
    except OSError as error:
        raise BuildError("CMP713.unreadable", path=path.name, reason=error.strerror) from error
    return digest.hexdigest()
