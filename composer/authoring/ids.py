"""Ids of sources, the name of a spec and prefixes, from what models are called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from urllib.parse import unquote

from composer.files.suffixes import KERAS_SUFFIXES, LEGACY_SUFFIXES, SPEC_SUFFIXES
from composer.spec.affixes import affixed
from composer.spec.locations import is_remote
from composer.spec.source_forms import has_prefix

_UNFIT = re.compile(r"[^A-Za-z0-9]+")
_TELLS_NOTHING = frozenset({"", "model", "models", "weights", "export", "saved_model", "net"})
"""Names of files that say less than the folder that they lie in."""
_LONGEST_NAME = 40


def source_ids(locations: Sequence[str]) -> tuple[str, ...]:
    """Return an id for each location: its last part, with that of its folder where it takes both.

    Args:
        locations: as ``from`` has them, such as ``models/tower.keras`` or ``app:ResNet50``.
    """
    parts = [_parts(location) for location in locations]
    short = [words[-1] for words in parts]
    ids: list[str] = []
    for words, own in zip(parts, short, strict=True):
        unclear = short.count(own) > 1 or own in _TELLS_NOTHING
        wanted = "_".join(words[-2:]) if unclear and len(words) > 1 else own or "model"
        found, number = wanted, 2
        while found in ids:
            found, number = f"{wanted}_{number}", number + 1
        ids.append(found)
    return tuple(ids)


def _parts(location: str) -> list[str]:
    """Return the last two parts of a location, as they may stand in an id."""
    kind, colon, rest = location.partition(":")
    text = rest if has_prefix(location) else location
    if is_remote(text):
        text = unquote(text.partition("://")[2].partition("?")[0].rpartition("#")[2] or text)
    path = PurePath(re.sub(r"[:@]", "/", text))
    stem = path.name
    for suffix in (*KERAS_SUFFIXES, *LEGACY_SUFFIXES, *SPEC_SUFFIXES):
        stem = stem.removesuffix(suffix)
    if kind == "app" and colon:
        stem = stem.lower()
    above = [path.parent.name] if path.parent.name not in ("", ".", "..") else []
    return [_id(word) for word in (*above, stem)]


def _id(text: str) -> str:
    fitting = _UNFIT.sub("_", text).strip("_")
    return fitting if not fitting or fitting[0].isalpha() else f"m_{fitting}"


def spec_name(ids: Sequence[str]) -> str:
    """Return a name for a spec that joins these sources."""
    joined = "_".join(ids)
    return joined if len(joined) <= _LONGEST_NAME else f"{ids[0]}_and_{len(ids) - 1}_more"


def prefixes(
    ids: Sequence[str], names: Mapping[str, Sequence[str] | None], fixed: Iterable[str]
) -> Mapping[str, str]:
    """Return the prefix that each source needs; no entry for one that needs none.

    Sources that share a name all get one, so that none of them is the odd one out; the same goes
    for sources whose names nobody knows yet, as soon as there is a second source.

    Args:
        ids: of the sources.
        names: of each source's kept operations; None where they are not known.
        fixed: ids of sources with a layer that can't be renamed.
    """
    unrenamable = frozenset(fixed)
    bearers: dict[str, list[str]] = {}
    for source in ids:
        for name in names[source] or ():
            bearers.setdefault(name, []).append(source)
    colliding = {source for found in bearers.values() if len(found) > 1 for source in found}
    unknown = {source for source in ids if names[source] is None}
    if unknown and len(ids) > 1:
        colliding |= unknown
    if len(unknown) > 0 and len(ids) > 1:
        # What an unknown source brings may be named like anything: the known ones move as well.
        colliding |= set(ids)
    chosen: dict[str, str] = {}
    for source in ids:
        if source not in colliding or source in unrenamable:
            continue
        taken = {
            affixed(name, chosen.get(other, ""))
            for other in ids
            if other != source
            for name in names[other] or ()
        }
        own = names[source] or ()
        chosen[source] = _first_free(source, ids, lambda p, t=taken, o=own: _is_free(p, o, t))  # type: ignore[misc]
    return chosen


def _is_free(prefix: str, own: Iterable[str], taken: frozenset[str] | set[str]) -> bool:
    return all(affixed(name, prefix) not in taken for name in own)


def _first_free(source: str, ids: Sequence[str], free: Callable[[str], bool]) -> str:
    """Return the shortest of an id's leading words that no other id begins with, and ``_``."""
    words = source.split("_")
    others = [other.split("_") for other in ids if other != source]
    for count in range(1, len(words) + 1):
        shared = any(other[:count] == words[:count] for other in others)
        prefix = "_".join(words[:count]) + "_"
        if (not shared or count == len(words)) and free(prefix):
            return prefix
    prefix = f"{source}__"
    while not free(prefix):
        prefix += "_"
    return prefix
