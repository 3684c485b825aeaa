"""The renderer for people: the source lines with a caret, every other place involved, the help."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from composer.diagnostics.diagnostic import Diagnostic, Note, Span
from composer.diagnostics.render.concise import headline
from composer.diagnostics.render.terminal_text import cells, shown, styled

_MOST_LINES = 4
_CUT = "…"


def render(diagnostics: Sequence[Diagnostic], *, color: bool, width: int) -> str:
    """Return ``diagnostics`` as blocks with an empty line between them."""
    blocks = [_block(item, color=color, width=width) for item in diagnostics]
    return "\n".join(blocks)


def _block(diagnostic: Diagnostic, *, color: bool, width: int) -> str:
    spans = [diagnostic.span, *(note.span for note in diagnostic.notes)]
    margin = max((len(str(s.line + len(s.text[:_MOST_LINES]))) for s in spans if s), default=1)
    lines = [headline(diagnostic, color=color)]
    if diagnostic.span is not None:
        lines += _snippet(diagnostic.span, margin, color=color, width=width, style="error")
    for note in diagnostic.notes:
        lines += _note(note, margin, color=color, width=width)
    if diagnostic.help is not None:
        lines += _labelled("help", diagnostic.help, color=color, width=width)
    if diagnostic.fix:
        lines += _labelled("fix", "compose validate --fix does this", color=color, width=width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _note(note: Note, margin: int, *, color: bool, width: int) -> list[str]:
    text = note.message
    if note.span is not None:
        text += f" ({note.span.file}:{note.span.line}:{note.span.column})"
    lines = _labelled("note", text, color=color, width=width)
    if note.span is not None:
        lines += _snippet(note.span, margin, color=color, width=width, style="help")
    return lines


def _labelled(label: str, text: str, *, color: bool, width: int) -> list[str]:
    """Wrap sentences; text with line breaks is YAML and keeps its lines."""
    safe = shown(text, keep_newlines=True)
    indent = " " * (len(label) + 2)
    room = max(width - len(indent), 20)
    lines: list[str] = []
    for line in safe.split("\n"):
        if "\n" in safe or len(line) <= room:
            lines.append(line)
        else:
            lines += textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False)
    head = styled(f"{label}:", "bold" if label == "note" else "help", color=color)
    return [f"{head} {lines[0]}", *(indent + line for line in lines[1:])]


def _snippet(span: Span, margin: int, *, color: bool, width: int, style: str) -> list[str]:
    """Draw the lines of ``span`` with a gutter; the caret line stands under the first one."""
    if not span.text:
        return []
    bar = styled(f"{'':>{margin}} |", "gutter", color=color)
    lines = [bar]
    room = max(width - margin - 3, 20)
    for offset, text in enumerate(span.text[:_MOST_LINES]):
        number = styled(f"{span.line + offset:>{margin}} |", "gutter", color=color)
        if offset:
            lines.append(f"{number} {_window(text, 0, 0, room)[0]}")
            continue
        end = span.end_column - 1 if span.end_line == span.line else len(text)
        shown_line, before, length = _window(text, span.column - 1, end, room)
        lines.append(f"{number} {shown_line}")
        caret = styled("^" * max(length, 1), style, color=color)
        lines.append(f"{bar} {' ' * before}{caret}")
    if len(span.text) > _MOST_LINES:
        lines.append(styled(f"{_CUT:>{margin}} |", "gutter", color=color))
    return lines


def _window(text: str, start: int, end: int, room: int) -> tuple[str, int, int]:
    """Return the part of a line that fits, and where the caret begins and how long it is.

    Args:
        text: a source line.
        start: index of the first marked character.
        end: index behind the last marked character.
        room: columns that may be used.

    Returns:
        The visible text, the columns before the caret, the columns under the caret.
    """
    # Of a very long line only what is near the mark is looked at: there may be many marks in it.
    cut = max(start - room, 0)
    whole = len(text)
    text = text[cut : start + room + 1]
    start, end = start - cut, min(end - cut, len(text))
    line = cells(text)
    first = 1 if cut else 0
    if sum(width for _, width in line) > room:
        # Keep a third of the room in front of the mark, so that the key stays visible.
        used = 0
        first = min(start, len(line))
        while first > 0 and used + line[first - 1][1] <= room // 3:
            first -= 1
            used += line[first][1]
    last, used = first, 1 if first else 0
    while last < len(line) and used + line[last][1] <= room - 1:
        used += line[last][1]
        last += 1
    if last == len(line) - 1 and cut + len(line) == whole and used + line[last][1] <= room:
        last += 1
    visible = "".join(char for char, _ in line[first:last])
    before = sum(width for _, width in line[first : max(start, first)])
    marked = sum(width for _, width in line[max(start, first) : min(end, last)])
    if first:
        visible = _CUT + visible
        before += 1
    if cut + last < whole:
        visible += _CUT
    return visible, before, marked
