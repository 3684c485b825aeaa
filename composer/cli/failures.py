"""What ends a command and is no error of composer's own: click, the machine, or a bug."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

import click

MACHINE = "CMP713"
"""What the machine refuses: a full disk, missing rights, too many open files."""
BUG = "CMP714"
"""What composer did not expect."""
_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What ended a command and is no error of composer's own.

    Attributes:
        exit_code: that it gives.
    """

    code: str
    message: str
    help: str | None
    exit_code: int


_USAGE = 2
_FAILED = 3
_OF_THE_MACHINE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EMFILE,
        errno.ENFILE,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENAMETOOLONG,
        errno.EFBIG,
        errno.ENOMEM,
        errno.EAGAIN,
        errno.EBUSY,
        errno.ELOOP,
        errno.ENOTDIR,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ETXTBSY,
    }
)
"""What a full disk, a lost drive, missing rights, limits of the shell or a path too long give: no
mistake of ours."""


def failure_of(error: Exception) -> Failure:
    """Return what click, the machine or a bug ended a command with, in our words."""
    if isinstance(error, click.ClickException):
        message = error.format_message()
        message = f"{message[:1].lower()}{message[1:].rstrip('.')}"
        context = getattr(error, "ctx", None)
        help_ = f"{context.command_path} --help shows what there is" if context else None
        return Failure(code="CMP113", message=message, help=help_, exit_code=_USAGE)
    if isinstance(error, OSError) and not _has_folder():
        message = "the folder in which this runs does not exist any more"
        help_ = "change into another one"
        return Failure(code="CMP114", message=message, help=help_, exit_code=_USAGE)
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        where = f"{error.filename}: " if error.filename is not None else ""
        message = f"{where}{os.strerror(error.errno).lower()}"
        return Failure(code=MACHINE, message=message, help=None, exit_code=_FAILED)
    if (told := _of_surroundings(error)) is not None:
        return Failure(code=MACHINE, message=told[0], help=told[1], exit_code=_FAILED)
    reason = str(error) or "no further words"
    return Failure(
        code=BUG,
        message=f"this is a bug in compose, not in your files: {type(error).__name__}: {reason}",
        help="set COMPOSE_TRACEBACK=1 and run the command again to see where; please report it "
        "with what that shows",
        exit_code=_FAILED,
    )


def _of_surroundings(error: Exception) -> tuple[str, str | None] | None:
    """Return message and help for what a process lacks, None where that is not the reason."""
    if isinstance(error, MemoryError):
        return (
            "the memory is used up",
            "ulimit -v and the limits of a container say how much this process may have",
        )
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return "no further thread can be started", "ulimit -u says how many there may be"
    if isinstance(error, UnicodeEncodeError) and _is_undecodable(error):
        return (
            f"the name {_around(error)!r} is not UTF-8, and can't be written into a text file",
            "rename the file or folder",
        )
    if isinstance(error, ImportError) and isinstance(
        error.__cause__ or error, OSError | MemoryError
    ):
        return f"a library can't be loaded: {error}", None
    return None


def _has_folder() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _around(error: UnicodeEncodeError) -> bytes:
    """Return the name that a text could not be encoded for, as far as it can be told."""
    start = max(map(error.object[: error.start].rfind, "\"' \n")) + 1
    name = re.match(r"[^\"'\n]*", error.object[start:])
    return os.fsencode(name[0] if name is not None else "")[:_LONGEST]


def _is_undecodable(error: UnicodeEncodeError) -> bool:
    """Tell text that came of a name in another encoding from other text."""
    return all("\udc80" <= char <= "\udcff" for char in error.object[error.start : error.end])
