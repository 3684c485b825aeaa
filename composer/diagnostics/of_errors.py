"""Any error of composer as diagnostics, so that each failure has a code wherever it is told."""

from __future__ import annotations

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import ComposeError, DriftError, SpecError

MACHINE = "CMP713"
"""What the machine refuses: a full disk, missing rights, too many open files."""
BUG = "CMP714"
"""What composer did not expect."""


def diagnostics_of(error: ComposeError) -> tuple[Diagnostic, ...]:
    """Return what ``error`` says: its own diagnostics, or one of its message, help and code.

    What differs from a lock, and is told difference by difference, gets no sum of its own.
    """
    if isinstance(error, SpecError):
        return error.diagnostics
    if isinstance(error, DriftError) and error.diagnostics:
        return error.diagnostics
    return (Diagnostic(code=error.code, message=error.message, help=error.help),)
