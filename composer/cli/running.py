"""Runs the command and turns whatever ends it into an exit code and, where due, a message."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import click

from composer.cli import console
from composer.cli.commands import NobodyReadsError, compose
from composer.cli.ending import EndedError, ended_by_signals
from composer.cli.reporting import show_error
from composer.errors import ComposeError

USAGE = 2
BUG = 3
FAILED = 3
INTERRUPTED = 130
_LONGEST = 100
NOBODY_READS = 141
"""What a shell reports for a program that SIGPIPE ended."""
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


def run(arguments: Sequence[str]) -> int:
    """Run ``compose`` with ``arguments`` and return its exit code."""
    _fill_closed_streams()
    code = _run(arguments)
    _flush_or_let_go()
    return code


def _run(arguments: Sequence[str]) -> int:
    if "_COMPOSE_COMPLETE" in os.environ:
        from composer.cli.shells import answer_shells

        answer_shells()
    try:
        with ended_by_signals():
            code = compose.main(args=list(arguments), prog_name="compose", standalone_mode=False)
    except (NobodyReadsError, BrokenPipeError):
        return NOBODY_READS
    except EndedError as ended:
        with suppress(OSError):  # the terminal may be gone
            console.talk(f"ended by {signal.Signals(ended.number).name}")
        return ended.exit_code
    except (click.Abort, KeyboardInterrupt):
        console.talk("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line before a traceback
        return _ended_by(error)
    return code if isinstance(code, int) else 0


def _ended_by(error: Exception) -> int:
    """Say what happened and return the exit code for it."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.ClickException):
        message = error.format_message()
        console.show_problem(f"{message[:1].lower()}{message[1:].rstrip('.')}", _usage_help(error))
        return USAGE
    if os.environ.get("COMPOSE_TRACEBACK"):
        traceback.print_exception(error)
    if isinstance(error, ComposeError):
        show_error(error)
        return error.exit_code
    if isinstance(error, OSError) and not _has_folder():
        gone = "the folder in which this runs does not exist any more"
        console.show_problem(gone, "change into another one")
        return USAGE
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        where = f"{error.filename}: " if error.filename is not None else ""
        console.show_problem(f"{where}{os.strerror(error.errno).lower()}")
        return FAILED
    if (told := _of_surroundings(error)) is not None:
        console.show_problem(*told)
        return FAILED
    reason = str(error) or "no further words"
    console.show_problem(
        f"this is a bug of composer, not of your files: {type(error).__name__}: {reason}",
        "set COMPOSE_TRACEBACK=1 and run the command again to see where; please report it with "
        "what that shows",
    )
    return BUG


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


def _usage_help(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help shows what there is" if context else None


def _flush_or_let_go() -> None:
    """Let what can't be written go nowhere.

    The interpreter flushes once more when it ends, and would replace the exit code by its own.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def _fill_closed_streams() -> None:
    """Give a stream that the caller closed (``>&-``) a place where its text goes unread.

    Python sets such a stream to None. Its number is free then: the next file that is opened
    would get it, and child processes would write their output into that file.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
