"""Marks what is being written, so that what a killed process left is told from what one writes.

A mark is a small file beside what it is about, and is locked (``flock``) as long as its process
lives. The kernel gives the lock back whatever ends the process, so a mark that can be locked is
one whose process is gone, and what belongs to it is nobody's.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MARK = ".unfinished"
"""What the names of marks end in."""
_HEAD = "keras-compose"
"""First line of a mark, so that no file of somebody else's is taken for one."""
_OLD = ".old"
_STEM = 32
"""How much of a name its unfinished form shows: a name that fits stays one that fits."""
TEMPORARY = "keras-compose"
"""Part of the names of folders among the system's temporary files."""
_OURS = re.compile(r"\.(.{1,32}\.)?[0-9a-f]{8}")


def token(name: str) -> str:
    """Return the beginning of hidden names for what shall once be called ``name``.

    Args:
        name: without what follows the token, such as the suffix of a format.
    """
    return f".{name[:_STEM]}.{secrets.token_hex(4)}"


@contextmanager
def marked(folder: Path, beginning: str, target: str = "") -> Iterator[None]:
    """Hold the mark of all that is called ``beginning`` or ``beginning.…`` in a folder.

    Where a mark can't be made or locked, as on a disk without locks, the block runs without one,
    and what a kill leaves there stays.

    Args:
        folder: that exists.
        beginning: from :func:`token`.
        target: the name that what is marked shall get; what stood there meanwhile may be called
            ``beginning.old`` and gets its name back when the process does not come to it.
    """
    path = folder / f"{beginning}{MARK}"
    descriptor = _made(path, f"{_HEAD}\n{target}\n")
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)


def _made(path: Path, text: str) -> int | None:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_nlink:  # else swept away before it was locked
                os.write(descriptor, text.encode("utf-8", "surrogateescape"))
                return descriptor
        except OSError:
            with suppress(OSError):
                path.unlink()
            os.close(descriptor)
            return None
        os.close(descriptor)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder among the system's temporary files; those of killed processes are removed.

    Raises:
        OSError: it can't be made.
    """
    place = Path(tempfile.gettempdir()).absolute()
    sweep(place, only_own=True)
    beginning = token(TEMPORARY)
    folder = place / beginning
    with marked(place, beginning):
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            discard(folder)


def sweep(folder: Path, *, remove: bool = True, only_own: bool = False) -> tuple[Path, ...]:
    """Remove what killed processes left in a folder, and put back what they moved out of the way.

    Args:
        folder: need not exist.
        remove: False only looks.
        only_own: whether what other users left is not looked at, as in a folder for all of them.

    Returns:
        What was left, without the marks themselves.
    """
    try:
        names = [entry.name for entry in os.scandir(folder)]
    except OSError:
        return ()
    found: list[Path] = []
    for name in sorted(names):
        beginning = name.removesuffix(MARK)
        if name == beginning or not _OURS.fullmatch(beginning):
            continue
        with _orphaned(folder / name, only_own=only_own) as target:
            if target is None:
                continue
            belongs = [
                folder / other
                for other in sorted(names)
                if other == beginning or (other.startswith(f"{beginning}.") and other != name)
            ]
            found.extend(belongs)
            if remove:
                _clear(belongs, folder / target if target else None)
                with suppress(OSError):
                    (folder / name).unlink()
    return tuple(found)


@contextmanager
def _orphaned(mark: Path, *, only_own: bool) -> Iterator[str | None]:
    """Give the target that a mark names, "" where it names none; None while its process lives."""
    try:
        descriptor = os.open(mark, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        yield None
        return
    try:
        if only_own and os.fstat(descriptor).st_uid != os.geteuid():
            yield None
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            text = os.read(descriptor, 4096).decode("utf-8", "surrogateescape")
        except OSError:
            yield None
            return
        head, _, rest = text.partition("\n")
        # One that is empty was made in the very moment in which its process was killed.
        yield rest.removesuffix("\n") if head in (_HEAD, "") and "/" not in rest else None
    finally:
        os.close(descriptor)


def _clear(belongs: list[Path], target: Path | None) -> None:
    for path in belongs:
        if path.name.endswith(_OLD) and target is not None and not os.path.lexists(target):
            with suppress(OSError):
                path.rename(target)
        else:
            discard(path)


def discard(path: Path) -> None:
    """Remove a file, or a folder with all that it holds, as far as the file system lets go."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
