"""Diagnostics as text: one file a renderer, one function to pick it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from composer.diagnostics.diagnostic import Diagnostic

Format = Literal["full", "concise", "json", "github", "sarif"]
MOST_SHOWN = 200
"""So many diagnostics people are shown; nobody reads on, and each takes time to draw."""
FORMATS: tuple[str, ...] = get_args(Format)


def ordered(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics by file, line, column and code, each one once.

    Those that belong to no line come last.
    """
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=_sort_key))


def _sort_key(diagnostic: Diagnostic) -> tuple[bool, str, int, int, str, str]:
    span = diagnostic.span
    if span is None:
        return (True, "", 0, 0, diagnostic.code, diagnostic.message)
    return (False, span.file, span.line, span.column, diagnostic.code, diagnostic.message)


def _first(items: tuple[Diagnostic, ...]) -> tuple[tuple[Diagnostic, ...], str]:
    """Return what people are shown of very many, errors first, and a line about the others."""
    if len(items) <= MOST_SHOWN:
        return items, ""
    by_weight = sorted(items, key=lambda item: item.severity != "error")
    left = by_weight[MOST_SHOWN:]
    errors = sum(item.severity == "error" for item in left)
    words = f"and {len(left):,} more ({errors:,} of them errors)"
    return ordered(by_weight[:MOST_SHOWN]), f"{words}; --output-format json lists them all\n"


def render(
    diagnostics: Sequence[Diagnostic],
    format: Format,  # noqa: A002
    *,
    color: bool = False,
    width: int = 100,
) -> str:
    """Return ``diagnostics`` as text that ends in a newline, or is empty.

    Args:
        diagnostics: in any order; the result is ordered and free of repetitions.
        format: ``full`` and ``concise`` are for people, the others for programs.
        color: whether ``full`` and ``concise`` use ANSI colours.
        width: columns of the terminal; ``full`` cuts source lines and wraps notes to it.

    Returns:
        For ``json`` and ``sarif`` a whole document, also when there is no diagnostic.

    Raises:
        ValueError: ``format`` is none of the five.
    """
    from composer.diagnostics.render import concise, full, github, json_document, sarif

    items = ordered(diagnostics)
    match format:
        case "full":
            shown, rest = _first(items)
            text = full.render(shown, color=color, width=width)
            return f"{text}\n{rest}" if rest else text
        case "concise":
            shown, rest = _first(items)
            return concise.render(shown, color=color) + rest
        case "json":
            return json_document.render(items)
        case "github":
            return github.render(items)
        case "sarif":
            return sarif.render(items)
    raise ValueError(f"no renderer is called {format!r}; there are {', '.join(FORMATS)}")
