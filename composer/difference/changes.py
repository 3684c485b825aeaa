"""The one comparison of plain data: which fields of two documents differ, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_DIGEST = 64
Leaves = Mapping[tuple[str, ...], Any]


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = _Missing()
"""Stands for the value of a field that a document does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A field in which two documents differ.

    Attributes:
        path: of the field, such as ``("sources", "tower", "sha256")``.
        before: its value in the first; ``MISSING`` where that has no such field.
        now: its value in the second.
        meaning: what such a change means, in a word that the comparer's own room knows.
    """

    path: tuple[str, ...]
    before: Any
    now: Any
    meaning: str = ""

    @property
    def field(self) -> str:
        """The field as text."""
        return ".".join(self.path)

    @property
    def in_both(self) -> bool:
        """Whether both documents have the field."""
        return MISSING not in (self.before, self.now)

    def __str__(self) -> str:
        return f"{self.field}: locked {_shown(self.before)}, found {_shown(self.now)}"


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return all fields in which two documents differ, in the order of the first one.

    A map that is empty on one side and filled on the other differs in its entries alone.
    """
    old, new = dict(leaves(before)), dict(leaves(now))
    return tuple(
        Change(path=path, before=old.get(path, MISSING), now=new.get(path, MISSING))
        for path in dict.fromkeys((*old, *new))
        if not _equal(old.get(path, MISSING), new.get(path, MISSING))
        and not (_filled(path, old, new) or _filled(path, new, old))
    )


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every field that holds no map, an empty map included."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, str(key)))
    else:
        yield path, value


def _filled(path: tuple[str, ...], empty: Leaves, other: Leaves) -> bool:
    """Tell whether a map that is empty here has entries there."""
    return (
        empty.get(path, MISSING) == {}
        and path not in other
        and any(more[: len(path)] == path for more in other)
    )


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two values are the same in JSON, where ``true`` is not 1 and 1.0 is."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _shown(value: Any) -> str:
    if isinstance(value, str) and len(value) == _DIGEST:
        return f"{value[:12]}…"
    return repr(value)
