"""Keys that stand beside what they belong in, or in what they belong beside, by a few spaces.

To YAML such a text is sound, and to the schema it is several mistakes none of which is the one that
was made: a source that is nothing, and another one named 'from'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from composer.diagnostics.diagnostic import Diagnostic, Edit, SpecPath
from composer.spec.schema_keys import keys_at
from composer.spec.source_text import COMMAND_LINE, Place
from composer.spec.tree import Entry, MapNode, Node, Scalar, changed, without

_SECTIONS: Final = {"inputs": "an input", "sources": "a source", "layers": "a layer"}
_DEFINING: Final = {"inputs": "shape", "sources": "from", "layers": "class"}
"""The key by which one knows an input, a source or a layer."""
_STEP = 2
"""Spaces by which a key is indented where nothing else says it."""


@dataclass(frozen=True, slots=True)
class _Outdented:
    """An entry, where it belongs, and by how many spaces; fewer than none are too many."""

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
        for outdented in (
            _in_root(root)
            if section is None
            else (*_in_section(root, section), *_too_deep(root, section))
        ):
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
        if key == "inputs" and section is not None and not isinstance(entry.node, MapNode):
            yield from _inputs_of_last(root, section, entry)
            continue
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


def _inputs_of_last(root: MapNode, section: str, entry: Entry) -> Iterator[_Outdented]:
    """Yield what is no map and so can't be the inputs of the spec: those of what stands above."""
    above = root.entries[section].node
    entries = above.entries if isinstance(above, MapNode) else {}
    last = next(reversed(tuple(entries)), None)
    if last is not None and section != "inputs" and (spaces := _missing(entries[last], entry)):
        yield _Outdented(("inputs",), entry, (section, last), _SECTIONS[section], spaces)


def inputs_again(entries: Mapping[str, Entry], place: Place) -> Diagnostic | None:
    """Return the problem with a second ``inputs`` of a spec, if a source or layer above lacks it.

    Args:
        entries: of the spec, as far as they were read.
        place: of the key. Its value, which stands on the same line, is no map.
    """
    sections = [key for key in entries if key in _SECTIONS and key != "inputs"]
    if not sections:
        return None
    source = place.source
    empty = Scalar(value=None, place=place, directory=source.directory)
    root = MapNode(entries=entries, place=place)
    for found in _inputs_of_last(root, sections[-1], Entry(place, empty)):
        if _moved(root, found) is not None:
            return _diagnostic(found)
    return None


def _too_deep(root: MapNode, section: str) -> Iterator[_Outdented]:
    """Yield keys of the spec that stand in ``sources``, and sources that stand in another one."""
    here = root.entries.get(section)
    if here is None or not isinstance(here.node, MapNode):
        return
    top, known = keys_at(()), keys_at((section, "id"))
    for key, entry in _in_order(here.node):
        if _is_entry(entry.node, known):
            assert isinstance(entry.node, MapNode)
            for below, inner in _in_order(entry.node):
                path = (section, key, below)
                if below in known:
                    continue
                if _is_entry(inner.node, (_DEFINING[section],)):
                    if spaces := _surplus(entry, inner):
                        yield _Outdented(path, inner, (section,), _SECTIONS[section], -spaces)
                elif below in top and (spaces := _surplus(here, inner)):
                    yield _Outdented(path, inner, (), section, -spaces)
        elif key in top and (spaces := _surplus(here, entry)):
            yield _Outdented((section, key), entry, (), section, -spaces)


def _surplus(beside: Entry, entry: Entry) -> int:
    """Return how many spaces less would put ``entry`` beside another; 0 where they would not."""
    if beside.key_place.source is not entry.key_place.source:
        return 0
    column, other = _column(entry.key_place), _column(beside.key_place)
    return 0 if column is None or other is None else max(0, column - other)


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
    owner: Node | None = tree
    for step in outdented.owner:
        owner = owner.entries[str(step)].node if isinstance(owner, MapNode) else None
    if isinstance(owner, MapNode) and key in owner.entries:
        return None
    return taken_in(without(tree, outdented.path), outdented.owner, key, outdented.entry)


def taken_in(tree: Node, owner: SpecPath, key: str, entry: Entry) -> Node:
    """Return a tree in which the value at ``owner``, a map or nothing, has one more entry."""

    def take(node: Node) -> Node:
        if isinstance(node, MapNode):
            return replace(node, entries={**node.entries, key: entry})
        return MapNode(entries={key: entry}, place=entry.node.place)

    return changed(tree, owner, take)


def _diagnostic(outdented: _Outdented) -> Diagnostic:
    key, place = outdented.path[-1], outdented.entry.key_place
    count = abs(outdented.spaces)
    more = f"{count} {'more' if outdented.spaces > 0 else 'fewer'} space{'s' if count > 1 else ''}"
    if outdented.spaces > 0:
        owner = outdented.owner[-1]
        is_key = len(outdented.owner) > 1
        what = f"is a key of {outdented.kind}" if is_key else f"is {outdented.kind}"
        message = f"'{key}' {what}, but is next to '{owner}' instead of inside it"
        help_ = f"indent it by {more}, so that it belongs to '{owner}'"
    else:
        inside = outdented.path[-2]
        beside = "it" if outdented.owner or inside == outdented.kind else f"'{outdented.kind}'"
        what = outdented.kind if outdented.owner else "a key of the spec itself"
        message = f"'{key}' is {what}, but is inside '{inside}' instead of next to {beside}"
        help_ = f"indent it by {more}"
    return Diagnostic(
        code="CMP210",
        message=message,
        path=(*outdented.owner, key),
        span=place.span,
        help=help_,
        fix=tuple(_indented(outdented.entry, outdented.spaces)),
    )


def _indented(entry: Entry, spaces: int) -> Iterator[Edit]:
    """Yield an edit for each line from that of a key to that where its value ends."""
    key, value = entry.key_place, entry.node.place
    source = key.source
    end = max(key.end, value.end if value.source is source else key.end)
    if spaces < 0 and isinstance(entry.node, MapNode) and _column(value) == _column(key):
        end = key.end  # what is in it has the column already that it will need
    start, _ = source.line_bounds(key.start)
    while start < end:
        _, stop = source.line_bounds(start)
        line = source.text[start:stop]
        if spaces > 0 and line.strip():
            yield Edit(span=source.span(start, start), replacement=" " * spaces)
        elif spaces < 0 and line.startswith(" " * -spaces):
            yield Edit(span=source.span(start, start - spaces), replacement="")
        following = source.text.find("\n", stop)
        if following < 0:
            return
        start = following + 1
