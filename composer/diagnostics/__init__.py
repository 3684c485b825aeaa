"""Problems as values: what is wrong, where it stands, and the edit that fixes it."""

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, Severity, Span, SpecPath

__all__ = ["Diagnostic", "Edit", "Note", "Severity", "Span", "SpecPath"]
