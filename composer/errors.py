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

The number is the exit code that the command line gives for it. An error is raised with its key,
``CODE.case``, and its fields; ``diagnostics/words`` makes a message of them.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, Self

from composer.diagnostics.diagnostic import Diagnostic
from composer.diagnostics.wording import help_of, message


class ComposeError(Exception):
    """Root of all errors that composer raises for what a user can change.

    Some fields mean the same everywhere: ``spec``, ``source`` (an id), ``location`` (as a spec
    writes it) and ``path`` say what an error is about, ``key`` is the key of a source that is
    wrong, and ``nearest`` holds what may have been meant, the nearest first.

    Args:
        key: code and case, such as ``CMP502.crc``; it has a template in ``diagnostics/words``.
        help: what to do, where the template can't say it.
        fields: what the message says, as data.

    Attributes:
        key: as given.
        code: of the page that explains it, such as ``CMP502``.
        case: which of the messages of that code, such as ``crc``.
        fields: as given.
        own_help: the ``help`` that was given.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, key: str, /, *, help: str | None = None, **fields: object) -> None:  # noqa: A002
        super().__init__(key)
        self.key = key
        self.code, _, self.case = key.partition(".")
        self.fields = fields
        self.own_help = help

    def __str__(self) -> str:
        return self.message

    @property
    def message(self) -> str:
        """What is wrong, where, and what was expected."""
        return message(self.key, self.fields)

    @property
    def help(self) -> str | None:
        """What to do: the name that may have been meant, and what helps with this error."""
        meant = f"did you mean {self.nearest[0]!r}?" if self.nearest else None
        general = self.own_help or help_of(self.key, self.fields)
        return "\n".join(part for part in (meant, general) if part) or None

    @property
    def nearest(self) -> tuple[str, ...]:
        """What may have been meant, the nearest first."""
        found = self.fields.get("nearest", ())
        return tuple(found) if isinstance(found, list | tuple) else ()

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything that the error says, one by one."""
        return (self.diagnostic,)

    @property
    def diagnostic(self) -> Diagnostic:
        """The error itself."""
        return Diagnostic(
            code=self.code,
            message=self.message,
            help=self.help,
            case=self.case,
            fields=self.fields,
        )

    @property
    def summary(self) -> Diagnostic | None:
        """What is left to say where the diagnostics that the error holds are told."""
        return self.diagnostic

    def about(self, **fields: object) -> Self:
        """Return the same error with further fields, or other values of some."""
        other = copy.copy(self)
        other.fields = {**self.fields, **fields}
        return other

    def under(self, code: str) -> Self:
        """Return the same error under another code."""
        other = copy.copy(self)
        other.code = code
        return other


class SpecError(ComposeError):
    """One or more diagnostics, at least one of them an error.

    Args:
        diagnostics: all that was found, errors and warnings, in reading order.
    """

    exit_code = 1

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        errors = [d for d in diagnostics if d.severity == "error"]
        first = errors[0] if errors else diagnostics[0]
        super().__init__(first.code)
        self.args = (diagnostics,)
        self._diagnostics = tuple(diagnostics)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        self._message = f"{first.code}: {first.message}{more}"

    @property
    def message(self) -> str:
        """The first error, and how many there are."""
        return self._message

    @property
    def help(self) -> str | None:
        """None: each diagnostic has its own."""
        return None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """As given."""
        return self._diagnostics


class UsageError(ComposeError):
    """The command line or an argument can't be used as given."""

    exit_code = 2


class BuildError(ComposeError):
    """The plan was sound and the build failed all the same."""

    exit_code = 3


class KerasProcessError(BuildError):
    """The process that runs Keras failed or gave no answer."""


class SourceError(ComposeError):
    """A source can't be had as the spec describes it."""

    exit_code = 1


class PluginError(ComposeError):
    """A plug-in can't be loaded, registers something else than it should, or fails."""

    exit_code = 1


class DriftError(ComposeError):
    """An artifact differs from the plan, or a source from what was planned.

    Args:
        differences: what differs, where that is told one by one.
    """

    exit_code = 4

    def __init__(
        self,
        key: str,
        /,
        *,
        help: str | None = None,  # noqa: A002
        differences: Sequence[Diagnostic] = (),
        **fields: object,
    ) -> None:
        super().__init__(key, help=help, **fields)
        self.differences = tuple(differences)

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What differs; where that is not told one by one, the error itself."""
        return self.differences or super().diagnostics

    @property
    def summary(self) -> Diagnostic | None:
        """The error itself; None where one of its differences says the same."""
        said = ((item.code, item.fields) for item in self.differences)
        return None if (self.code, self.fields) in said else self.diagnostic


class FormatError(ComposeError):
    """A model file is truncated, corrupted, hostile or of an unknown form."""

    exit_code = 1


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Give further fields to every error that is raised in a block.

    Args:
        fields: as of :meth:`ComposeError.about`.
    """
    try:
        yield
    except ComposeError as error:
        raise error.about(**fields) from error


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
        return BuildError.exit_code
    drifted = all(item.code.startswith("CMP6") for item in errors)
    return DriftError.exit_code if drifted else SpecError.exit_code
