"""The program of a regular expression: a few instructions, and the machine that runs them.

It is the "bit-state backtracker" of RE2: ways are tried in the order in which Python's engine tries
them, so that the groups are the same, but an instruction that failed at a place is never tried at
that place again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from re import _constants, _parser  # type: ignore[attr-defined]  # no stubs; held by the tests
from typing import Any

MOST_INSTRUCTIONS = 5_000
"""How long a program may be, with counted repetitions written out."""
MOST_STEPS = 4_000_000
"""Instructions times characters of one match; a name of 60 letters never comes near it."""

_MAX = int(_constants.MAXREPEAT)
_REPEATS = {
    _constants.MAX_REPEAT,
    _constants.MIN_REPEAT,
    getattr(_constants, "POSSESSIVE_REPEAT", None),
}
_ONE_CHARACTER = {_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN}
_LOOKS = {_constants.ASSERT, _constants.ASSERT_NOT}
_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
_PLACES = {
    "AT_BEGINNING": "^", "AT_BEGINNING_STRING": r"\A", "AT_END": "$", "AT_END_STRING": r"\Z",
    "AT_BOUNDARY": r"\b", "AT_NON_BOUNDARY": r"\B",
}  # fmt: skip

Saved = list[int | None]
"""Where each group starts and ends."""


class TooCostlyError(ValueError):
    """A pattern, or a pattern on one name, that can't be matched in bounded time."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction.

    Attributes:
        kind: ``take`` a character that ``test`` accepts, ``hold`` where ``look`` accepts the place,
            ``save`` the place in ``slot``, ``split`` into ``ways``, or ``end``.
    """

    kind: str
    test: Callable[[str], bool] = bool
    look: Callable[[str, int], bool] = lambda _name, _at: False
    slot: int = 0
    ways: tuple[int, ...] = ()


@dataclass(slots=True)
class Machine:
    """A program, and how much it has run.

    Attributes:
        steps: instructions that were carried out so far.
    """

    program: tuple[Instruction, ...]
    groups: int
    steps: int = 0

    def run(
        self, name: str, starts: Sequence[int], *, whole: bool
    ) -> tuple[int, int, Saved] | None:
        """Return start, end and groups of the first match that begins at one of ``starts``.

        Args:
            name: to match.
            starts: places, tried in this order.
            whole: whether the match has to reach the end of ``name``.

        Raises:
            TooCostlyError: program and name are too large together.
        """
        if len(self.program) * (len(name) + 1) > MOST_STEPS:
            raise TooCostlyError(f"it would take too long on a name of {len(name):,} characters")
        tried: set[int] = set()
        for start in starts:
            found = self._from(start, name, tried, whole=whole)
            if found is not None:
                return (start, *found)
        return None

    def _from(
        self, at: int, name: str, tried: set[int], *, whole: bool
    ) -> tuple[int, Saved] | None:
        """Try the ways from one place in order; ``tried`` keeps what failed.

        A way is one number, instruction times width plus place; a negative one takes back what a
        group was before.
        """
        width = len(name) + 1
        saved: Saved = [None] * (2 * self.groups)
        waiting: list[tuple[int, int | None]] = [(at, None)]
        while waiting:
            state, old = waiting.pop()
            if state < 0:
                saved[-1 - state] = old
            while state >= 0 and state not in tried:
                tried.add(state)
                self.steps += 1
                number, at = divmod(state, width)
                step = self.program[number]
                if step.kind == "end":
                    if not whole or at == len(name):
                        return at, saved
                    break
                state = _next(step, state, at, name)
                if step.kind == "save":
                    waiting.append((-1 - step.slot, saved[step.slot]))
                    saved[step.slot] = at
                elif step.kind == "split":
                    waiting.extend((way * width + at, None) for way in reversed(step.ways[1:]))
        return None


def _next(step: Instruction, state: int, at: int, name: str) -> int:
    """Return the way on from an instruction at a place, a negative number where there is none."""
    width = len(name) + 1
    match step.kind:
        case "take":
            return state + width + 1 if at < len(name) and step.test(name[at]) else -1
        case "hold":
            return state + width if step.look(name, at) else -1
        case "split":
            return step.ways[0] * width + at
        case _:
            return state + width


def parsed(text: str, flags: int) -> Any:
    """Return the tree that Python's own parser makes of a pattern.

    Raises:
        re.error, RecursionError, OverflowError: it is none.
    """
    return _parser.parse(text, flags)


def ways(tree: Any, length: int, most: int) -> int:
    """Return how many ways Python's engine could try on a name, or more than ``most``.

    A repetition of more than single characters counts as too many: it can multiply them.
    """
    found = 1
    for kind, value in tree:
        if kind in _REPEATS:
            low, high, body = value
            if len(body) != 1 or body[0][0] not in _ONE_CHARACTER:
                return most + 1
            found *= max(min(int(high), length) - int(low), 0) + 1
        elif kind is _constants.SUBPATTERN:
            found *= ways(value[3], length, most)
        elif kind is _constants.BRANCH:
            found *= sum(ways(way, length, most) for way in value[1])
        elif kind not in _ONE_CHARACTER and kind is not _constants.AT:
            return most + 1
        if found > most:
            return found
    return found


def compiled(tree: Any, flags: int) -> tuple[Instruction, ...]:
    """Return the program of a pattern.

    Args:
        tree: of :func:`parsed`.
        flags: of ``re``.

    Raises:
        TooCostlyError: it would be too long, or holds what needs more than bounded time.
    """
    program: list[Instruction] = []
    _Compiler(program).sequence(tree, flags & ~(re.DEBUG | re.VERBOSE))
    program.append(Instruction("end"))
    return tuple(program)


class _Compiler:
    """Writes the program of a pattern, from the tree that Python's parser makes of it."""

    def __init__(self, program: list[Instruction]) -> None:
        self._program = program

    def sequence(self, tree: Any, flags: int) -> None:
        for kind, value in tree:
            self._one(kind, value, flags)
            self._check_size()

    def _check_size(self) -> None:
        if len(self._program) > MOST_INSTRUCTIONS:
            raise TooCostlyError("with its repetitions written out it is too long")

    def _add(self, step: Instruction) -> int:
        self._program.append(step)
        return len(self._program) - 1

    def _one(self, kind: Any, value: Any, flags: int) -> None:
        if kind in _ONE_CHARACTER:
            self._add(Instruction("take", test=_character(kind, value, flags)))
        elif kind is _constants.AT:
            self._add(Instruction("hold", look=_place(_PLACES[str(value)], flags)))
        elif kind is _constants.SUBPATTERN:
            group, added, removed, body = value
            if group is not None:
                self._add(Instruction("save", slot=2 * group - 2))
            self.sequence(body, (flags | added) & ~removed)
            if group is not None:
                self._add(Instruction("save", slot=2 * group - 1))
        elif kind is _constants.BRANCH:
            self._branch(value[1], flags)
        elif kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
            low, high, body = value
            lazy = kind is _constants.MIN_REPEAT
            self._repeat(int(low), int(high), body, flags, lazy=lazy)
        elif kind in _LOOKS:
            direction, body = value
            wanted = kind is _constants.ASSERT
            self._add(Instruction("hold", look=_look(body, flags, direction, wanted=wanted)))
        elif kind is _constants.FAILURE:
            self._add(Instruction("take", test=lambda _: False))
        else:
            raise TooCostlyError(
                "groups that come again (\\1), conditions and atomic groups can't be matched in "
                "bounded time"
            )

    def _branch(self, ways: Sequence[Any], flags: int) -> None:
        split = self._add(Instruction("split"))
        starts, ends = [], []
        for way in ways:
            starts.append(len(self._program))
            self.sequence(way, flags)
            ends.append(self._add(Instruction("split")))
        self._program[split] = Instruction("split", ways=tuple(starts))
        for end in ends:
            self._program[end] = Instruction("split", ways=(len(self._program),))

    def _repeat(self, low: int, high: int, body: Any, flags: int, *, lazy: bool) -> None:
        # Python ends a loop at an empty turn, by rules that depend on the other ways of that turn.
        if body.getwidth()[0] == 0 and _holds(body, _is_group_or_choice):
            raise TooCostlyError("a part that can be empty is repeated")
        for _ in range(low):
            self.sequence(body, flags)
            self._check_size()
        if high == _MAX:
            loop = self._add(Instruction("split"))
            self.sequence(body, flags)
            self._add(Instruction("split", ways=(loop,)))
            self._program[loop] = self._fork(loop + 1, len(self._program), lazy=lazy)
            return
        forks = []
        for _ in range(high - low):
            forks.append(self._add(Instruction("split")))
            self.sequence(body, flags)
            self._check_size()
        for fork in forks:
            self._program[fork] = self._fork(fork + 1, len(self._program), lazy=lazy)

    def _fork(self, again: int, on: int, *, lazy: bool) -> Instruction:
        return Instruction("split", ways=(on, again) if lazy else (again, on))


def _holds(tree: Any, wanted: Callable[[Any, Any], bool]) -> bool:
    """Tell whether a tree holds a node, at any depth, that ``wanted`` accepts."""
    for kind, value in tree:
        if wanted(kind, value):
            return True
        inner: Sequence[Any] = ()
        if kind is _constants.SUBPATTERN:
            inner = (value[3],)
        elif kind is _constants.BRANCH:
            inner = value[1]
        elif kind in _REPEATS:
            inner = (value[2],)
        if any(_holds(body, wanted) for body in inner):
            return True
    return False


def _is_group(kind: Any, value: Any) -> bool:
    return kind is _constants.SUBPATTERN and value[0] is not None


def _is_group_or_choice(kind: Any, value: Any) -> bool:
    return kind in (_constants.BRANCH, _constants.AT) or _is_group_or_look(kind, value)


def _is_group_or_look(kind: Any, value: Any) -> bool:
    return kind in _LOOKS or _is_group(kind, value)


def _character(kind: Any, value: Any, flags: int) -> Callable[[str], bool]:
    """Return the test of one character; Python's engine makes it, and each answer is kept."""
    if kind is _constants.ANY:
        text = "."
    elif kind is _constants.LITERAL:
        text = re.escape(chr(value))
    elif kind is _constants.NOT_LITERAL:
        text = f"[^{re.escape(chr(value))}]"
    else:
        text = f"[{''.join(_member(*item) for item in value)}]"
    return _tested(text, flags)


@functools.lru_cache(maxsize=2048)
def _tested(text: str, flags: int) -> Callable[[str], bool]:
    compiled = re.compile(text, flags)

    @functools.cache
    def test(char: str) -> bool:
        return compiled.match(char) is not None

    return test


def _member(kind: Any, value: Any) -> str:
    if kind is _constants.NEGATE:
        return "^"
    if kind is _constants.RANGE:
        return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
    if kind is _constants.CATEGORY:
        return _CATEGORIES[str(value)]
    return re.escape(chr(value))


def _place(text: str, flags: int) -> Callable[[str, int], bool]:
    compiled = re.compile(text, flags)
    return lambda name, at: compiled.match(name, at) is not None


def _look(body: Any, flags: int, direction: int, *, wanted: bool) -> Callable[[str, int], bool]:
    """Return the test of what lies ahead of a place, or behind it.

    One that is inside another would multiply the time again and is refused.
    """
    if _holds(body, _is_group_or_look):
        raise TooCostlyError("a group or another look inside (?=…), (?!…), (?<=…) or (?<!…)")
    inner = Machine(compiled(body, flags), groups=0)
    width = body.getwidth()[0]

    def look(name: str, at: int) -> bool:
        if len(inner.program) * (len(name) + 1) ** 2 > MOST_STEPS:
            raise TooCostlyError(
                f"a look ahead or behind would take too long on a name of {len(name):,} characters"
            )
        start = at if direction > 0 else at - width
        text = name if direction > 0 else name[:at]
        found = start >= 0 and inner.run(text, (start,), whole=direction < 0) is not None
        return found is wanted

    return look
