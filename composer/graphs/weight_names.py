"""Whether layers that were paired by their order bear the names that say so too."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

_NUMBERED = re.compile(r"(.+?)(?:_(\d+))?")

Pair = tuple[str, str]
"""The name of a layer of the architecture, and of the layer of the file that it was paired with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What the names of paired layers say.

    Attributes:
        crossed: pairs of which one name belongs to another pair: order and names contradict.
        renamed: pairs whose names have nothing to do with each other.
    """

    crossed: tuple[Pair, ...] = ()
    renamed: tuple[Pair, ...] = ()


def agreement(pairs: Sequence[Pair], automatic: AbstractSet[str]) -> Agreement:
    """Hold the names of paired layers against each other.

    Names that Keras counts up (``dense``, ``dense_1``) depend on what else a process made, so of
    these only the order of their numbers counts: ``dense_4, dense_5`` agrees with
    ``dense, dense_1``, and not with ``dense_1, dense``.

    Args:
        pairs: layers that have weights, of one model.
        automatic: stems of names that Keras gives by itself, such as ``dense``.
    """
    ours = _ranked([one for one, _ in pairs], automatic)
    theirs = _ranked([other for _, other in pairs], automatic)
    known, found = set(ours.values()), set(theirs.values())
    differing = [
        (one, other)
        for one, other in pairs
        if one != other and ours[one] != theirs[other]
    ]  # fmt: skip
    crossed = [
        (one, other) for one, other in differing if theirs[other] in known or ours[one] in found
    ]
    return Agreement(
        crossed=tuple(crossed), renamed=tuple(pair for pair in differing if pair not in crossed)
    )


def _ranked(names: Sequence[str], automatic: AbstractSet[str]) -> Mapping[str, str | Pair]:
    """Return for each name itself, or for one that Keras gave its stem and its place in it."""
    stems: dict[str, list[tuple[int, str]]] = {}
    ranked: dict[str, str | Pair] = {name: name for name in names}
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match is not None and match[1] in automatic:
            stems.setdefault(match[1], []).append((int(match[2] or 0), name))
    for stem, members in stems.items():
        for place, (_, name) in enumerate(sorted(members)):
            ranked[name] = (stem, str(place))
    return ranked
