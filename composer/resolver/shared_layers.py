"""Layers that another layer or a nested model of the same source holds as well.

Keras stores such a layer once, where it first meets it among the model's layers, and makes one
object of it again by a number that stands in both configs. So both must have one name, both must
go in, and the one with the weights must come first.
"""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import Graph
from composer.graphs.rename import shared_ids, with_shared_names
from composer.resolver.joined import Origin
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems

Owners = Mapping[str, Mapping[int | str, str]]
"""By source id: the original name of the layer of a graph that a number stands for."""


def shared_owners(pieces: Mapping[str, Piece]) -> Owners:
    """Return the layers of each source that its file marks as shared."""
    owners = {
        source: {
            operation.shared: name
            for name, operation in piece.topology.operations.items()
            if operation.shared is not None
        }
        for source, piece in pieces.items()
    }
    return {source: found for source, found in owners.items() if found}


def named_alike(
    config: Mapping[str, object], owners: Mapping[int | str, str], names: Mapping[str, str]
) -> Mapping[str, object]:
    """Return a layer's config with the shared layers inside it under their final names."""
    final = {number: names[owner] for number, owner in owners.items() if owner in names}
    renamed: Mapping[str, object] = with_shared_names(config, final)
    return renamed


def check_shared_layers(
    graph: Graph, origins: Mapping[str, Origin], owners: Owners, problems: Problems
) -> None:
    """Refuse a layer whose weights lie with another one that is not there, or comes later.

    Args:
        graph: the result, in Keras's order.
        origins: by final name.
        owners: see :func:`shared_owners`.
        problems: gets what is refused (CMP508).
    """
    if not owners:
        return
    seen: set[tuple[str, str]] = set()
    present = {(origin.source, origin.layer) for origin in origins.values()}
    for operation in graph.operations:
        origin = origins[operation.name]
        source = origin.source
        if source is None or source not in owners:
            continue
        seen.add((source, origin.layer))
        held = dict.fromkeys(
            owners[source][number]
            for number in shared_ids(operation.config)
            if number in owners[source]
        )
        for owner in held:
            if owner == origin.layer or (source, owner) in seen:
                continue
            there = (source, owner) in present
            problems.add(
                "CMP508",
                ("sources", source),
                f"layer {origin.layer!r} of source {source!r} holds layer {owner!r}, with which "
                "its weights are stored; "
                + (
                    "in the result it would come first, and Keras would look for them in it"
                    if there
                    else f"{owner!r} does not go into the result"
                ),
                at_key=True,
                help=f"keep the two in their order, or exclude {origin.layer!r} as well"
                if there
                else f"keep {owner!r}, with an output that depends on it, or exclude "
                f"{origin.layer!r} as well",
            )
