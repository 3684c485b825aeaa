"""Why a part of a spec can't be taken, with all that a diagnostic says of it."""

from __future__ import annotations

from composer.diagnostics.diagnostic import Edit, Note


class RefusedError(ValueError):
    """A reference, a pattern, an override or an interpolation that can't be taken.

    Attributes:
        code: of the diagnostic; empty where that was given already.
        message: what is wrong.
        help: how to write what was probably meant.
        meant: that itself, where it can be nothing else.
        notes: other places that take part.
        fix: edits that put it right.
    """

    def __init__(
        self,
        code: str = "",
        message: str = "",
        help: str | None = None,  # noqa: A002
        *,
        meant: str | None = None,
        notes: tuple[Note, ...] = (),
        fix: tuple[Edit, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.help = code, message, help
        self.meant, self.notes, self.fix = meant, notes, fix
