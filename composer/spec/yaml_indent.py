"""A line whose indentation fits no line above: where it can have been meant to stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, SourceText
from composer.spec.yaml_lines import item_keys

_LINE = re.compile(r"^( *)([^\s#][^\n]*)", re.MULTILINE)
_KEY = re.compile(r"(?:- +)*(\"[^\"\n]*\"|'[^'\n]*'|[^\s:#{\[\"'][^:\n]*):(?:\s|$)")
_ITEM = re.compile(r"(- +[^\s].*?)(?:\s+#.*)?$")
_OWNER = re.compile(r"([A-Za-z_][\w-]*):\s*(?:#.*)?$")


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
    columns = sorted(_open_columns(source, start, found[2]), key=lambda item: abs(item[0] - has))
    if not columns or columns[0][0] == has:
        return None, ()
    wants, key, line = columns[0]
    help_ = (
        f"with {_spaces(wants)} in front instead of {has}, it lines up with '{key}' in line {line}"
    )
    in_doubt = len(columns) > 1 and abs(columns[1][0] - has) == abs(wants - has)
    if in_doubt:
        _, other, number = columns[1]
        return f"{help_}; with {_spaces(columns[1][0])}, with '{other}' in line {number}", ()
    if source.file == COMMAND_LINE:
        return help_, ()
    span = source.span(start, start + has)
    return help_, (Edit(span=span, replacement=" " * wants),)


def outdented(source: SourceText, offset: int) -> Diagnostic | None:
    """Return the diagnostic where not this line but those above it stand too far left.

    ``exclude`` in the column of its source, and ``inputs`` below it where a key of a source stands.

    Args:
        source: the text.
        offset: of a character of the line at which the parser stopped.
    """
    lines = list(_LINE.finditer(source.text, 0, source.line_bounds(offset)[1]))
    here = lines.pop() if lines else None
    if here is None or _item_key(here) is None:
        return None
    wants = len(here[1])
    first: re.Match[str] | None = None
    while lines and (len(lines[-1][1]) >= wants or _is_out(lines[-1], first)):
        if len(lines[-1][1]) < wants:
            first = lines[-1]
        lines.pop()
    owner = _OWNER.match(lines[-1][2]) if lines else None
    if first is None or owner is None or len(first[1]) > len(lines[-1][1]):
        return None
    key, count = _item_key(first), wants - len(first[1])
    edits = (
        Edit(span=source.span(line.start(), line.start()), replacement=" " * count)
        for line in _LINE.finditer(source.text, first.start(), here.start())
    )
    more = f"{count} more space{'s' if count > 1 else ''}"
    return Diagnostic(
        code="CMP103",
        message=f"'{key}' belongs to '{owner[1]}', and stands too far left",
        span=source.span(first.end(1), first.end(1) + len(key or "")),
        notes=(
            Note(
                message="what belongs with it stands here",
                span=source.span(here.end(1), here.end()),
            ),
        ),
        help=f"indent it by {more}",
        fix=() if source.file == COMMAND_LINE else tuple(edits),
    )


def _is_out(line: re.Match[str], below: re.Match[str] | None) -> bool:
    """Whether a line holds a key of a source, layer or input, and none of the spec itself."""
    key = _item_key(line)
    if key is None or (below is not None and line[1] != below[1]):
        return False
    return bool(line[1]) or key not in keys_at(())


def _item_key(line: re.Match[str]) -> str | None:
    key = _KEY.match(line[2])
    return key[1] if key is not None and key[1] in item_keys() else None


def _open_columns(source: SourceText, before: int, text: str) -> Iterator[tuple[int, str, int]]:
    """Yield the columns at which a line could stand, with the nearest such line and its number.

    An item can stand where items stand, a key where keys do.
    """
    least: int | None = None
    pattern = _ITEM if _ITEM.match(text) else _KEY
    for match in reversed(tuple(_LINE.finditer(source.text, 0, before))):
        column = len(match[1])
        found = pattern.match(match[2])
        if (least is None or column < least) and found is not None:
            least = column
            yield column, found[1].strip("\"'"), source.line_column(match.start())[0]


def _spaces(count: int) -> str:
    return {0: "no space", 1: "1 space"}.get(count, f"{count} spaces")
