"""The inputs and outputs of the result, each under a name of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.graphs.graph import Graph, TensorSpec, named_leaves
from composer.graphs.static_specs import input_spec
from composer.resolver.joined import JoinedGraph
from composer.resolver.plan import Port
from composer.resolver.tensor_references import JoinedRef, ResultRef


def input_ports(linked: JoinedGraph) -> tuple[Port, ...]:
    """Return the inputs, each named like its layer."""
    operations = [linked.operations[key] for key in linked.inputs]
    return tuple(
        _port(op.name, linked.result(JoinedRef(op.key)), input_spec(op.operation))
        for op in operations
    )


def output_ports(
    linked: JoinedGraph, graph: Graph, specs: Mapping[JoinedRef, TensorSpec]
) -> tuple[Port, ...]:
    """Return the outputs, named by their keys, or by the layers that they are of.

    Args:
        linked: whose outputs they are.
        graph: of the result, which arranges them.
        specs: of its tensors, as far as they are known.
    """
    keys = [key for key, _ in linked.outputs]
    if linked.form == "source":
        keys = [key for key, _ in named_leaves(graph.outputs)]
    made = Counter(ref.key for ref in {ref for _, ref in linked.outputs})
    ports: list[Port] = []
    for key, (_, joined) in zip(keys, linked.outputs, strict=True):
        ref = linked.result(joined)
        name = key
        if name is None:
            several = made[joined.key] > 1
            name = f"{ref.operation}#{ref.call}.{ref.output}" if several else ref.operation
        ports.append(_port(name, ref, specs.get(joined)))
    return _each_once(ports)


def _port(name: str, ref: ResultRef, spec: TensorSpec | None) -> Port:
    return Port(name=name, operation=ref.operation, call=ref.call, output=ref.output, spec=spec)


def _each_once(ports: Sequence[Port]) -> tuple[Port, ...]:
    """Number the names of outputs that are listed more than once."""
    taken = {port.name for port in ports}
    seen: set[str] = set()
    found = []
    for port in ports:
        name, number = port.name, 1
        while name in seen or (number > 1 and name in taken):
            number += 1
            name = f"{port.name}_{number}"
        seen.add(name)
        found.append(replace(port, name=name))
    return tuple(found)
