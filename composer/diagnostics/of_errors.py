"""Any error of composer as diagnostics, so that each failure has a code wherever it is told."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import ComposeError, DriftError, SpecError

MACHINE = "CMP713"
"""What the machine refuses: a full disk, missing rights, too many open files."""
BUG = "CMP714"
"""What composer did not expect."""
_UNASKED = 3


def diagnostics_of(error: ComposeError) -> tuple[Diagnostic, ...]:
    """Return what ``error`` says: its own diagnostics, or one of its message, help and code.

    What differs from a lock, and is told difference by difference, gets no sum of its own.
    """
    if isinstance(error, SpecError):
        return error.diagnostics
    if isinstance(error, DriftError) and error.diagnostics:
        return error.diagnostics
    return (Diagnostic(code=error.code, message=error.message, help=error.help),)


def not_told_yet(error: ComposeError) -> Diagnostic | None:
    """Return an error as one diagnostic; None where the diagnostics that it holds say it."""
    held = error.diagnostics if isinstance(error, DriftError) else ()
    if any(item.message == error.message for item in held):
        return None
    return Diagnostic(code=error.code, message=error.message, help=error.help)


def exit_code(diagnostics: Sequence[Diagnostic]) -> int:
    """Return what a command about these ends with.

    Returns:
        4 where a lock does not hold and nothing else is wrong, 3 where Keras alone could tell
        whether it does.
    """
    errors = [item for item in diagnostics if item.severity == "error"]
    if not errors:
        return 0
    if all(item.code == "CMP610" for item in errors):
        return _UNASKED
    return (
        DriftError.exit_code
        if all(item.code.startswith("CMP6") for item in errors)
        else SpecError.exit_code
    )
