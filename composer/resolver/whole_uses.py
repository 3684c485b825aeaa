"""Uses of sources that go in whole, and so must give what the source gives by itself."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import TensorRef, leaves
from composer.graphs.model_file import ModelFile
from composer.resolver.inferred import Inferred
from composer.resolver.joined import JoinedGraph, Step
from composer.resolver.piece import Piece
from composer.resolver.plan import WholeUse


def whole_uses(
    linked: JoinedGraph,
    names: Mapping[str, str],
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
            moved = _moved(piece, index, linked)
            ends = [
                [
                    moved.get(ref, linked.numbered(piece.reference(ref, index)))
                    for ref in leaves(tree)
                ]
                for tree in (graph.inputs, graph.outputs)
            ]
            if all(ref is not None for end in ends for ref in end):
                inputs, outputs = (
                    tuple(
                        TensorRef(names[ref.operation], ref.call, ref.output)
                        for ref in end
                        if ref is not None
                    )
                    for end in ends
                )
                wholes.append(
                    WholeUse(source=piece.source.id, call=use.id, inputs=inputs, outputs=outputs)
                )
    return tuple(wholes)


def _moved(piece: Piece, index: int, linked: JoinedGraph) -> dict[TensorRef, TensorRef]:
    """Return where each original tensor that a layer takes has gone, for one use."""
    moved = {}
    for name in piece.names:
        operation = piece.topology.operations[name]
        if piece.key(name) not in linked.operations:
            continue  # an input layer that feeds no output
        now = linked.operations[piece.key(name)].operation
        for number, call in enumerate(operation.calls):
            place = Step(piece.key(name), index * len(operation.calls) + number)
            if place not in linked.numbers:
                continue
            taken = now.calls[linked.numbers[place]]
            for before, after in zip(call.tensors(), taken.tensors(), strict=True):
                moved[before.ref] = after.ref
    return moved


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
