"""Seams: the edges that the spec made, with what is expected and what comes at each of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from composer.diagnostics.diagnostic import SpecPath
from composer.graphs.graph import TensorSpec
from composer.resolver.joined import JoinedGraph
from composer.resolver.tensor_references import JoinedRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Seam:
    """An edge that the spec made.

    Attributes:
        consumer: key of an operation of the joined graph.
        call: which call of it (see :class:`Step`).
        producer: tensor of the joined graph.
        words: producer and consumer as the spec would name them; empty until a plan is written.
        expected: what the consumer's source recorded there; None for a new layer.
        actual: what comes; None while Keras has not been asked.
    """

    consumer: str
    call: int
    producer: JoinedRef
    path: SpecPath
    expected: TensorSpec | None
    actual: TensorSpec | None
    words: tuple[str, str] = ("", "")

    @property
    def state(self) -> Literal["equal", "changed", "new", "deferred"]:
        """How the two sides compare."""
        if self.actual is None:
            return "deferred"
        if self.expected is None:
            return "new"
        return "equal" if self.expected == self.actual else "changed"


def seams_of(linked: JoinedGraph, specs: Mapping[JoinedRef, object]) -> tuple[Seam, ...]:
    """Return the seams of a joined graph, in its order.

    Args:
        linked: the graph.
        specs: what is known of its tensors so far; anything but a ``TensorSpec`` is not known.
    """
    seams = []
    for edge, path in linked.seams.items():
        operation = linked.operations[edge.consumer]
        tensor = list(operation.calls[edge.call].tensors())[edge.position]
        recorded = operation.new is None and is_known(tensor.spec)
        actual = specs.get(tensor.ref)
        seams.append(
            Seam(
                consumer=edge.consumer,
                call=edge.call,
                producer=tensor.ref,
                path=path,
                expected=tensor.spec if recorded else None,
                actual=actual if isinstance(actual, TensorSpec) else None,
            )
        )
    return tuple(seams)


def is_known(spec: TensorSpec) -> bool:
    """Tell whether both shape and dtype were recorded."""
    return spec.shape is not None and spec.dtype is not None


def contradicts(recorded: TensorSpec, actual: TensorSpec) -> bool:
    """Tell whether two specs of one tensor differ in something that both of them know."""
    shapes = recorded.shape is not None and actual.shape is not None
    dtypes = recorded.dtype is not None and actual.dtype is not None
    return (shapes and recorded.shape != actual.shape) or (
        dtypes and recorded.dtype != actual.dtype
    )


def joined(recorded: TensorSpec, actual: TensorSpec) -> TensorSpec:
    """Return ``actual``, with what it does not know taken from ``recorded``."""
    return TensorSpec(
        recorded.shape if actual.shape is None else actual.shape,
        actual.dtype or recorded.dtype,
    )
