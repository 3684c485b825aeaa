"""Uses of sources that go in whole, and so must give what the source gives by itself."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import TensorRef, leaves
from composer.graphs.model_file import ModelFile
from composer.resolver.inferred import Inferred
from composer.resolver.joined import JoinedGraph
from composer.resolver.piece import Piece
from composer.resolver.plan import WholeUse
from composer.resolver.tensor_references import JoinedRef


def whole_uses(
    linked: JoinedGraph,
    pieces: Mapping[str, Piece],
    files: Mapping[str, ModelFile],
    inferred: Inferred,
) -> tuple[WholeUse, ...]:
    """Return them with the tensors of the result that they begin and end with."""
    changed = {
        linked.operations[seam.consumer].origin.source
        for seam in inferred.seams
        if seam.state != "equal"
    }
    wholes = []
    for piece in pieces.values():
        if piece.source.id in changed or missing(piece, linked):
            continue
        graph = files[piece.source.id].graph
        for index, use in enumerate(piece.uses):
            taken = _taken(piece, index, linked)
            ends = [
                [taken.get(ref, piece.joined(ref, index)) for ref in leaves(tree)]
                for tree in (graph.inputs, graph.outputs)
            ]
            if all(ref.step in linked.numbers for end in ends for ref in end):
                inputs, outputs = (tuple(map(linked.result, end)) for end in ends)
                wholes.append(
                    WholeUse(source=piece.source.id, call=use.id, inputs=inputs, outputs=outputs)
                )
    return tuple(wholes)


def _taken(piece: Piece, use: int, linked: JoinedGraph) -> dict[TensorRef, JoinedRef]:
    """Return what layers of one use take in the place of each original tensor."""
    found = {}
    for name in piece.names:
        operation = linked.operations.get(piece.key(name))
        if operation is None:
            continue  # an input layer that feeds no output
        for number, call in enumerate(piece.topology.operations[name].calls):
            now = operation.calls.get(piece.joined(TensorRef(name, number), use).call)
            if now is not None:
                for before, after in zip(call.tensors(), now.tensors(), strict=True):
                    found[before.ref] = after.ref
    return found


def missing(piece: Piece, linked: JoinedGraph) -> list[str]:
    """Return the source's operations, inputs aside, that don't go in with all of their calls."""
    return [
        name
        for name, operation in piece.topology.operations.items()
        if operation.kind != "input"
        and (
            piece.key(name) not in linked.operations
            or not piece.topology.calls_of(name) <= piece.selection.calls
        )
    ]
