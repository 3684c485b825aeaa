"""The exception tree.

    ComposeError                 the one root; never raised itself
    ├── SpecError          (1)   the spec or its sources are wrong: carries diagnostics
    ├── UsageError         (2)   the command line is wrong, or a named file can't be read
    ├── BuildError         (3)   linking, the Keras process or the file system failed
    │   └── KerasProcessError    the Keras process ended without an answer
    ├── SourceError        (1)   a source can't be had as the spec describes it
    ├── DriftError         (4)   an artifact is not what its plan says
    └── FormatError        (1)   a model file is not what it claims to be

The number is the exit code that the command line gives for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from composer.diagnostics import Diagnostic


class ComposeError(Exception):
    """Root of all errors that composer raises for what a user can change."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.help = help


class SpecError(ComposeError):
    """One or more diagnostics, at least one of them an error.

    Attributes:
        diagnostics: all that was found, errors and warnings, in reading order.
    """

    exit_code = 1

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        errors = [d for d in self.diagnostics if d.severity == "error"]
        first = errors[0] if errors else self.diagnostics[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{first.code}: {first.message}{more}")


class UsageError(ComposeError):
    """The command line or an argument can't be used as given."""

    exit_code = 2


class BuildError(ComposeError):
    """The plan was sound and the build failed all the same."""

    exit_code = 3


class KerasProcessError(BuildError):
    """The process that runs Keras failed or gave no answer."""


class SourceError(ComposeError):
    """A source can't be had as the spec describes it.

    Attributes:
        reason: a short machine-readable word for the refusal, such as ``"unknown_name"``.
        nearest: what may have been meant, the nearest first.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        nearest: Sequence[str] = (),
        help: str | None = None,  # noqa: A002
    ) -> None:
        super().__init__(message, help=help)
        self.reason = reason
        self.nearest = tuple(nearest)

    def about(self, words: str) -> SourceError:
        """Return the same error with ``words``, what it is about, in front of its message."""
        return SourceError(
            f"{words}: {self.message}", reason=self.reason, nearest=self.nearest, help=self.help
        )


class DriftError(ComposeError):
    """An artifact differs from the plan, or a source from what was planned.

    Attributes:
        diagnostics: what differs, where that is told one by one.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002
        diagnostics: Sequence[Diagnostic] = (),
    ) -> None:
        super().__init__(message, help=help)
        self.diagnostics = tuple(diagnostics)


class FormatError(ComposeError):
    """A model file is truncated, corrupted, hostile or of an unknown form.

    Attributes:
        reason: a short machine-readable word for the refusal, such as ``"truncated"``.
    """

    exit_code = 1

    def __init__(self, message: str, *, reason: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(message, help=help)
        self.reason = reason
