"""A line that YAML can't take for ``key: value`` or ``- item``: the character that it lacks."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator

from composer.diagnostics.diagnostic import Diagnostic, Edit
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, SourceText

_WIDE = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""Characters that look like spaces and are letters to YAML."""
_WIDE_SPACE = re.compile(f"[{_WIDE}]")
_WIDE_INDENT = re.compile(rf"^( *[{_WIDE}][ {_WIDE}]*)(?=- |[^\s:#]+[ {_WIDE}]*:)", re.MULTILINE)
_WIDE_GAP = re.compile(rf"^[ {_WIDE}]*(?:- )?[\w-]+(?::([ ]*[{_WIDE}][ {_WIDE}]*)|([{_WIDE}]+):)")
_COLONS = "\uff1a\ufe55\ufe13\u2236\ua789"
"""Characters that look like a colon."""
_STRANGE_COLON = re.compile(rf"((?:- )?[\w-]+)(\s*([{_COLONS}])\s*)(.*)")
_DASH = re.compile(r"(-)(?=[^\s-])")
_GLUED = re.compile(r"([A-Za-z_][\w-]*):(?=\S)")
_NO_COLON = re.compile(r"([A-Za-z_][\w-]*)(\s*=\s*|\s+)(?=[^\s:])")
_WORD = re.compile(r"[A-Za-z_][\w-]*")
_COMMENT = re.compile(r"(?:^|\s)#.*")


@functools.cache
def item_keys() -> frozenset[str]:
    """Return the keys that inputs, sources and layers can have."""
    sections = ("inputs", "sources", "layers")
    return frozenset(key for section in sections for key in keys_at((section, "id")))


def foreign_space(source: SourceText, *offsets: int) -> Diagnostic | None:
    """Return the diagnostic for what looks like a space and is none, on the lines of ``offsets``.

    Args:
        source: the text.
        offsets: of characters of these lines.
    """
    for offset in offsets:
        start, end = source.line_bounds(offset)
        line = source.text[start:end]
        found = _WIDE_INDENT.match(line) or _WIDE_GAP.match(line)
        if found is None:
            continue
        first = _WIDE_SPACE.search(line, *found.span(_group(found)))
        place = start + (first.start() if first else 0)
        edits = () if source.file == COMMAND_LINE else tuple(_plain_spaces(source))
        return Diagnostic(
            code="CMP101",
            message=f"the character U+{ord(source.text[place]):04X} looks like a space, but "
            "isn't one in YAML",
            span=source.span(place, place + 1),
            help="indent and separate with plain spaces",
            fix=edits,
        )
    return None


def _group(found: re.Match[str]) -> int:
    return next((n for n in range(1, (found.re.groups or 0) + 1) if found[n] is not None), 0)


def _plain_spaces(source: SourceText) -> Iterator[Edit]:
    for line in re.finditer(r"[^\n\r]+", source.text):
        for pattern in (_WIDE_INDENT, _WIDE_GAP):
            found = pattern.match(line[0])
            if found is not None:
                begin, end = found.span(_group(found))
                plain = _WIDE_SPACE.sub(" ", line[0][begin:end])
                span = source.span(line.start() + begin, line.start() + end)
                yield Edit(span=span, replacement=plain)
                break


def lacking(source: SourceText, problem: int, context: int, what: str) -> Diagnostic | None:
    """Return the diagnostic for a line that lacks one character; None where that is not why.

    Args:
        source: the text.
        problem: offset at which the parser stopped.
        context: offset at which what it was reading began.
        what: the parser's words.
    """
    if "could not find expected ':'" in what:
        offset = context
    elif "mapping values are not allowed" in what:
        start, _ = source.line_bounds(problem)
        if ":" in source.text[start:problem]:
            return None
        above = _above(source, start)
        if above is None:
            return None
        offset = above
    else:
        return None
    start, end = source.line_bounds(offset)
    line = source.text[start:end]
    text = _COMMENT.sub("", line).rstrip()
    begin = len(text) - len(text.lstrip())
    text = text.lstrip()
    after = _indent_below(source, end)
    told = _told(text, opens=after is not None and after > begin)
    if told is None:
        return None
    message, help_, edit = told
    fix: tuple[Edit, ...] = ()
    if edit is not None and source.file != COMMAND_LINE:
        first, last, replacement = edit
        span = source.span(start + begin + first, start + begin + last)
        fix = (Edit(span=span, replacement=replacement),)
    span = source.span(start + begin, start + begin + len(text))
    return Diagnostic(code="CMP103", message=message, span=span, help=help_, fix=fix)


def _told(text: str, *, opens: bool) -> tuple[str, str, tuple[int, int, str] | None] | None:
    """Return message, help and edit (begin, end, replacement) for the text of a line."""
    if found := _STRANGE_COLON.fullmatch(text):
        message = f"the character U+{ord(found[3]):04X} looks like a colon, but isn't one in YAML"
        behind = ": " if found[4] else ":"
        return message, f"write {found[1]}{behind}{found[4]}", (*found.span(2), behind)
    if found := _DASH.match(text):
        message = "a space is missing after the '-' of a list item"
        return message, f"write - {text[1:]}", (1, 1, " ")
    known = item_keys() | frozenset(keys_at(()))
    if (found := _GLUED.match(text)) and found[1] in known:
        message = f"a space is missing after '{found[1]}:'"
        return message, f"write {found[0]} {text[found.end() :]}", (found.end(), found.end(), " ")
    if (found := _NO_COLON.match(text)) and found[1] in known:
        message = f"a ':' is missing after '{found[1]}'"
        return message, f"write {found[1]}: {text[found.end() :]}", (*found.span(2), ": ")
    if _WORD.fullmatch(text):
        message = f"a ':' is missing after '{text}'"
        if opens:
            return message, f"write {text}:", (len(text), len(text), ":")
        return (
            f"expected 'key: value' or '- item'; '{text}' is neither",
            f"write {text}: and its value, or - {text} for an item of a list; or remove it",
            None,
        )
    return None


def _above(source: SourceText, before: int) -> int | None:
    """Return the offset of the nearest line above that is neither empty nor a comment."""
    lines = re.finditer(r"^[ \t]*[^\s#].*$", source.text[:before], re.MULTILINE)
    return max((line.start() for line in lines), default=None)


def _indent_below(source: SourceText, behind: int) -> int | None:
    """Return how far the next line that is neither empty nor a comment is indented."""
    found = re.compile(r"^( *)[^\s#]", re.MULTILINE).search(source.text, behind)
    return len(found[1]) if found else None
