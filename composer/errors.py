"""The exception tree.

    ComposeError                 the one root; never raised itself
    ├── SpecError          (1)   the spec or its sources are wrong: carries diagnostics
    ├── UsageError         (2)   the command line is wrong, or a named file can't be read
    ├── BuildError         (3)   linking, the Keras process or the file system failed
    │   └── KerasProcessError    the Keras process ended without an answer
    ├── SourceError        (1)   a source can't be had as the spec describes it
    ├── PluginError        (1)   an installed plug-in can't be used
    ├── DriftError         (4)   an artifact is not what its plan says
    └── FormatError        (1)   a model file is not what it claims to be

The number is the exit code that the command line gives for it. Each error has the code of a page
(``compose explain``) as well: the one that is given where it is raised, else that of its class, or
of its ``reason``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from composer.diagnostics import Diagnostic


_OF_REASONS: Mapping[str, str] = {
    "missing": "CMP501",
    "sha256": "CMP503",
    "circle": "CMP522",
    "outside": "CMP550",
    "no-spec": "CMP551",
    "inside": "CMP554",
    "no-shape": "CMP421",
    "too-many": "CMP116",
    "unknown_kind": "CMP504",
    "fetch": "CMP510",
    "range": "CMP510",
    "extra": "CMP511",
    "unsafe": "CMP512",
    "offline": "CMP514",
    "locked": "CMP602",
    "no-graph": "CMP506",
    "no-name": "CMP305",
    "flatten": "CMP418",
    "ambiguous-path": "CMP418",
    "h5-refused": "CMP520",
    "h5-no-shape": "CMP520",
    "no-config": "CMP520",
    "weights-names": "CMP535",
    "weights-config": "CMP536",
    "hub": "CMP525",
    "saved-model": "CMP526",
    "program-untrusted": "CMP527",
    "program-linked": "CMP528",
    "program": "CMP529",
    "code": "CMP515",
    "code-run": "CMP516",
    "objects": "CMP515",
}
"""Codes of errors that are raised with a reason alone."""


class ComposeError(Exception):
    """Root of all errors that composer raises for what a user can change.

    Attributes:
        message: what is wrong, where, and what was expected.
        help: what to do.
        code: of the page that explains it, such as ``CMP114``.
    """

    exit_code: ClassVar[int] = 3
    usual_code: ClassVar[str] = "CMP710"

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.code = code or self.usual_code


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
        super().__init__(f"{first.code}: {first.message}{more}", code=first.code)


class UsageError(ComposeError):
    """The command line or an argument can't be used as given."""

    exit_code = 2
    usual_code = "CMP113"


class BuildError(ComposeError):
    """The plan was sound and the build failed all the same."""

    exit_code = 3


class KerasProcessError(BuildError):
    """The process that runs Keras failed or gave no answer."""

    usual_code = "CMP711"


class SourceError(ComposeError):
    """A source can't be had as the spec describes it.

    Attributes:
        reason: a short machine-readable word for the refusal, such as ``"unknown_name"``.
        nearest: what may have been meant, the nearest first.
    """

    exit_code = 1
    usual_code = "CMP505"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        nearest: Sequence[str] = (),
        help: str | None = None,  # noqa: A002
        code: str | None = None,
    ) -> None:
        super().__init__(message, help=help, code=code or _OF_REASONS.get(reason))
        self.reason = reason
        self.nearest = tuple(nearest)

    def about(self, words: str) -> SourceError:
        """Return the same error with ``words``, what it is about, in front of its message."""
        return SourceError(
            f"{words}: {self.message}",
            reason=self.reason,
            nearest=self.nearest,
            help=self.help,
            code=self.code,
        )


class PluginError(ComposeError):
    """A plug-in can't be loaded, registers something else than it should, or fails."""

    exit_code = 1
    usual_code = "CMP560"


class DriftError(ComposeError):
    """An artifact differs from the plan, or a source from what was planned.

    Attributes:
        diagnostics: what differs, where that is told one by one.
    """

    exit_code = 4
    usual_code = "CMP614"

    def __init__(
        self,
        message: str,
        *,
        help: str | None = None,  # noqa: A002
        diagnostics: Sequence[Diagnostic] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message, help=help, code=code)
        self.diagnostics = tuple(diagnostics)


class FormatError(ComposeError):
    """A model file is truncated, corrupted, hostile or of an unknown form.

    Attributes:
        reason: a short machine-readable word for the refusal, such as ``"truncated"``.
        layer: full name of the one layer that is refused; empty where it is more than that.
    """

    exit_code = 1
    usual_code = "CMP502"

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        help: str | None = None,  # noqa: A002
        code: str | None = None,
        layer: str = "",
    ) -> None:
        super().__init__(message, help=help, code=code or _OF_REASONS.get(reason))
        self.reason = reason
        self.layer = layer
