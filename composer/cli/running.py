"""Runs the command and turns whatever ends it into an exit code and, where due, a message."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress

import click

from composer.cli import console
from composer.cli.commands import NobodyReadsError, compose
from composer.cli.failures import failure_of
from composer.cli.reporting import document_of_failure, no_document_yet, show_error
from composer.errors import ComposeError
from composer.keras_process.shared_process import shared_keras
from composer.workflows.ending import EndedError, ended_by_signals

INTERRUPTED = 130
NOBODY_READS = 141
"""What a shell reports for a program that SIGPIPE ended."""


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
    no_document_yet()
    try:
        with ended_by_signals(), shared_keras():
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
        return _ended_by(error, list(arguments))
    return code if isinstance(code, int) else 0


def _ended_by(error: Exception, arguments: Sequence[str]) -> int:
    """Say what happened and return the exit code for it."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if os.environ.get("COMPOSE_TRACEBACK") and not isinstance(error, click.ClickException):
        console.talk_lines("".join(traceback.format_exception(error)).rstrip("\n"))
    document_of_failure(error, _asked_format(arguments))
    if isinstance(error, ComposeError):
        show_error(error)
        return error.exit_code
    failure = failure_of(error)
    console.show_problem(failure.message, failure.help, code=failure.code)
    return failure.exit_code


def _asked_format(arguments: Sequence[str]) -> str:
    """Return the form of diagnostics that a command line asks for on stdout; ``full`` for none.

    It is read here as text, since the mistake may be in the command line itself.
    """
    if "--json" in arguments or arguments[:1] == ["diff"]:
        return "full"  # stdout is for another document
    found = "full"
    for number, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--output-format":
            following = arguments[number + 1 : number + 2]
            found = value if equals else "".join(following)
    return found


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
