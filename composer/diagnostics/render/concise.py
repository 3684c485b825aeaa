"""One line a diagnostic, for editors and grep."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.render.terminal_text import shown, styled


def headline(diagnostic: Diagnostic, *, color: bool) -> str:
    """Return ``file:line:column: error[CMP301]: message``, the place left out where none is."""
    span = diagnostic.span
    place = f"{shown(span.file)}:{span.line}:{span.column}: " if span else ""
    label = styled(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity, color=color)
    message = styled(shown(diagnostic.message), "bold", color=color)
    return f"{place}{label}: {message}"


def render(diagnostics: Sequence[Diagnostic], *, color: bool) -> str:
    """Return one line for each of ``diagnostics``."""
    return "".join(f"{headline(item, color=color)}\n" for item in diagnostics)
