"""By what a file is known to be as it was: its place, size, inode and times of change.

The time of the last change of the inode (``ctime``) is among them, which no program can set.
"""

from __future__ import annotations

import time
from pathlib import Path

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
