"""Keys that stand beside what they belong in, for want of a few spaces.

To YAML such a text is sound, and to the schema it is several mistakes none of which is the one that
was made: a source that is nothing, and another one named 'from'.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from composer.diagnostics.diagnostic import Diagnostic, Edit, SpecPath
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, Place
from composer.spec.tree import Entry, MapNode, Node, Scalar, changed, without

_SECTIONS: Final = {"inputs": "an input", "sources": "a source", "layers": "a layer"}
_STEP = 2
"""Spaces by which a key is indented where nothing else says it."""


@dataclass(frozen=True, slots=True)
class _Outdented:
    """An entry, and where it belongs."""

    path: SpecPath
    entry: Entry
    owner: SpecPath
    kind: str
    spaces: int


def put_in_place(root: Node) -> tuple[Node, tuple[Diagnostic, ...]]:
    """Return a tree in which such keys stand where they belong, and a problem for each (CMP210).

    Args:
        root: the tree of a spec.
    """
    if not isinstance(root, MapNode):
        return root, ()
    tree: Node = root
    found: list[_Outdented] = []
    for section in (None, *_SECTIONS):
        for outdented in _in_root(root) if section is None else _in_section(root, section):
            moved = _moved(tree, outdented)
            if moved is not None:
                tree = moved
                found.append(outdented)
    return tree, tuple(_diagnostic(outdented) for outdented in found)


def _in_section(root: MapNode, section: str) -> Iterator[_Outdented]:
    """Yield keys of an input, a source or a layer that stand beside it."""
    node = root.entries[section].node if section in root.entries else None
    if not isinstance(node, MapNode):
        return
    known = keys_at((section, "id"))
    owner: str | None = None
    for key, entry in _in_order(node):
        if key not in known or _is_entry(entry.node, known):
            owner = key
        elif owner is not None and (spaces := _missing(node.entries[owner], entry)):
            yield _Outdented((section, key), entry, (section, owner), _SECTIONS[section], spaces)


def _in_root(root: MapNode) -> Iterator[_Outdented]:
    """Yield what stands beside ``sources`` and belongs in it, or in the last source of it."""
    top = keys_at(())
    section: str | None = None
    for key, entry in _in_order(root):
        if key in top:
            section = key if key in _SECTIONS else None
            continue
        if section is None:
            continue
        above, kind = root.entries[section], _SECTIONS[section]
        known = keys_at((section, "id"))
        entries = above.node.entries if isinstance(above.node, MapNode) else {}
        last = list(entries)[-1] if entries else None
        if key in known and last is not None:
            if spaces := _missing(entries[last], entry):
                yield _Outdented((key,), entry, (section, last), kind, spaces)
        elif _is_entry(entry.node, known) and (spaces := _missing(above, entry)):
            yield _Outdented((key,), entry, (section,), kind, spaces)


def _is_entry(node: Node, known: tuple[str, ...]) -> bool:
    return isinstance(node, MapNode) and any(key in known for key in node.entries)


def _in_order(node: MapNode) -> list[tuple[str, Entry]]:
    """Return the entries of a map in the order of the text, without those of the command line."""
    own = [(k, e) for k, e in node.entries.items() if e.key_place.source.file != COMMAND_LINE]
    return sorted(own, key=lambda item: (item[1].key_place.source.file, item[1].key_place.start))


def _missing(owner: Entry, entry: Entry) -> int:
    """Return how many spaces more would put ``entry`` into ``owner``; 0 where they would not."""
    if owner.key_place.source is not entry.key_place.source:
        return 0
    column, own = _column(entry.key_place), _column(owner.key_place)
    if column is None or own is None:
        return 0
    inside: int | None = None
    if isinstance(owner.node, Scalar) and owner.node.value is None:
        inside = own + _STEP
    elif isinstance(owner.node, MapNode):
        first = next(iter(owner.node.entries.values()), None)
        inside = _column(first.key_place) if first is not None else None
    return max(0, inside - column) if inside is not None else 0


def _column(place: Place) -> int | None:
    """Return how many spaces stand before a key; None where it does not begin its line."""
    start, _ = place.source.line_bounds(place.start)
    before = place.source.text[start : place.start]
    return len(before) if not before.strip(" ") else None


def _moved(tree: Node, outdented: _Outdented) -> Node | None:
    """Return the tree with the entry in its owner, or None where that has such a key already."""
    key = str(outdented.path[-1])

    def take(node: Node) -> Node:
        if isinstance(node, MapNode):
            return replace(node, entries={**node.entries, key: outdented.entry})
        return MapNode(entries={key: outdented.entry}, place=outdented.entry.node.place)

    owner: Node | None = tree
    for step in outdented.owner:
        owner = owner.entries[str(step)].node if isinstance(owner, MapNode) else None
    if isinstance(owner, MapNode) and key in owner.entries:
        return None
    return changed(without(tree, outdented.path), outdented.owner, take)


def _diagnostic(outdented: _Outdented) -> Diagnostic:
    key, owner, place = outdented.path[-1], outdented.owner[-1], outdented.entry.key_place
    what = f"is a key of {outdented.kind}" if len(outdented.owner) > 1 else f"is {outdented.kind}"
    count = f"{outdented.spaces} more space{'s' if outdented.spaces > 1 else ''}"
    return Diagnostic(
        code="CMP210",
        message=f"'{key}' {what}, and stands beside '{owner}' instead of in it",
        path=(*outdented.owner, key),
        span=place.span,
        help=f"indent it by {count}, so that it belongs to '{owner}'",
        fix=tuple(_indented(place, outdented.entry.node.place, outdented.spaces)),
    )


def _indented(key: Place, value: Place, spaces: int) -> Iterator[Edit]:
    """Yield an edit for each line from that of a key to that where its value ends."""
    source = key.source
    end = max(key.end, value.end if value.source is source else key.end)
    start, _ = source.line_bounds(key.start)
    while start < end:
        _, stop = source.line_bounds(start)
        if source.text[start:stop].strip():
            yield Edit(span=source.span(start, start), replacement=" " * spaces)
        following = source.text.find("\n", stop)
        if following < 0:
            return
        start = following + 1
