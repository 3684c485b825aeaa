"""The text of a spec file or an override, and the places in it."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from composer.diagnostics.diagnostic import Span

COMMAND_LINE = "<command line>"

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True)
class SourceText:
    """A text with a name.

    Attributes:
        file: as the user gave it, or ``<command line>``.
        text: the whole text.
        directory: what relative paths written in this text belong to.
    """

    file: str
    text: str
    directory: Path

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    @cached_property
    def _lines(self) -> dict[int, str]:
        return {}

    def line(self, number: int) -> str:
        """Return line ``number`` (from 1) without its end; the same object each time.

        Of a spec in one line each of many problems would otherwise hold a copy.
        """
        if number not in self._lines:
            self._lines[number] = self._cut(number)
        return self._lines[number]

    def _cut(self, number: int) -> str:
        start = self._starts[number - 1]
        end = self._starts[number] if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    def line_column(self, offset: int) -> tuple[int, int]:
        """Return line and column, both counted from 1, of the character at ``offset``."""
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line_bounds(self, offset: int) -> tuple[int, int]:
        """Return the offsets where the line of ``offset`` begins and where its text ends."""
        number, column = self.line_column(offset)
        start = offset - column + 1
        return start, start + len(self.line(number))

    def span(self, start: int, end: int) -> Span:
        """Return the span from offset ``start`` up to, not including, offset ``end``."""
        start = min(start, len(self.text))
        end = min(max(start, end), len(self.text))
        line, column = self.line_column(start)
        end_line, end_column = self.line_column(end)
        return Span(
            file=self.file,
            line=line,
            column=column,
            end_line=end_line,
            end_column=end_column,
            text=tuple(self.line(number) for number in range(line, end_line + 1)),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A range of one text. The span, which copies lines, is made only when it is shown."""

    source: SourceText
    start: int
    end: int

    @property
    def span(self) -> Span:
        """The place as a span."""
        return self.source.span(self.start, self.end)

    @property
    def text(self) -> str:
        """What stands there."""
        return self.source.text[self.start : self.end]
