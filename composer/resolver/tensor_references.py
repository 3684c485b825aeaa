"""The three names of a tensor on its way from a source to the result, and what is made of them.

In a source it is a :class:`~composer.graphs.graph.TensorRef`: the layer's original name, the call,
the output. In the joined graph it is a :class:`JoinedRef`, which ``Piece.joined`` makes. In the
result it is a :data:`ResultRef`, which ``JoinedGraph.result`` makes. No way leads back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from composer.graphs.graph import Leaf, TensorRef, TensorSpec


@dataclass(frozen=True, slots=True)
class Step:
    """One call of an operation of the joined graph.

    Attributes:
        key: of the operation.
        call: the place of the call among all that the spec makes of it, from 0: the calls of the
            first use of a source, then those of the second. A call that is left out keeps it.
    """

    key: str
    call: int


@dataclass(frozen=True, slots=True)
class JoinedRef(Leaf):
    """One tensor of the joined graph: output ``output`` of a :class:`Step`."""

    key: str
    call: int = 0
    output: int = 0

    @property
    def step(self) -> Step:
        """The call that puts it out."""
        return Step(self.key, self.call)

    def __str__(self) -> str:
        return str(TensorRef(self.key, self.call, self.output))


@dataclass(frozen=True, slots=True)
class JoinedTensor(Leaf):
    """A tensor that a call of the joined graph takes.

    Attributes:
        spec: what its source recorded there.
        extra: further recorded keys, for the writer.
    """

    ref: JoinedRef
    spec: TensorSpec
    extra: tuple[tuple[str, object], ...] = ()


ResultRef = NewType("ResultRef", TensorRef)
"""One tensor of the result: the final name of its operation, the call's number there, the output.

Keras counts the calls of a layer in the order in which a file lists them.
"""


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor's place in a call: ``position`` counts the call's tensors in visiting order."""

    consumer: str
    call: int
    position: int
