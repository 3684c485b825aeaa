"""Collects diagnostics while the passes run, each located through the spec's positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from composer.diagnostics.diagnostic import Diagnostic, Edit, Note, Severity, SpecPath
from composer.diagnostics.suggest import certain
from composer.errors import ComposeError
from composer.spec.model import Positions


class Problems:
    """A list of diagnostics that knows where the spec's values stand."""

    def __init__(self, positions: Positions) -> None:
        self._positions = positions
        self._found: list[Diagnostic] = []

    @property
    def found(self) -> tuple[Diagnostic, ...]:
        """All diagnostics so far, in the order in which they were found."""
        return tuple(self._found)

    @property
    def errors(self) -> int:
        """How many of them are errors."""
        return sum(d.severity == "error" for d in self._found)

    def add(
        self,
        code: str,
        path: SpecPath,
        message: str,
        *,
        help: str | None = None,  # noqa: A002 - the word users know
        notes: Iterable[Note] = (),
        fix: Iterable[Edit] = (),
        at_key: bool = False,
        severity: Severity = "error",
        case: str = "",
        fields: Mapping[str, object] | None = None,
    ) -> None:
        """Record one problem at the value (or the key) that ``path`` leads to."""
        positions = self._positions
        self._found.append(
            Diagnostic(
                code=code,
                message=message,
                severity=severity,
                path=path,
                span=positions.key(path) if at_key else positions.value(path),
                notes=(*notes, *positions.origins(path)),
                help=help,
                fix=tuple(fix),
                case=case,
                fields=fields or {},
            )
        )

    def add_error(
        self,
        error: ComposeError,
        path: SpecPath,
        *,
        help: str | None = None,  # noqa: A002 - the word users know
        fix: Iterable[Edit] = (),
    ) -> None:
        """Record an error at the value that ``path`` leads to; ``help`` where it has none."""
        self.add(
            error.code,
            path,
            error.message,
            help=error.help or help,
            fix=fix,
            case=error.case,
            fields=error.fields,
        )

    def with_key(
        self, path: SpecPath, key: str, value: str | Mapping[str, str]
    ) -> tuple[Edit, ...]:
        """Return the edit that adds a key to the map at ``path``; none where it is not plain."""
        return self._positions.added(path, key, value)

    def corrected(
        self, path: SpecPath, word: str, known: Iterable[str], form: str = "{}"
    ) -> tuple[Edit, ...]:
        """Return the edit that makes a misspelled value the known one that it must be.

        Args:
            path: of the value.
            word: what was written.
            known: what could have been.
            form: the whole value, with ``{}`` in the place of the word.
        """
        meant = certain(word, known)
        return () if meant is None else self.rewritten(path, form.replace("{}", meant))

    def corrected_key(self, path: SpecPath, word: str, known: Iterable[str]) -> tuple[Edit, ...]:
        """Return the edit that makes a misspelled key the known one that it must be."""
        meant = certain(word, known)
        return () if meant is None else self._positions.renamed_key(path, meant)

    def rewritten(self, path: SpecPath, new: str) -> tuple[Edit, ...]:
        """Return the edit that puts other text at ``path``; none where it is not plain."""
        return self._positions.replaced(path, new)

    def note(self, path: SpecPath, message: str, *, at_key: bool = False) -> Note:
        """Return a note that points at another place of the spec."""
        span = self._positions.key(path) if at_key else self._positions.value(path)
        return Note(message=message, span=span)
