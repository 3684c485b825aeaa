"""Diagnostics as GitHub workflow commands, which annotate the lines of a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.render.terminal_text import shown

_IN_NO_FILE = "<"


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """Return one ``::error …::`` or ``::warning …::`` line for each of ``diagnostics``."""
    return "".join(f"{_command(item)}\n" for item in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    properties = []
    span = diagnostic.span
    # <command line> is no file of the repository: such a command stands without a place.
    if span is not None and not span.file.startswith(_IN_NO_FILE):
        properties += [("file", span.file), ("line", span.line), ("endLine", span.end_line)]
        # GitHub ignores columns of a range of several lines; its end column is inclusive.
        if span.line == span.end_line:
            properties += [
                ("col", span.column),
                ("endColumn", max(span.column, span.end_column - 1)),
            ]
    properties.append(("title", diagnostic.code))
    text = [diagnostic.message]
    if span is not None and span.file.startswith(_IN_NO_FILE):
        text.append(f"in {span.file}: {' '.join(span.text)}")
    for note in diagnostic.notes:
        place = f" ({note.span.file}:{note.span.line}:{note.span.column})" if note.span else ""
        text.append(f"note: {note.message}{place}")
    if diagnostic.help is not None:
        text.append(f"help: {diagnostic.help}")
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties)
    return f"::{diagnostic.severity} {listed}::{_data(chr(10).join(text))}"


def _data(text: str) -> str:
    """Escape as ``escapeData`` of actions/toolkit's ``command.ts`` does."""
    safe = shown(text, keep_newlines=True)
    return safe.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape as ``escapeProperty`` of the same file does."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
