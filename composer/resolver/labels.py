"""Tensors of the joined graph in the words of the spec: ``tower@left:pool`` for a call by name."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import TensorRef
from composer.resolver.joined import JoinedGraph
from composer.resolver.piece import Piece
from composer.resolver.tensor_references import JoinedRef, Step


class Labels:
    """Knows which use of a source, and which call inside it, a numbered call is."""

    def __init__(self, linked: JoinedGraph, pieces: Mapping[str, Piece]) -> None:
        self._linked = linked
        self._pieces = pieces

    def call(self, step: Step) -> str:
        """Return what the spec calls one call of an operation."""
        return self._named(step)[0]

    def tensor(self, ref: JoinedRef) -> str:
        """Return what the spec calls a tensor."""
        name, number = self._named(ref.step)
        return str(TensorRef(name, number, ref.output))

    def _named(self, step: Step) -> tuple[str, int]:
        """Return the name with its use, and the number of the call within that use."""
        operation = self._linked.operations.get(step.key)
        piece = self._pieces.get(operation.origin.source or "") if operation else None
        if operation is None or piece is None or len(piece.uses) == 1:
            return step.key, step.call
        layer = operation.origin.layer
        calls = max(1, len(piece.topology.operations[layer].calls))
        use, inner = divmod(step.call, calls)
        return f"{piece.source.id}@{piece.uses[use].id}:{layer}", inner
