"""Diagnostics as a SARIF 2.1.0 log, for code scanning services."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from composer.diagnostics.codes import codes, page, title
from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, Span

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
_IN_NO_FILE = "<"
"""How the names of places begin that are no files: ``<command line>``."""


def render(diagnostics: Sequence[Diagnostic]) -> str:
    """Return one SARIF run that holds ``diagnostics`` and the rules they belong to."""
    used = sorted({item.code for item in diagnostics})
    document = {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "compose", "rules": [_rule(code) for code in used]}},
                "columnKind": "unicodeCodePoints",
                "results": [_result(item, used.index(item.code)) for item in diagnostics],
            }
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _rule(code: str) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": code}
    if code in codes():
        rule["shortDescription"] = {"text": title(code)}
        rule["help"] = {"text": page(code).text, "markdown": page(code).text}
    return rule


def _result(diagnostic: Diagnostic, rule_index: int) -> dict[str, Any]:
    text = diagnostic.message
    span = diagnostic.span
    if span is not None and not _in_a_file(span):
        text += f"\nin {_written(span)}"
    if diagnostic.help is not None:
        text += f"\nhelp: {diagnostic.help}"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule_index,
        "level": diagnostic.severity,
        "message": {"text": text},
    }
    if span is not None and _in_a_file(span):
        result["locations"] = [_location(span)]
    related = [_related(note, index) for index, note in enumerate(diagnostic.notes)]
    if related:
        result["relatedLocations"] = related
    changes = [_change(edit) for edit in diagnostic.fix if _in_a_file(edit.span)]
    if changes:
        result["fixes"] = [{"artifactChanges": changes}]
    return result


def _related(note: Note, index: int) -> dict[str, Any]:
    location: dict[str, Any] = {"id": index, "message": {"text": note.message}}
    if note.span is not None and not _in_a_file(note.span):
        location["message"]["text"] += f" ({_written(note.span)})"
    elif note.span is not None:
        location.update(_location(note.span))
    return location


def _in_a_file(span: Span) -> bool:
    return not span.file.startswith(_IN_NO_FILE)


def _written(span: Span) -> str:
    """Return a place that is in no file, such as an override on the command line."""
    return f"{span.file}: {' '.join(span.text)}"


def _change(edit: Edit) -> dict[str, Any]:
    return {
        "artifactLocation": _artifact(edit.span),
        "replacements": [
            {
                "deletedRegion": _region(edit.span),
                "insertedContent": {"text": edit.replacement},
            }
        ],
    }


def _location(span: Span) -> dict[str, Any]:
    region = _region(span)
    if span.text:
        region["snippet"] = {"text": "\n".join(span.text)}
    return {"physicalLocation": {"artifactLocation": _artifact(span), "region": region}}


def _region(span: Span) -> dict[str, Any]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _artifact(span: Span) -> dict[str, Any]:
    path = PurePath(span.file)
    quoted = urllib.parse.quote(path.as_posix(), errors="surrogatepass")
    return {"uri": f"file://{quoted}" if path.is_absolute() else quoted}
