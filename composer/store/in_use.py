"""Which objects of a store processes are using: each holds a shared lock on their records.

A process lets go of them when it ends, whatever ends it, so that pruning beside running builds is
exact. (On a disk without locks nothing is held, and only the time of the last use tells.)
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MOST = 128
"""Records that one process holds at a time; a long one lets go of what it held first."""

_held: OrderedDict[Path, int] = OrderedDict()
_guard = threading.Lock()


def hold(record: Path) -> None:
    """Keep other processes from removing an object, as long as this process lives.

    Whoever holds it looks afterwards whether the object is there: before, it could be removed.

    Args:
        record: of the object; need not exist.
    """
    with _guard, suppress(OSError):
        known = _held.get(record)
        if known is not None and os.path.samestat(os.fstat(known), record.stat()):
            return
        descriptor = os.open(record, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        except OSError:
            os.close(descriptor)
            raise
        if known is not None:  # a damaged object was replaced, and its record with it
            os.close(_held.pop(record))
        _held[record] = descriptor
        if len(_held) > _MOST:
            os.close(_held.popitem(last=False)[1])


def let_go(root: Path) -> None:
    """Let go of all that this process holds of the store at ``root``."""
    with _guard:
        for record in [record for record in _held if record.is_relative_to(root)]:
            os.close(_held.pop(record))


@contextmanager
def nobody_holds(record: Path) -> Iterator[bool]:
    """Tell whether no process uses an object; if so, none begins to while the block runs."""
    try:
        descriptor = os.open(record, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:  # no locks on this disk
            yield True
            return
        yield True
    finally:
        os.close(descriptor)
