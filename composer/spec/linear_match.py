"""Regular expressions whose match takes time in proportion to pattern and name, and no more.

Python's own engine tries every way in which a pattern can match, one after the other: a spec with
``(a+)+$`` would hold ``compose validate`` for hours. It is asked only where the pattern leaves few
ways. Anything else runs on a program that tries nothing twice (:mod:`.pattern_program`).
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from composer.spec.pattern_program import Machine, TooCostlyError, compiled, parsed, ways

__all__ = ["Matched", "Pattern", "TooCostlyError", "pattern"]

FEW_WAYS = 4_000
"""Python's engine is asked where it can't try more ways than this."""
_USUAL_LENGTH = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """One match.

    Attributes:
        start: index of the first character.
        end: index behind the last one.
        groups: start and end of each group, from the first; None where it took no part.
    """

    start: int
    end: int
    groups: tuple[tuple[int, int] | None, ...]


@dataclass(slots=True)
class Pattern:
    """A compiled pattern.

    Attributes:
        text: as it was written.
    """

    text: str
    _python: re.Pattern[str]
    _tree: Any
    _machine: Machine | None = None
    _known_ways: dict[int, int] = field(default_factory=dict)

    @property
    def steps(self) -> int:
        """Instructions that matches have taken so far, where Python's engine was not asked."""
        return 0 if self._machine is None else self._machine.steps

    def fullmatch(self, name: str) -> Matched | None:
        """Return the match of all of ``name``, the one that Python's engine would find.

        Raises:
            TooCostlyError: pattern and name are too large together.
        """
        if not self.needs_machine(len(name)):
            return _of_python(self._python.fullmatch(name))
        return self._run(name, (0,), whole=True)

    def search(self, name: str) -> Matched | None:
        """Return the first match anywhere in ``name``.

        Raises:
            TooCostlyError: pattern and name are too large together.
        """
        if self._ways(len(name)) * (len(name) + 1) <= FEW_WAYS:
            return _of_python(self._python.search(name))
        return self._run(name, range(len(name) + 1), whole=False)

    def expand(self, template: str, name: str) -> str | None:
        r"""Return ``template`` with ``\1`` and the like filled in; None where nothing matches.

        Args:
            template: as for ``re.sub``.
            name: that has to match as a whole.

        Raises:
            TooCostlyError: pattern and name are too large together.
        """
        found = self.fullmatch(name)
        if found is None:
            return None
        # Python expands templates for its own matches only: this one has the same groups, each
        # at its place, and nothing to try.
        names = {number: text for text, number in self._python.groupindex.items()}
        groups = ""
        for number, span in enumerate(found.groups, start=1):
            opening = f"(?P<{names[number]}>" if number in names else "("
            groups += (
                f"(?:(?!){opening}))?"
                if span is None
                else f"(?=.{{{span[0]}}}{opening}.{{{span[1] - span[0]}}}))"
            )
        same = re.fullmatch(f"{groups}.*", name, re.DOTALL)
        assert same is not None
        return same.expand(template)

    def needs_machine(self, length: int) -> bool:
        """Tell whether a name of this length is too much for Python's engine."""
        return self._ways(length) > FEW_WAYS

    def _ways(self, length: int) -> int:
        if length not in self._known_ways:
            self._known_ways[length] = ways(self._tree, length, FEW_WAYS)
        return self._known_ways[length]

    def _run(self, name: str, starts: Sequence[int], *, whole: bool) -> Matched | None:
        found = self.machine().run(name, starts, whole=whole)
        if found is None:
            return None
        start, end, saved = found
        groups = tuple(
            None if first is None or last is None else (first, last)
            for first, last in zip(saved[::2], saved[1::2], strict=True)
        )
        return Matched(start=start, end=end, groups=groups)

    def machine(self) -> Machine:
        """Return what matches the pattern where Python's engine is not asked.

        Raises:
            TooCostlyError: there can be none.
        """
        if self._machine is None:
            program = compiled(self._tree, self._python.flags & ~(re.DEBUG | re.VERBOSE))
            self._machine = Machine(program, self._python.groups)
        return self._machine


@functools.lru_cache(maxsize=512)
def pattern(text: str, flags: int = 0) -> Pattern:
    """Return a compiled pattern.

    Args:
        text: a regular expression of Python.
        flags: of ``re``.

    Raises:
        re.error, RecursionError, OverflowError: it is not one.
        TooCostlyError: it needs what can't be had in bounded time, such as a backreference,
            or is too long with its repetitions written out.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice on patterns is for programmers
        found = Pattern(text, re.compile(text, flags), parsed(text, flags))
        if found.needs_machine(_USUAL_LENGTH):
            found.machine()  # what can't be matched is said now, not when it meets such a name
    return found


def _of_python(match: re.Match[str] | None) -> Matched | None:
    if match is None:
        return None
    spans = (match.span(number) for number in range(1, match.re.groups + 1))
    groups = tuple(None if span[0] < 0 else span for span in spans)
    return Matched(start=match.start(), end=match.end(), groups=groups)
