"""A line whose indentation fits no line above: where it can have been meant to stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from composer.diagnostics.diagnostic import Edit
from composer.spec.source_text import COMMAND_LINE, SourceText

_LINE = re.compile(r"^( *)([^\s#][^\n]*)", re.MULTILINE)
_KEY = re.compile(r"(?:- +)*(\"[^\"\n]*\"|'[^'\n]*'|[^\s:#{\[\"'][^:\n]*):(?:\s|$)")


def advice(source: SourceText, offset: int) -> tuple[str | None, tuple[Edit, ...]]:
    """Return which indentation the line at ``offset`` was most likely meant to have, and the edit.

    Args:
        source: the text.
        offset: of a character of the line.
    """
    start, end = source.line_bounds(offset)
    found = _LINE.match(source.text, start, end)
    if found is None:
        return None, ()
    has = len(found[1])
    columns = sorted(_open_columns(source, start), key=lambda item: abs(item[0] - has))
    if not columns or columns[0][0] == has:
        return None, ()
    wants, key, line = columns[0]
    help_ = f"with {_spaces(wants)} in front, not {has}, it stands beside '{key}' of line {line}"
    in_doubt = len(columns) > 1 and abs(columns[1][0] - has) == abs(wants - has)
    if in_doubt:
        _, other, number = columns[1]
        return f"{help_}; with {_spaces(columns[1][0])}, beside '{other}' of line {number}", ()
    if source.file == COMMAND_LINE:
        return help_, ()
    span = source.span(start, start + has)
    return help_, (Edit(span=span, replacement=" " * wants),)


def _open_columns(source: SourceText, before: int) -> Iterator[tuple[int, str, int]]:
    """Yield the columns at which a key could stand here, with the nearest key and its line."""
    least: int | None = None
    for match in reversed(tuple(_LINE.finditer(source.text, 0, before))):
        column = len(match[1])
        key = _KEY.match(match[2])
        if (least is None or column < least) and key is not None:
            least = column
            yield column, key[1].strip("\"'"), source.line_column(match.start())[0]


def _spaces(count: int) -> str:
    return {0: "no space", 1: "1 space"}.get(count, f"{count} spaces")
