"""Plain data that was a spec once, as a lock holds it, to a Spec again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.diagnostics.diagnostic import Diagnostic, SpecPath
from composer.spec import lower, schema
from composer.spec.model import Spec
from composer.spec.source_text import Place
from composer.spec.tree import Entry, ListNode, MapNode, Node, Scalar


def spec_from_data(
    data: Mapping[str, Any], *, file: str, place: Place, directories: Mapping[SpecPath, Path]
) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """Read a spec that was resolved already: nothing is extended and nothing interpolated.

    Args:
        data: maps, lists, text, numbers, booleans and nothing.
        file: path of the spec that it was.
        place: where all of it stands, for diagnostics.
        directories: what relative paths below a path of the spec belong to, where that is not
            the folder of ``place``.

    Returns:
        What :func:`composer.spec.reading.read_spec` returns.
    """
    root = _node(data, (), place, directories)
    checked = schema.check(root)
    spec, found = lower.lower(checked, file=file, known=lower.ids(root))
    return spec, (*checked.diagnostics, *found)


def _node(value: Any, path: SpecPath, place: Place, directories: Mapping[SpecPath, Path]) -> Node:
    if isinstance(value, Mapping):
        entries = {
            str(key): Entry(place, _node(item, (*path, str(key)), place, directories))
            for key, item in value.items()
        }
        return MapNode(entries=entries, place=place)
    if isinstance(value, list | tuple):
        items = (
            _node(item, (*path, index), place, directories) for index, item in enumerate(value)
        )
        return ListNode(items=tuple(items), place=place)
    parents = (path[:length] for length in range(len(path), -1, -1))
    found = (directories[parent] for parent in parents if parent in directories)
    return Scalar(value=value, place=place, directory=next(found, place.source.directory))
