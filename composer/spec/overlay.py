"""Laying one tree over another: maps merge, everything else is replaced."""

from __future__ import annotations

from dataclasses import replace

from composer.spec.tree import Entry, HistoryStep, MapNode, Node, with_origins


def merge(base: Node, over: Node, *, remember: bool = False) -> Node:
    """Return ``base`` with ``over`` laid over it.

    Keys of ``base`` keep their order; new ones follow. Each value keeps the place and the
    directory of the text that wrote it.

    Args:
        base: the lower tree.
        over: the upper tree; where both have a value that is not a map, this one holds.
        remember: whether a value that replaces another one points at it in its history.
    """
    if not (isinstance(base, MapNode) and isinstance(over, MapNode)):
        if not remember:
            return over
        return with_origins(over, (HistoryStep("replaces", base.place),))
    entries: dict[str, Entry] = {}
    for key, entry in base.entries.items():
        # What a map came through, its values came through: the merged map has no one history.
        node = with_origins(entry.node, base.origins)
        upper = over.entries.get(key)
        if upper is None:
            entries[key] = replace(entry, node=node)
        else:
            above = with_origins(upper.node, over.origins)
            entries[key] = replace(upper, node=merge(node, above, remember=remember))
    for key, entry in over.entries.items():
        if key not in entries:
            entries[key] = replace(entry, node=with_origins(entry.node, over.origins))
    return MapNode(entries=entries, place=over.place)
