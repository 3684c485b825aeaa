"""Tensors of the joined graph in the words of the spec: ``tower@left:pool`` for a call by name."""

from __future__ import annotations

from collections.abc import Mapping

from composer.graphs.graph import TensorRef
from composer.resolver.joined import JoinedGraph, Step
from composer.resolver.piece import Piece


class Labels:
    """Knows which use of a source, and which call inside it, a numbered call is."""

    def __init__(self, linked: JoinedGraph, pieces: Mapping[str, Piece]) -> None:
        self._places = {
            Step(step.key, number): step.call for step, number in linked.numbers.items()
        }
        self._linked = linked
        self._pieces = pieces

    def call(self, key: str, number: int) -> str:
        """Return what the spec calls one call of an operation."""
        return self._named(key, number)[0]

    def tensor(self, ref: TensorRef) -> str:
        """Return what the spec calls a tensor."""
        name, number = self._named(ref.operation, ref.call)
        return str(TensorRef(name, number, ref.output))

    def _named(self, key: str, number: int) -> tuple[str, int]:
        """Return the name with its use, and the number of the call within that use."""
        operation = self._linked.operations.get(key)
        piece = self._pieces.get(operation.origin.source or "") if operation else None
        if operation is None or piece is None or len(piece.uses) == 1:
            return key, number
        layer = operation.origin.layer
        calls = max(1, len(piece.topology.operations[layer].calls))
        use, inner = divmod(self._places.get(Step(key, number), number), calls)
        return f"{piece.source.id}@{piece.uses[use].id}:{layer}", inner
