"""User text on a terminal: what can't be shown is escaped, widths are counted, colours put on."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_TAB = 4
_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")
_ANYWHERE = re.compile(r"##(?=\[|vso\[)")
_STYLES = {"error": "1;31", "warning": "1;33", "bold": "1", "help": "1;36", "gutter": "1;34"}


def shown(text: str, *, keep_newlines: bool = False) -> str:
    """Return ``text`` with control characters and lone surrogates escaped.

    A spec may come from a stranger: escape sequences in it must not reach the terminal, and
    what can't be encoded must not end the output.
    """
    return "".join(
        char if keep_newlines and char == "\n" else _shown_character(char) for char in text
    )


def shown_lines(lines: Iterable[str]) -> str:
    """Return lines that may hold a stranger's text as one text: each stays one line."""
    return "\n".join(shown(line) for line in lines)


def guarded(text: str, *, color: bool = False) -> str:
    """Return text as it may be written to a terminal or to the log of a CI runner.

    The last door: what was not escaped before is escaped here, and no line is a command to a
    runner, however a stranger's text came to stand at its beginning. GitHub takes ``::error::``
    behind spaces too, and ``##[group]`` anywhere.

    Args:
        text: lines of ours, tabs included.
        color: whether our own colours may be in it.
    """
    return "\n".join(_guarded_line(line, color=color) for line in text.split("\n"))


def _guarded_line(line: str, *, color: bool) -> str:
    if not line.isprintable():
        parts = _COLOR.split(line) if color else [line]
        line = "".join(
            part if color and _COLOR.fullmatch(part) else _without_controls(part) for part in parts
        )
    bare = _COLOR.sub("", line) if color else line
    if bare.lstrip().startswith("::"):
        line = line.replace("::", r"\x3a:", 1)
    return _ANYWHERE.sub(lambda found: f"\\x23{found[0][1:]}", line)


def _without_controls(text: str) -> str:
    return "".join(char if char == "\t" else _shown_character(char) for char in text)


def cells(line: str) -> list[tuple[str, int]]:
    """Return each character of a source line as it is shown, with its width in columns."""
    found = []
    for char in line:
        if char == "\t":
            found.append((" " * _TAB, _TAB))
            continue
        text = _shown_character(char)
        found.append((text, sum(_width(part) for part in text)))
    return found


def styled(text: str, style: str, *, color: bool) -> str:
    """Return ``text`` in one of the styles, or as it is when ``color`` is false."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if color else text


def _shown_character(char: str) -> str:
    category = unicodedata.category(char)
    # Cc: control, Cf: includes the bidirectional overrides, Cs: lone surrogates, Zl/Zp: breaks.
    if category in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
        return (
            char.encode("ascii", "backslashreplace").decode()
            if char > "\x7f"
            else (f"\\x{ord(char):02x}")
        )
    return char


def _width(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
