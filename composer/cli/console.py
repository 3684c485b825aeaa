"""The terminal: whether it shows colours, how wide it is, and how text reaches it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from composer.diagnostics.render.terminal_text import guarded, shown, styled

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_UNLIMITED = 10_000
_TALK_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where one of the two streams leads.

    Attributes:
        stream: to write to.
        is_terminal: whether a person is likely to watch it.
        color: whether to use ANSI colours.
        width: columns; None where nothing limits a line, as in a file or a pipe.
    """

    stream: TextIO
    is_terminal: bool
    color: bool
    width: int | None


def terminal(which: Literal["stdout", "stderr"]) -> Terminal:
    """Look at a stream and at NO_COLOR, FORCE_COLOR, TERM and COLUMNS.

    NO_COLOR wins over FORCE_COLOR, which wins over what the stream is (no-color.org,
    force-color.org: each counts when it is set and not empty).
    """
    stream = sys.stdout if which == "stdout" else sys.stderr
    is_terminal = stream.isatty()
    if os.environ.get("NO_COLOR"):
        color = False
    elif os.environ.get("FORCE_COLOR"):
        color = True
    else:
        color = is_terminal and os.environ.get("TERM") != "dumb"
    columns = os.environ.get("COLUMNS", "")
    width: int | None = None
    if columns.isdecimal() and int(columns) > 0:
        width = int(columns)
    elif is_terminal:
        width = shutil.get_terminal_size().columns
    return Terminal(stream=stream, is_terminal=is_terminal, color=color, width=width)


def put(place: Terminal, text: str, *, commands: bool = False) -> None:
    """Write text to a stream: the one door for all that this program prints.

    Args:
        place: where to.
        text: that may hold a stranger's words.
        commands: whether lines of it are commands to a CI runner, and are meant to be.
    """
    place.stream.write(text if commands else guarded(text, color=place.color))
    place.stream.flush()


def data(text: str) -> None:
    """Write what the user asked for to stdout."""
    put(terminal("stdout"), text)


def talk(text: str) -> None:
    """Write a line that is not data to stderr."""
    put(terminal("stderr"), f"{shown(text)}\n")


def talk_lines(text: str) -> None:
    """Write lines that are not data to stderr; a stranger's text in them is escaped."""
    put(terminal("stderr"), f"{text}\n")


def talk_width() -> int:
    """Return the columns that messages are wrapped to."""
    return terminal("stderr").width or _TALK_WIDTH


def show_problem(message: str, help: str | None = None, *, code: str) -> None:  # noqa: A002
    """Write ``error[CODE]: …`` and, where there is one, ``help: …`` to stderr."""
    color = terminal("stderr").color
    talk_lines(f"{styled(f'error[{code}]:', 'error', color=color)} {shown(message)}")
    if help is not None:
        lines = shown(help, keep_newlines=True).replace("\n", "\n      ")
        talk_lines(f"{styled('help:', 'help', color=color)} {lines}")


def rich_console(place: Terminal) -> Console:
    """Return rich's view of a stream, with our own decisions on colour and width."""
    from rich.console import Console

    return Console(
        file=place.stream,
        width=place.width or _UNLIMITED,
        force_terminal=place.color or place.is_terminal,
        color_system="auto" if place.color else None,
        no_color=not place.color,
        highlight=False,
        markup=False,
        emoji=False,
    )


def show_parts(place: Terminal, parts: Iterable[RenderableType]) -> None:
    """Write what rich lays out, without the spaces that it leaves at the ends of lines."""
    console = rich_console(place)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    lines = captured.get().split("\n")
    put(place, "\n".join(line.rstrip(" ") for line in lines))
