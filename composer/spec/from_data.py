"""Plain data that was a spec once, as a lock holds it, to a Spec again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.spec import lower, schema
from composer.spec.model import Spec
from composer.spec.source_text import Place
from composer.spec.tree import Entry, ListNode, MapNode, Node, Scalar


def spec_from_data(
    data: Mapping[str, Any],
    *,
    file: str,
    place: Place,
    directories: Mapping[SpecPath, Path],
    written: Node | None = None,
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Read a spec that was resolved already: nothing is extended and nothing interpolated.

    Args:
        data: maps, lists, text, numbers, booleans and nothing.
        file: path of the spec that it was.
        place: where all of it stands, for diagnostics.
        directories: what relative paths below a path of the spec belong to, where that is not
            the folder of ``place``.
        written: the text of ``data`` as a tree, for the place of each value; None where that is
            not known.

    Returns:
        What :func:`composer.spec.reading.read_spec` returns.
    """
    root = _node(data, (), written, _Origin(place, directories))
    checked = schema.check(root)
    spec, found = lower.lower(checked, file=file, known=lower.ids(root))
    return spec, (*checked.diagnostics, *found)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where data stands as a whole, and what relative paths in it belong to."""

    place: Place
    directories: Mapping[SpecPath, Path]


def _node(value: Any, path: SpecPath, written: Node | None, origin: _Origin) -> Node:
    place = origin.place if written is None else written.place
    if isinstance(value, Mapping):
        known = written.entries if isinstance(written, MapNode) else {}
        entries = {}
        for name, item in value.items():
            key = str(name)
            entry = known.get(key)
            entries[key] = Entry(
                place if entry is None else entry.key_place,
                _node(item, (*path, key), None if entry is None else entry.node, origin),
            )
        return MapNode(entries=entries, place=place)
    if isinstance(value, list | tuple):
        stand = written.items if isinstance(written, ListNode) else ()
        items = (
            _node(item, (*path, index), stand[index] if index < len(stand) else None, origin)
            for index, item in enumerate(value)
        )
        return ListNode(items=tuple(items), place=place)
    parents = (path[:length] for length in range(len(path), -1, -1))
    found = (origin.directories[parent] for parent in parents if parent in origin.directories)
    directory = next(found, origin.place.source.directory)
    return Scalar(value=value, place=place, directory=directory)
