"""Repetition, folded: so that a model of thousands of layers is read on one page.

All nodes of a source are put in an order in which each comes after what it takes and branches stay
together. Any stretch of such an order can be drawn as one node without making a circle, so that
folding is cutting the order into stretches: first where the numbered parts of names change
(``conv2_block1_…``), then where a pattern of classes and connections comes again. The finest cut
that fits a page is taken, and what is inside a stretch is folded by the same rule.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby, islice

from composer.views.picture.model import LEFT_OUT, Arrow, Fold, Node

PAGE = 30
"""How many nodes of a source are shown at once."""
_LONGEST_PATTERN = 160
_NUMBERED = re.compile(r"\d[a-z]?$", re.IGNORECASE)
_DIMENSIONS = re.compile(r"[123]d$", re.IGNORECASE)
_TOKENS = re.compile(r"[^_./\-]+")
_SMALL = 4
_MOST_TOKENS = 40
_MOST_STEMS = 8
"""So many levels of numbers a name has for folding; each one is a way to cut that is tried."""


def folded(nodes: Mapping[str, Node], edges: Sequence[Arrow]) -> tuple[str | Fold, ...]:
    """Return all nodes, those of large sources in folds; the same for the same picture."""
    folder = _Folder.of(nodes, edges)
    found: list[str | Fold] = []
    scopes: dict[str, list[str]] = {}
    for id_, node in nodes.items():
        plain = node.kind in ("input", "output", "new")
        scopes.setdefault(id_ if plain else f"in {node.box}, {node.kind in LEFT_OUT}", []).append(
            id_
        )
    for members in scopes.values():
        found.extend(folder.fold(members))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Folder:
    nodes: Mapping[str, Node]
    producers: Mapping[str, tuple[str, ...]]
    consumers: Mapping[str, tuple[str, ...]]
    numbers: count[int]

    @classmethod
    def of(cls, nodes: Mapping[str, Node], edges: Sequence[Arrow]) -> _Folder:
        producers: dict[str, dict[str, None]] = {id_: {} for id_ in nodes}
        consumers: dict[str, dict[str, None]] = {id_: {} for id_ in nodes}
        for edge in edges:
            producers[edge.end][edge.start] = None
            consumers[edge.start][edge.end] = None
        return cls(
            nodes,
            {id_: tuple(found) for id_, found in producers.items()},
            {id_: tuple(found) for id_, found in consumers.items()},
            count(),
        )

    def fold(self, members: Sequence[str]) -> tuple[str | Fold, ...]:
        """Cut ``members`` into as many stretches as a page shows."""
        if len(members) <= PAGE:
            return tuple(members)
        order = self._order(members)
        best = self._finest(order)
        if len(best) > PAGE:
            best = _chunks(best)
        if len(best) == 1 and self._times(best[0]) in (1, len(order)):
            # One fold with all in it would say nothing.
            best = _chunks([[id_] for id_ in order])
        room = PAGE - len(best)
        result: list[str | Fold] = []
        for stretch in best:
            times = self._times(stretch)
            if len(stretch) == 1 or (times == 1 and len(stretch) <= min(_SMALL, room + 1)):
                room -= len(stretch) - 1
                result.extend(stretch)
            else:
                result.append(self._fold(stretch, times))
        return tuple(result)

    def _finest(self, order: Sequence[str]) -> list[list[str]]:
        """Return the finest cut that fits a page, else the coarsest: names before patterns."""
        levels = max(len(_stems(self.nodes[id_].original)) for id_ in order)
        by_name = [self._by_name(order, level) for level in reversed(range(levels))]
        cuts = [cut for cut in by_name if cut is not None]
        found = [self._repeats(cut) for cut in (*cuts, [[id_] for id_ in order])]
        fitting = (cut for cut in found if len(cut) <= PAGE)
        return next(fitting, None) or min(found, key=len)

    def _fold(self, stretch: Sequence[str], times: int) -> Fold:
        id_ = f"f{next(self.numbers)}"
        name = self._name(stretch)
        if times == 1:
            return Fold(id=id_, name=name, members=self.fold(stretch))
        unit = len(stretch) // times
        units = [stretch[start : start + unit] for start in range(0, len(stretch), unit)]
        if unit == 1:
            return Fold(id=id_, name=name, members=self.fold(stretch), times=times)
        members = tuple(self._fold(part, 1) for part in units)
        return Fold(id=id_, name=name, members=members, times=times)

    def _name(self, stretch: Sequence[str]) -> str:
        """Name a fold by what its layers are called in their source, behind the source's prefix."""
        first = self.nodes[stretch[0]]
        own = first.name.endswith(first.original)
        prefix = first.name.removesuffix(first.original) if own else ""
        parts = _common([self.nodes[id_].original for id_ in stretch])
        return " … ".join(f"{prefix}{part}" for part in parts)

    def _order(self, members: Sequence[str]) -> list[str]:
        """Put members after what they take, branches together: depth first, from the ends."""
        inside = frozenset(members)
        ends = [m for m in members if not any(c in inside for c in self.consumers[m])]
        done: dict[str, None] = {}
        entered: set[str] = set()
        # A model that calls a layer on what it gave itself has no ends: then all are.
        for end in (*ends, *members):
            stack = [(end, False)]
            while stack:
                id_, left = stack.pop()
                if left:
                    done.setdefault(id_)
                elif id_ not in entered:
                    entered.add(id_)
                    stack.append((id_, True))
                    stack.extend((p, False) for p in reversed(self.producers[id_]) if p in inside)
        return list(done)

    def _by_name(self, order: Sequence[str], level: int) -> list[list[str]] | None:
        """Cut where the numbered beginning of names changes; None where that tears blocks apart."""
        keys: dict[str, str] = {}
        above: set[str] = set()
        for id_ in order:
            stems = _stems(self.nodes[id_].original)
            keys[id_] = stems[min(level, len(stems) - 1)] if stems else f" {id_}"
            above.update(stems[: min(level, len(stems) - 1)])
        # Where conv2_block1_add stands beside conv2_block1_1_bn, the longer ones are parts of it.
        if above & set(keys.values()):
            return None
        return [list(group) for _, group in groupby(order, key=lambda id_: keys[id_])]

    def _shape(self, stretch: Sequence[str]) -> tuple[object, ...]:
        """Return what a stretch is made of: classes, and who takes from whom inside it."""
        places = {id_: place for place, id_ in enumerate(stretch)}
        return tuple(
            (
                self.nodes[id_].class_name,
                tuple(places.get(producer, -1) for producer in self.producers[id_]),
            )
            for id_ in stretch
        )

    def _times(self, stretch: Sequence[str]) -> int:
        """Return how often the smallest pattern of a stretch comes in it."""
        size = len(stretch)
        for unit in range(1, size // 2 + 1):
            if size % unit == 0:
                parts = [self._shape(stretch[at : at + unit]) for at in range(0, size, unit)]
                if all(part == parts[0] for part in parts):
                    return size // unit
        return 1

    def _repeats(self, cut: list[list[str]]) -> list[list[str]]:
        """Join neighbouring stretches in which a pattern comes again."""
        place = {id_: at for at, stretch in enumerate(cut) for id_ in stretch}
        shapes = [self._shape(stretch) for stretch in cut]
        reach = [
            tuple(
                sorted(
                    {at - place.get(p, -1) for id_ in stretch for p in self.producers[id_]} - {0}
                )
            )
            for at, stretch in enumerate(cut)
        ]
        numbers: dict[object, int] = {}
        found: list[tuple[int, int, int, int]] = []
        for period in range(1, min(_LONGEST_PATTERN, len(cut) // 2) + 1):
            looks = [
                numbers.setdefault(
                    (shapes[at], tuple(min(far, period + 1) for far in reach[at])), len(numbers)
                )
                for at in range(len(cut))
            ]
            equal = [looks[at] == looks[at + period] for at in range(len(cut) - period)]
            at = 0
            for same, group in groupby(equal):
                length = len(list(group))
                if same and length >= period:
                    found.append((-((length + period) // period * period), period, at, length))
                at += length
        crossing = self._crossing(cut, place)
        taken = [False] * len(cut)
        joined: dict[int, int] = {}
        # Blocks with names are what a person counts; of bare layers the most that can be joined.
        named = any(len(stretch) > 1 for stretch in cut)
        for _, period, start, length in sorted(found, key=lambda f: (f[1] if named else 0, f)):
            times = (length + period) // period
            spare = (length + period) % period
            phases = range(start, start + spare + 1)
            first = min(phases, key=lambda at: (crossing[at], at))
            end = first + times * period
            few = sum(len(s) for s in cut[first:end]) == times  # single layers, one after another
            if any(taken[first:end]) or (few and times <= _SMALL):
                continue
            taken[first:end] = [True] * (end - first)
            joined[first] = end
        result, at = [], 0
        while at < len(cut):
            end = joined.get(at, at + 1)
            result.append([id_ for stretch in cut[at:end] for id_ in stretch])
            at = end
        return result

    def _crossing(self, cut: Sequence[Sequence[str]], place: Mapping[str, int]) -> list[int]:
        """Return for each place in the order how many tensors go over it."""
        crossing = [0] * (len(cut) + 1)
        for id_, at in place.items():
            last = max((place.get(c, at) for c in self.consumers[id_]), default=at)
            for between in range(at + 1, last + 1):
                crossing[between] += 1
        return crossing


@functools.lru_cache(maxsize=20_000)
def _stems(name: str) -> tuple[str, ...]:
    """Return the beginnings of a name that end with a number, the shortest first, a few at most."""
    ends = (match.end() for match in islice(_TOKENS.finditer(name), _MOST_TOKENS))
    beginnings = [(name[:end], name[max(end - 2, 0) : end]) for end in tuple(ends)[:-1]]
    numbered = (
        beginning
        for beginning, last in beginnings
        if _NUMBERED.search(last) and not _DIMENSIONS.search(last)
    )
    return tuple(islice(numbered, _MOST_STEMS))


def _chunks(stretches: Sequence[Sequence[str]]) -> list[list[str]]:
    """Join neighbours until a page holds them, evenly."""
    size = -(-len(stretches) // PAGE)
    return [
        [id_ for stretch in stretches[at : at + size] for id_ in stretch]
        for at in range(0, len(stretches), size)
    ]


def _common(names: Sequence[str]) -> tuple[str, ...]:
    """Return the numbered beginning of all names, or those of the first and the last."""
    stems = [_stems(name) for name in names]
    shared = [stem for stem in stems[0] if all(stem in other for other in stems)]
    ends = stems[0], stems[-1]
    if shared and (len(shared) > 1 or all(len(set(map(tuple, ends))) == 1 for _ in ends)):
        return (shared[-1],)
    deepest = min((len(s) for s in stems), default=0)
    if deepest:
        first, last = ends[0][deepest - 1], ends[1][deepest - 1]
        return (first,) if first == last else (first, last)
    return names[0], names[-1]
