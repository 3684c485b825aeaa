"""The order in which Keras keeps a Functional model's operations, computed from the graph.

Weights are stored by this order, so a file that is written by another one loads wrong weights.
Mirrors ``map_graph`` and ``_build_map`` of ``keras/src/ops/function.py`` with an explicit stack
in place of recursion (Keras itself ends at about 1,000 to 3,000 layers in a chain).
"""

from __future__ import annotations

from composer.errors import FormatError
from composer.graphs.graph import Graph, leaves


def operation_order(graph: Graph) -> tuple[str, ...]:
    """Return the names of the operations that reach an output, and of all inputs, in order.

    Raises:
        FormatError: the graph has a cycle or a reference to nothing.
    """
    names = [operation.name for operation in graph.operations]
    number = {name: index for index, name in enumerate(names)}
    # A node is one call; an input layer has the one node that made its tensor.
    first_node: list[int] = []
    owner: list[int] = []
    parents: list[tuple[int, ...]] = []
    for index, operation in enumerate(graph.operations):
        first_node.append(len(owner))
        owner.extend([index] * max(1, len(operation.calls)))
    for operation in graph.operations:
        if not operation.calls:
            parents.append(())
        parents.extend(
            tuple(
                first_node[number[tensor.ref.operation]] + tensor.ref.call
                for tensor in call.tensors()
            )
            for call in operation.calls
        )
    outputs = [first_node[number[ref.operation]] + ref.call for ref in leaves(graph.outputs)]
    inputs = [number[ref.operation] for ref in leaves(graph.inputs)]
    finished, first_visit = _depth_first(outputs, parents, owner, names)
    depth = _depths(finished, parents, owner)
    for operation_index in inputs:
        if operation_index not in depth:
            depth[operation_index] = 0
            first_visit[operation_index] = -1
    ordered = sorted(depth, key=lambda index: (-depth[index], first_visit[index]))
    return tuple(names[index] for index in ordered)


def _depth_first(
    outputs: list[int], parents: list[tuple[int, ...]], owner: list[int], names: list[str]
) -> tuple[list[int], dict[int, int]]:
    """Return nodes in order of finishing, and for each operation when it was first visited."""
    finished: list[int] = []
    first_visit: dict[int, int] = {}
    state = bytearray(len(owner))  # 0 not seen, 1 in progress, 2 finished
    for output in outputs:
        if state[output]:
            continue
        stack = [(output, iter(parents[output]))]
        state[output] = 1
        first_visit.setdefault(owner[output], len(first_visit))
        while stack:
            node, remaining = stack[-1]
            for parent in remaining:
                if state[parent] == 1:
                    raise FormatError("CMP502.cycle", layer=names[owner[parent]])
                if state[parent] == 0:
                    state[parent] = 1
                    first_visit.setdefault(owner[parent], len(first_visit))
                    stack.append((parent, iter(parents[parent])))
                    break
            else:
                state[node] = 2
                finished.append(node)
                stack.pop()
    return finished, first_visit


def _depths(
    finished: list[int], parents: list[tuple[int, ...]], owner: list[int]
) -> dict[int, int]:
    """Return the depth of each operation; the outermost are 0."""
    node_depth: dict[int, int] = {}
    operation_depth: dict[int, int] = {}
    for node in reversed(finished):
        depth = max(node_depth.setdefault(node, 0), operation_depth.get(owner[node], 0))
        operation_depth[owner[node]] = depth
        node_depth[node] = depth
        for parent in parents[node]:
            node_depth[parent] = max(depth + 1, node_depth.get(parent, 0))
    return operation_depth
