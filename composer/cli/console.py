"""The terminal: whether it shows colours, how wide it is, and how text reaches it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TextIO

from composer.diagnostics.render.terminal_text import shown, styled

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


def data(text: str) -> None:
    """Write what the user asked for to stdout."""
    sys.stdout.write(text)


def talk(text: str) -> None:
    """Write a line that is not data to stderr."""
    sys.stderr.write(f"{text}\n")


def talk_width() -> int:
    """Return the columns that messages are wrapped to."""
    return terminal("stderr").width or _TALK_WIDTH


def show_problem(message: str, help: str | None = None, *, code: str) -> None:  # noqa: A002
    """Write ``error[CODE]: …`` and, where there is one, ``help: …`` to stderr."""
    color = terminal("stderr").color
    talk(f"{styled(f'error[{code}]:', 'error', color=color)} {_indented(message, ' ' * 7)}")
    if help is not None:
        talk(f"{styled('help:', 'help', color=color)} {_indented(help, ' ' * 6)}")


def _indented(text: str, indent: str) -> str:
    """Return text that may be a stranger's: no line of it begins where a line of ours does."""
    return shown(text, keep_newlines=True).replace("\n", f"\n{indent}")


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
    place.stream.write("\n".join(line.rstrip(" ") for line in lines))
    place.stream.flush()
