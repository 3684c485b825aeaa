"""How diagnostics and errors reach the user: which stream, which form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self, cast

from composer.cli import console
from composer.cli.failures import failure_of
from composer.errors import ComposeError, DriftError, SpecError

if TYPE_CHECKING:
    from composer.diagnostics.diagnostic import Diagnostic
    from composer.diagnostics.render import Format

FOR_PROGRAMS = frozenset({"json", "github", "sarif"})


class Report:
    """Everything that one command says; a context manager that ends it.

    stdout is one document: the diagnostics of all specs where their form is one for programs,
    else what the command is asked for. Whatever stdout is not goes to stderr.

    Args:
        format: of the diagnostics.
        stdout_is_taken: the command writes a document of its own to stdout.
    """

    def __init__(self, format: Format, *, stdout_is_taken: bool = False) -> None:  # noqa: A002
        self._format: Format = format
        self._on_stdout = format in FOR_PROGRAMS and not stdout_is_taken
        self._collected: list[Diagnostic] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Write the document. What ends the command is part of it; the caller says it as well."""
        if self._on_stdout:
            found = diagnostics_of_any(error) if isinstance(error, Exception) else ()
            _write([*self._collected, *found], self._format, "stdout")
            _documents.append(self._format)

    @property
    def stream(self) -> Literal["stdout", "stderr"]:
        """Where what the command is asked for goes."""
        return "stderr" if self._on_stdout else "stdout"

    def add(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Show diagnostics now, or keep them for the one document at the end."""
        if self._on_stdout:
            self._collected.extend(diagnostics)
        elif diagnostics:
            _write(_helped_once(diagnostics), self._format, "stderr")

    def fail(self, error: ComposeError, about: str = "") -> None:
        """Show what keeps one of several from going on: on stderr, and in a document.

        Args:
            error: that ends one of several.
            about: which one; it is named where the message does not name it.
        """
        named = map(str, error.fields.values())
        if about and not isinstance(error, SpecError) and about not in named:
            error = error.about(spec=about)
        if self._on_stdout:
            self._collected.extend(error.diagnostics)
        elif isinstance(error, SpecError):
            self.add(error.diagnostics)
        elif isinstance(error, DriftError):
            self.add(error.differences)
        if not isinstance(error, SpecError) and (problem := error.summary) is not None:
            console.show_problem(problem.message, problem.help, code=problem.code)

    def fail_with(self, problem: Diagnostic, told: Sequence[Diagnostic]) -> None:
        """Show what a build failed of, as :meth:`fail` does.

        Args:
            problem: where errors were told, the sum of them, which a document does not repeat.
            told: the diagnostics of this build.
        """
        if self._on_stdout and all(item.severity != "error" for item in told):
            self._collected.append(problem)
        console.show_problem(problem.message, problem.help, code=problem.code)

    def for_programs(self, diagnostics: Sequence[Diagnostic]) -> None:
        """Put into a document what people are told in other words, such as a table."""
        if self._on_stdout:
            self._collected.extend(diagnostics)

    def remark(self, remarks: Sequence[str]) -> None:
        """Write what is no problem and worth knowing."""
        for line in remarks:
            console.talk(line)

    def say(self, text: str) -> None:
        """Write lines that the command is asked for; a stranger's text in them is escaped."""
        console.put(console.terminal(self.stream), f"{text}\n")


def _write(
    diagnostics: Sequence[Diagnostic],
    format: Format,  # noqa: A002
    which: Literal["stdout", "stderr"],
) -> None:
    from composer.diagnostics.render import render

    place = console.terminal(which)
    text = render(
        diagnostics,
        format,
        color=place.color and format not in FOR_PROGRAMS,
        width=place.width or console.talk_width(),
    )
    # An empty line keeps blocks apart from what follows.
    whole = f"{text}\n" if text and format == "full" else text
    console.put(place, whole, commands=format == "github")


def _helped_once(diagnostics: Sequence[Diagnostic]) -> Sequence[Diagnostic]:
    """Leave out help about a lock that one of the later diagnostics gives in the same words."""
    from dataclasses import replace

    from composer.diagnostics.render import ordered

    shown = ordered(diagnostics)
    later = [item.help for item in shown]
    return [
        replace(item, help=None)
        if item.code.startswith("CMP6") and item.help in later[number + 1 :]
        else item
        for number, item in enumerate(shown)
    ]


def show_error(error: ComposeError) -> None:
    """Write an error to stderr: a spec's diagnostics in full, anything else as message and help."""
    if isinstance(error, SpecError):
        _write(error.diagnostics, "full", "stderr")
    else:
        console.show_problem(error.message, error.help, code=error.code)


_documents: list[Format] = []
"""The documents that were written to stdout so far."""


def document_of_failure(error: Exception, format: str) -> None:  # noqa: A002
    """Write the document that a program waits for, where an error came before any was written."""
    if format in FOR_PROGRAMS and not _documents:
        _write(diagnostics_of_any(error), cast("Format", format), "stdout")


def no_document_yet() -> None:
    """Forget what earlier runs in this process wrote."""
    _documents.clear()


def diagnostics_of_any(error: Exception) -> Sequence[Diagnostic]:
    """Return whatever ended a command as diagnostics."""
    from composer.diagnostics.diagnostic import Diagnostic

    if isinstance(error, ComposeError):
        return error.diagnostics
    failure = failure_of(error)
    return [Diagnostic(code=failure.code, message=failure.message, help=failure.help)]


def counted(diagnostics: Sequence[Diagnostic]) -> str:
    """Return words such as ``1 error, 2 warnings``."""
    errors = sum(item.severity == "error" for item in diagnostics)
    warnings = len(diagnostics) - errors
    parts = []
    if errors:
        parts.append(f"{errors} error{'s' if errors > 1 else ''}")
    if warnings:
        parts.append(f"{warnings} warning{'s' if warnings > 1 else ''}")
    return ", ".join(parts) or "no problem"
