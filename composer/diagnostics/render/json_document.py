"""Diagnostics as one JSON array, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, Span


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """Return a JSON array with one object for each of ``diagnostics``."""
    document = [as_json(item) for item in diagnostics]
    # ASCII only: lone surrogates from the command line must not break the output.
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def as_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """Return one diagnostic as plain data.

    Returns:
        ``code``, ``severity``, ``message``, ``path``, the place, ``notes`` and ``help``, with
        null for what there is not; ``fix`` only where there is one.
    """
    found: dict[str, Any] = {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "path": list(diagnostic.path),
        **_place(diagnostic.span),
        "notes": [{"message": note.message, **_place(note.span)} for note in diagnostic.notes],
        "help": diagnostic.help,
    }
    if diagnostic.fix:
        found["fix"] = [
            {**_place(edit.span), "replacement": edit.replacement} for edit in diagnostic.fix
        ]
    return found


def _place(span: Span | None) -> dict[str, Any]:
    return {
        "file": span.file if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }
