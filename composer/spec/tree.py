"""YAML as immutable data in which every key and value knows its place and its history."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from composer.diagnostics.diagnostic import Note, SpecPath
from composer.spec.source_text import Place

ScalarValue = str | int | float | bool | None


_HISTORY = {
    "alias": "through *{}, set here",
    "interpolation": "through ${{{}}}, set here",
    "extends": "through 'extends' here",
    "replaces": "it replaces the value set here",
}


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """A step of a value's history: how it came, the place of that, and the name it came under."""

    how: Literal["alias", "interpolation", "extends", "replaces"]
    place: Place
    name: str = ""

    @property
    def note(self) -> Note:
        """The step as a note of a diagnostic."""
        return Note(message=_HISTORY[self.how].format(self.name), span=self.place.span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """Text, a number, a boolean or nothing. ``directory`` is where a relative path begins."""

    value: ScalarValue
    place: Place
    directory: Path
    origins: tuple[HistoryStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Stands where a value could not be read; its own diagnostic has been given."""

    place: Place
    origins: tuple[HistoryStep, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A sequence."""

    items: tuple[Node, ...]
    place: Place
    origins: tuple[HistoryStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a map, and the place of its key."""

    key_place: Place
    node: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A mapping; the order of its entries is that of the text."""

    entries: Mapping[str, Entry]
    place: Place
    origins: tuple[HistoryStep, ...] = ()


Leaf = Scalar | Broken
Node = Leaf | ListNode | MapNode


def with_origins(node: Node, origins: tuple[HistoryStep, ...]) -> Node:
    """Return ``node`` with ``origins`` added behind its own, each one once.

    What is extended twice would otherwise come with twice the history at each step.
    """
    if not origins:
        return node
    return replace(node, origins=tuple(dict.fromkeys((*node.origins, *origins))))


def child(node: Node, key: str | int) -> Node | None:
    """Return the value of ``node`` under a key or an index, or None when there is none."""
    if isinstance(node, MapNode):
        entry = node.entries.get(str(key))
        return entry.node if entry else None
    if isinstance(node, ListNode):
        index = int(key) if _INDEX.fullmatch(str(key)) else -1
        return node.items[index] if 0 <= index < len(node.items) else None
    return None


def find(node: Node, path: SpecPath) -> Node | None:
    """Return the node at ``path`` below ``node``, or None."""
    found: Node | None = node
    for key in path:
        found = child(found, key) if found is not None else None
    return found


def plain(node: Node) -> Any:
    """Return ``node`` as dicts, lists and scalars; what is broken becomes None."""
    match node:
        case Scalar():
            return node.value
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {key: plain(entry.node) for key, entry in node.entries.items()}
        case Broken():
            return None


def walk(node: Node, path: SpecPath = ()) -> Iterator[tuple[SpecPath, Node]]:
    """Yield ``node`` and all nodes below it with their paths, in the order of the text."""
    yield path, node
    if isinstance(node, MapNode):
        for key, entry in node.entries.items():
            yield from walk(entry.node, (*path, key))
    elif isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            yield from walk(item, (*path, index))


def mapped(node: Node, change: Callable[[Leaf, SpecPath], Node], path: SpecPath = ()) -> Node:
    """Return ``node``, which is at ``path``, with ``change`` applied to each leaf and its path."""
    match node:
        case MapNode():
            entries = {
                key: replace(entry, node=mapped(entry.node, change, (*path, key)))
                for key, entry in node.entries.items()
            }
            return replace(node, entries=entries)
        case ListNode():
            items = (mapped(item, change, (*path, n)) for n, item in enumerate(node.items))
            return replace(node, items=tuple(items))
        case _:
            return change(node, path)


def changed(node: Node, path: SpecPath, change: Callable[[Node], Node]) -> Node:
    """Return ``node`` with ``change`` applied to the value at ``path``, if there is one."""
    if not path:
        return change(node)
    below = child(node, path[0])
    if below is None:
        return node
    new = changed(below, path[1:], change)
    if isinstance(node, MapNode):
        key = str(path[0])
        entries = {**node.entries, key: replace(node.entries[key], node=new)}
        return replace(node, entries=entries)
    assert isinstance(node, ListNode)
    index = int(path[0])
    return replace(node, items=(*node.items[:index], new, *node.items[index + 1 :]))


def without(node: Node, path: SpecPath) -> Node:
    """Return ``node`` without the map entry at ``path``; other paths leave it as it is."""
    if not path:
        return node
    return changed(node, path[:-1], partial(without_keys, keys={str(path[-1])}))


def without_keys(node: Node, keys: Collection[str]) -> Node:
    """Return a map without some of its entries; any other node as it is."""
    if not isinstance(node, MapNode):
        return node
    kept = {key: entry for key, entry in node.entries.items() if key not in keys}
    return replace(node, entries=kept)


_INDEX = re.compile(r"[0-9]{1,9}")
_PLAIN_KEY = re.compile(r"[^\s.\[\]\"'=\\+~][^\s.\[\]\"'=\\]*")


def path_text(path: SpecPath) -> str:
    """Return a path as one would write it in an override: ``sources.a.exclude[0]``."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            text += f".{key}" if text else key
        else:
            escaped = key.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text
