"""What becomes of each layer of each source, and what stands in for it."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.model_file import ModelFile
from composer.resolver.joined import JoinedGraph
from composer.resolver.nesting import inner_layers, shared_paths
from composer.resolver.piece import Piece, Use
from composer.resolver.plan import Fate, MapEntry
from composer.spec.model import SourceInput


def link_map(
    pieces: Mapping[str, Piece],
    linked: JoinedGraph,
    files: Mapping[str, ModelFile],
    unreachable: set[str],
) -> tuple[MapEntry, ...]:
    """Return an entry for each layer of each source.

    Args:
        pieces: what is taken of the sources, by their ids.
        linked: the graph that the result has.
        files: of the sources, by their ids.
        unreachable: keys of operations that no output depends on.
    """
    entries = []
    for piece in pieces.values():
        file = files[piece.source.id]
        inside, shared = inner_layers(file), shared_paths(file)
        for layer, operation in piece.topology.operations.items():
            fate, name, note = _fate(piece, layer, linked, unreachable)
            entries.append(
                MapEntry(
                    source=piece.source.id,
                    layer=layer,
                    class_name=operation.class_name,
                    fate=fate,
                    name=name,
                    note=note,
                    calls=_calls(piece.key(layer), linked) if name is not None else 0,
                    inside=inside.get(layer, ()),
                    shared=shared.get(layer, ()),
                )
            )
    return tuple(entries)


def _fate(
    piece: Piece, layer: str, linked: JoinedGraph, unreachable: set[str]
) -> tuple[Fate, str | None, str | None]:
    if layer in piece.names:
        if piece.key(layer) in unreachable:
            return "unreachable", None, "no output of the result depends on it"
        name = piece.names[layer]
        return ("kept" if name == layer else "renamed"), name, _calls_left_out(piece, layer, linked)
    is_input = piece.topology.operations[layer].kind == "input"
    for use in piece.uses:
        if layer in use.replaced:
            wire = use.replaced[layer]
            return ("wired" if is_input else "replaced"), None, str(wire.reference)
        if layer in use.bypassed:
            return "bypassed", None, _stand_in(piece, use, layer)
    return "dropped", None, None


def _calls(key: str, linked: JoinedGraph) -> int:
    operation = linked.operations.get(key)
    return len(operation.calls) if operation is not None else 0


def _calls_left_out(piece: Piece, layer: str, linked: JoinedGraph) -> str | None:
    own = piece.topology.operations[layer].calls
    calls = len(piece.uses) * len(own)
    excluded = sum((layer, number) not in piece.selection.calls for number in range(len(own)))
    excluded *= len(piece.uses)
    rest = calls - excluded - len(linked.operations[piece.key(layer)].calls)
    notes = []
    if excluded:
        notes.append(f"{excluded} of its {calls} calls excluded")
    if rest:
        notes.append(f"{rest} of its {calls} calls reach no output")
    return "; ".join(notes) or None


def _stand_in(piece: Piece, use: Use, layer: str) -> str:
    stand_in = use.bypassed[layer]
    if isinstance(stand_in, SourceInput):
        return str(stand_in.reference)
    return f"{piece.source.id}:{stand_in}"
