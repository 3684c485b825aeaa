"""User text on a terminal: what can't be shown is escaped, widths are counted, colours put on."""

from __future__ import annotations

import unicodedata

_TAB = 4
_STYLES = {"error": "1;31", "warning": "1;33", "bold": "1", "help": "1;36", "gutter": "1;34"}


def shown(text: str, *, keep_newlines: bool = False) -> str:
    """Return ``text`` with control characters and lone surrogates escaped.

    A spec may come from a stranger: escape sequences in it must not reach the terminal, and
    what can't be encoded must not end the output.
    """
    return "".join(
        char if keep_newlines and char == "\n" else _shown_character(char) for char in text
    )


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
