"""The folder of a store is its user's alone: who writes there decides which weights a build takes.

What is in a store is believed, as far as it agrees with itself. So nobody else may write there.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from composer.errors import BuildError

PRIVATE = 0o700
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_ROOT = 0


def make_folder(root: Path) -> None:
    """Make the folder of a store, for its user alone whatever the umask is.

    Raises:
        OSError: it can't be made.
    """
    if root.is_dir():
        return
    root.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another process was quicker
        root.mkdir(mode=PRIVATE)
        root.chmod(PRIVATE)  # the umask may have taken more than it should


def check_folder(root: Path, *, own: bool) -> None:
    """Refuse a store that somebody else can write to.

    Args:
        root: of the store; need not exist.
        own: whether this is the place that nobody chose, among the caches of the user: there,
            what an earlier version left open is closed.

    Raises:
        BuildError: it belongs to another user (who is not root, for one who is not root), or
            others may write to it.
    """
    try:
        status = root.stat()
    except OSError:
        return
    user = os.geteuid()
    if status.st_uid not in (user, _ROOT) and user != _ROOT:
        raise BuildError("CMP710.foreign-store", path=root)
    if not status.st_mode & _OTHERS:
        return
    if own and status.st_uid == user:
        with suppress(OSError):
            root.chmod(PRIVATE)
            return
    raise BuildError("CMP710.open-store", path=root)
