"""Two paths change places in one step, where the system can do that."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

_HERE = -100
"""``AT_FDCWD`` of Linux's fcntl.h: a relative path starts at the current folder."""
_LINUX_EXCHANGE = 2
"""``RENAME_EXCHANGE`` of renameat2(2)."""
_MACOS_SWAP = 2
"""``RENAME_SWAP`` of renamex_np(2)."""
_UNABLE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


def exchange(one: Path, other: Path) -> bool:
    """Let two files or folders, both of which exist, change names at one moment.

    Returns:
        False where the system or the disk has no such step; then nothing has happened.

    Raises:
        OSError: it was refused.
    """
    function = _function()
    if function is None:
        return False
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        failed = function(*names, _MACOS_SWAP)
    else:
        failed = function(_HERE, names[0], _HERE, names[1], _LINUX_EXCHANGE)
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@cache
def _function() -> Any:
    name = "renamex_np" if sys.platform == "darwin" else "renameat2"
    try:
        return getattr(ctypes.CDLL(None, use_errno=True), name, None)
    except OSError:
        return None
