"""The keys that the schema of specs knows at a place."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

from composer.spec.schema_file import schema_text


@functools.cache
def _schema() -> Any:
    return json.loads(schema_text("spec"))


@functools.cache
def keys_at(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that a map at ``path`` can have; none where it takes any.

    Args:
        path: keys from the root of a spec; those that the user chooses, such as ids of sources,
            stand as what they are.
    """
    root = _schema()
    places = [root]
    for key in path:
        places = [below for place in places for below in _below(root, place, key)]
    found = (key for place in places for shape in _shapes(root, place) for key in _known(shape))
    return tuple(dict.fromkeys(found))


def _known(shape: Any) -> Iterator[str]:
    yield from shape.get("properties", ())


def _below(root: Any, place: Any, key: str) -> Iterator[Any]:
    for shape in _shapes(root, place):
        known = shape.get("properties", {})
        if key in known:
            yield known[key]
        elif isinstance(shape.get("additionalProperties"), dict):
            yield shape["additionalProperties"]


def _shapes(root: Any, place: Any) -> Iterator[Any]:
    """Yield a schema, what it refers to and its branches."""
    if "$ref" in place:
        below = root
        for step in place["$ref"].removeprefix("#/").split("/"):
            below = below[step]
        yield from _shapes(root, below)
    yield place
    for branches in ("anyOf", "oneOf", "allOf"):
        for branch in place.get(branches, ()):
            yield from _shapes(root, branch)
