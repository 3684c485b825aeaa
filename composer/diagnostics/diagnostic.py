"""What is wrong, where, and the edit that fixes it, as immutable values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Severity = Literal["error", "warning"]
SpecPath = tuple[str | int, ...]
"""Keys and indices from the root of a spec to one of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range of text in a file.

    Attributes:
        file: the file's path as the user gave it, or ``<command line>``.
        line: first line, counted from 1.
        column: first column, in characters, counted from 1.
        end_line: last line.
        end_column: the column behind the last character.
        text: the lines that the span touches, as they stand in the file, without their ends.
    """

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Another place that takes part in a problem, or a further fact about it."""

    message: str
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """Replace the text under ``span`` by ``replacement``."""

    span: Span
    replacement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One problem, located.

    Attributes:
        code: such as ``CMP301``; every code has a page in the register.
        severity: an error stops the build, a warning does not.
        message: what happened, what was expected, what was found; one sentence or two.
        path: where in the spec, for instance ``("sources", "a", "prefix")``.
        span: where in the text; None when the problem belongs to no line.
        notes: every other place that takes part.
        help: what to do, in words or as YAML.
        fix: edits that can be made without a decision by the user.
        case: which of the messages of its code; empty where it comes from no error.
        fields: what the message says, as data; empty where it comes from no error.
    """

    code: str
    message: str
    severity: Severity = "error"
    path: SpecPath = ()
    span: Span | None = None
    notes: tuple[Note, ...] = ()
    help: str | None = None
    fix: tuple[Edit, ...] = ()
    case: str = field(default="", compare=False)
    fields: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    def reworded(self, text: Callable[[str], str], span: Callable[[Span], Span]) -> Diagnostic:
        """Return the problem with everything that people read of it put in other words.

        Args:
            text: changes a sentence.
            span: changes a place.
        """
        return replace(
            self,
            message=text(self.message),
            span=self.span and span(self.span),
            notes=tuple(
                Note(message=text(note.message), span=note.span and span(note.span))
                for note in self.notes
            ),
            help=None if self.help is None else text(self.help),
            fix=tuple(replace(edit, span=span(edit.span)) for edit in self.fix),
        )
