"""Turns what the file system refuses into a BuildError that says what to change."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from composer.errors import BuildError
from composer.store.folder import make_folder

_MOVE = "set COMPOSE_HOME to a folder that can be written"
_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, run `compose cache prune`, or " + _MOVE),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or " + _MOVE),
    errno.EROFS: ("the file system is read-only", _MOVE),
    errno.EACCES: ("permission was denied", _MOVE),
    errno.EPERM: ("the operation is not permitted", _MOVE),
    errno.ENOTDIR: ("there is a file where a folder is needed", _MOVE),
    errno.EEXIST: ("there is a file where a folder is needed", _MOVE),
    errno.ENOLCK: ("the file system does not offer locks", _MOVE),
    errno.ENOSYS: ("the file system does not offer locks", _MOVE),
}


@contextmanager
def writing(root: Path, what: str) -> Iterator[None]:
    """Run a block that writes to the store at ``root``, which is made where it is not there.

    Args:
        root: of the store.
        what: says what the block is doing.

    Raises:
        BuildError: in place of an OSError of the store's own file system.
    """
    try:
        make_folder(root)
        yield
    except OSError as problem:
        reason, help_ = _REASONS.get(problem.errno or 0, (problem.strerror or str(problem), None))
        raise BuildError(
            "CMP713.store", path=root, task=what, reason=reason, help=help_
        ) from problem
