"""What is remembered of files between runs, by their place, size, inode and times of change.

The time of the last change of the inode (``ctime``) is among them, which no program can set.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from composer.errors import BuildError
from composer.keras_format.digests import digest_content, digest_file
from composer.store import Store

SETTLED = 2_000_000_000
"""Nanoseconds that a file must have been left alone: one that changes twice within a tick of the
file system's clock looks the same after the second change."""

TICK = 20_000_000
"""Nanoseconds: a file system that shows fractions of seconds ticks more often than this."""
_SECOND = 1_000_000_000


def settle(changed: int) -> bool:
    """Wait until the file system's clock has passed a moment, so that a later change will show.

    Args:
        changed: when a file was last changed (``ctime``), in nanoseconds.

    Returns:
        Whether there was anything to wait for.
    """
    # Where the clock shows no fractions, it is taken to tick once a second.
    tick = TICK if changed % _SECOND else _SECOND + TICK
    left = changed + tick + 1 - time.time_ns()
    if not 0 < left <= tick + 1:
        return False
    time.sleep(left / _SECOND)
    return True


def file_key(path: Path) -> str | None:
    """Return what a fact about a file's bytes may be remembered under.

    Returns:
        None for a file that was changed just now, or is not there.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < SETTLED:
        return None
    return (
        f"{path.resolve()} {status.st_dev} {status.st_ino} {status.st_size} "
        f"{status.st_mtime_ns} {status.st_ctime_ns}"
    )


def remembered_sha256(path: Path, store: Store) -> str:
    """Return the SHA-256 of a file, from the store where it is known.

    Raises:
        OSError: the file can't be read.
    """
    return _remembered(path, store, "digests", digest_file)


def remembered_content(path: Path, store: Store) -> str:
    """Return the content digest of a ``.keras`` file, from the store where it is known.

    Raises:
        FormatError: it is no sound ``.keras`` file.
        OSError: the file can't be read.
    """
    return _remembered(path, store, "contents", digest_content)


def _remembered(path: Path, store: Store, kind: str, digest: Callable[[Path], str]) -> str:
    key = file_key(path)
    if not store.trusts_times:
        return _read_anew(path, key, store, kind, digest)
    note = store.note(kind, key) if key is not None else None
    if note is not None and isinstance(note.get("sha256"), str):
        return str(note["sha256"])
    found = digest(path)
    if key is not None and key == file_key(path):
        with suppress(BuildError):  # a store that can't be written costs time, nothing else
            store.take_note(kind, key, {"sha256": found})
    return found


def _read_anew(
    path: Path, key: str | None, store: Store, kind: str, digest: Callable[[Path], str]
) -> str:
    """Take a digest from the bytes; a file that stays as it was is read once a run."""
    taken = store.read_anew.get((kind, key)) if key is not None else None
    if taken is not None:
        return taken
    found = digest(path)
    if key is not None and key == file_key(path):
        store.read_anew[kind, key] = found
    return found
