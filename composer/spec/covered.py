"""Covers the secrets of URLs in diagnostics: in messages, and in the lines of a spec they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.diagnostics.diagnostic import Diagnostic, Span
from composer.spec.locations import is_remote, without_secrets
from composer.spec.model import Spec


def covered(diagnostics: Sequence[Diagnostic], spec: Spec | None = None) -> tuple[Diagnostic, ...]:
    """Return diagnostics in which no password, token or signature of a URL can be read.

    Args:
        diagnostics: about a spec.
        spec: whose URLs hold the secrets; without it, those that stand in URLs are covered.
    """
    sources = spec.sources if spec is not None else ()
    named = [s.location for s in sources]
    named.extend(s.weights.file for s in sources if s.weights is not None)
    locations = tuple(location for location in named if is_remote(location))

    def text(found: str) -> str:
        return without_secrets(found, locations)

    def span(found: Span) -> Span:
        return replace(found, text=tuple(text(line) for line in found.text))

    return tuple(found.reworded(text, span) for found in diagnostics)
