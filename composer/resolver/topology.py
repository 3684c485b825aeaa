"""Who feeds whom inside one source's graph: the edges, both ways, and the recorded specs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from composer.graphs.graph import Graph, Operation, TensorRef, TensorSpec, leaves
from composer.graphs.static_specs import input_spec, static_output

CallOf = tuple[str, int]
"""A call of an operation: its name, and the number of the call; an input layer has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """Edges of a graph by operation name, and what is known of each tensor.

    Attributes:
        inputs: names of the input layers, in the order in which the model takes them.
        producers: for each operation those it takes tensors from, first use first.
        consumers: for each operation those that take its tensors, in the graph's order.
        consumed: every tensor that some call takes.
        specs: recorded shape and dtype of tensors, unknown ones filled by the static rules.
        output_counts: how many outputs of an (operation, call) some tensor reference shows.
    """

    operations: Mapping[str, Operation]
    inputs: tuple[str, ...]
    producers: Mapping[str, tuple[str, ...]]
    consumers: Mapping[str, tuple[str, ...]]
    consumed: frozenset[TensorRef]
    specs: Mapping[TensorRef, TensorSpec]
    output_counts: Mapping[tuple[str, int], int]

    @classmethod
    def of(cls, graph: Graph) -> Topology:
        """Index ``graph``."""
        operations = {operation.name: operation for operation in graph.operations}
        producers: dict[str, dict[str, None]] = {name: {} for name in operations}
        consumers: dict[str, dict[str, None]] = {name: {} for name in operations}
        consumed: dict[TensorRef, None] = {}
        specs: dict[TensorRef, TensorSpec] = {}
        for operation in graph.operations:
            for call in operation.calls:
                for tensor in call.tensors():
                    producers[operation.name][tensor.ref.operation] = None
                    consumers[tensor.ref.operation][operation.name] = None
                    consumed[tensor.ref] = None
                    if tensor.spec.shape is not None and tensor.spec.dtype is not None:
                        specs.setdefault(tensor.ref, tensor.spec)
        for ref in (*consumed, *leaves(graph.outputs), *leaves(graph.inputs)):
            if ref not in specs:
                spec = _static(operations[ref.operation], ref, specs)
                if spec is not None:
                    specs[ref] = spec
        counts: dict[tuple[str, int], int] = {}
        for ref in (*consumed, *leaves(graph.outputs)):
            key = (ref.operation, ref.call)
            counts[key] = max(counts.get(key, 1), ref.output + 1)
        # An input layer is among the model's inputs; where a file differs, it comes after them.
        inputs = [ref.operation for ref in leaves(graph.inputs)]
        inputs.extend(name for name, operation in operations.items() if operation.kind == "input")
        return cls(
            output_counts=counts,
            operations=operations,
            inputs=tuple(dict.fromkeys(inputs)),
            producers={name: tuple(found) for name, found in producers.items()},
            consumers={name: tuple(found) for name, found in consumers.items()},
            consumed=frozenset(consumed),
            specs=specs,
        )

    def ancestors(self, name: str) -> frozenset[str]:
        """Return all operations from which ``name`` can be reached, without ``name``."""
        return _reach(name, self.producers)

    def descendants(self, name: str) -> frozenset[str]:
        """Return all operations that can be reached from ``name``, without ``name``."""
        return _reach(name, self.consumers)

    def calls_of(self, name: str) -> frozenset[CallOf]:
        """Return all calls of an operation."""
        return frozenset((name, n) for n in range(max(1, len(self.operations[name].calls))))

    def calls_before(self, calls: Iterable[CallOf]) -> frozenset[CallOf]:
        """Return all calls of whose tensors one of ``calls`` is computed, however far away."""
        found: set[CallOf] = set()
        stack = list(calls)
        while stack:
            name, number = stack.pop()
            made = self.operations[name].calls
            for tensor in made[number].tensors() if made else ():
                before = (tensor.ref.operation, tensor.ref.call)
                if before not in found:
                    found.add(before)
                    stack.append(before)
        return frozenset(found)

    def calls_after(self, calls: Iterable[CallOf]) -> frozenset[CallOf]:
        """Return all calls that are computed of a tensor of one of ``calls``, however far away."""
        takers: dict[CallOf, list[CallOf]] = {}
        for operation in self.operations.values():
            for number, call in enumerate(operation.calls):
                for tensor in call.tensors():
                    before = (tensor.ref.operation, tensor.ref.call)
                    takers.setdefault(before, []).append((operation.name, number))
        found: set[CallOf] = set()
        stack = list(calls)
        while stack:
            for after in takers.get(stack.pop(), ()):
                if after not in found:
                    found.add(after)
                    stack.append(after)
        return frozenset(found)

    def output_count(self, operation: str, call: int) -> int:
        """Return how many output tensors of a call are known to exist (at least 1)."""
        return self.output_counts.get((operation, call), 1)


def _static(
    operation: Operation, ref: TensorRef, specs: Mapping[TensorRef, TensorSpec]
) -> TensorSpec | None:
    if operation.kind == "input":
        return static_output(operation, ())
    if ref.call >= len(operation.calls):
        return None
    tensors = tuple(operation.calls[ref.call].tensors())
    known = [specs.get(t.ref, t.spec) for t in tensors]
    if operation.inner is not None:
        return _nested(operation.inner, ref.output, known)
    return None if ref.output else static_output(operation, known)


def _nested(inner: Graph, output: int, given: list[TensorSpec]) -> TensorSpec | None:
    """Return what a nested model puts out, where it is given what its own records hold for."""
    operations = {operation.name: operation for operation in inner.operations}
    recorded = [input_spec(operations[ref.operation]) for ref in leaves(inner.inputs)]
    ends = list(leaves(inner.outputs))
    if given != recorded or output >= len(ends):
        return None
    return Topology.of(inner).specs.get(ends[output])


def _reach(start: str, edges: Mapping[str, Iterable[str]]) -> frozenset[str]:
    seen = {start}
    stack = [start]
    while stack:
        for name in edges[stack.pop()]:
            if name not in seen:
                seen.add(name)
                stack.append(name)
    seen.discard(start)
    return frozenset(seen)
