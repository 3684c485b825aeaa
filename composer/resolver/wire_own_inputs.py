"""A source's own input layer that has the name of a declared input: most likely they are one."""

from __future__ import annotations

from collections.abc import Sequence

from composer.diagnostics.diagnostic import Edit
from composer.graphs.graph import TensorSpec
from composer.graphs.static_specs import input_spec
from composer.resolver.joined import JoinedGraph, JoinedOperation
from composer.resolver.problems import Problems
from composer.spec.model import Spec
from composer.spec.yaml_scalars import written


def is_own_input(operations: Sequence[JoinedOperation]) -> bool:
    """Tell whether a declared input collides with input layers of sources, and nothing else."""
    kinds = [operation.origin.kind for operation in operations]
    return (
        kinds.count("input") == 1
        and len(kinds) > 1
        and all(operation.operation.kind == "input" for operation in operations)
    )


def wiring_help(spec: Spec, operations: Sequence[JoinedOperation], linked: JoinedGraph) -> str:
    """Return how the declared input is wired to the sources that have one of that name.

    Args:
        spec: what the sources are wired to now.
        operations: the declared input, and the input layers of its name.
        linked: the joined graph.
    """
    declared, own = _apart(operations)
    ways = []
    for operation in own:
        source = str(operation.origin.source)
        value = _value(spec, operation, declared, linked)
        ways.append(f"wire {declared.key!r} to source {source!r}: {source}: {{…, inputs: {value}}}")
    if not is_dangling(declared, linked):
        ways.append("or keep both, with a prefix on the source: prefix: …")
    return "\n".join(ways)


def wiring_fix(
    spec: Spec, operations: Sequence[JoinedOperation], linked: JoinedGraph, problems: Problems
) -> tuple[Edit, ...]:
    """Return the edits that wire a declared input, which nothing takes yet, to the sources.

    Returns:
        Nothing where it is taken elsewhere, so that two inputs may be meant, where shapes or
        dtypes differ, or where a source is called several times.
    """
    declared, own = _apart(operations)
    if not is_dangling(declared, linked):
        return ()
    edits: list[Edit] = []
    for operation in own:
        source = next(item for item in spec.sources if item.id == operation.origin.source)
        if source.calls or not _agree(
            input_spec(declared.operation), input_spec(operation.operation)
        ):
            return ()
        path = ("sources", source.id)
        if source.inputs:
            found = problems.with_key((*path, "inputs"), operation.origin.layer, declared.key)
        elif len(_inputs_of(source.id, linked)) == 1:
            found = problems.with_key(path, "inputs", declared.key)
        else:
            found = problems.with_key(path, "inputs", {operation.origin.layer: declared.key})
        if not found:
            return ()
        edits.extend(found)
    return tuple(edits)


def is_dangling(declared: JoinedOperation, linked: JoinedGraph) -> bool:
    """Tell whether nothing takes a declared input."""
    taken = (
        tensor.ref.key for operation in linked.operations.values() for tensor in operation.tensors()
    )
    put_out = (ref.key for _, ref in linked.outputs)
    return declared.key not in {*taken, *put_out}


def _apart(
    operations: Sequence[JoinedOperation],
) -> tuple[JoinedOperation, list[JoinedOperation]]:
    declared = next(op for op in operations if op.origin.kind == "input")
    return declared, [op for op in operations if op is not declared]


def _inputs_of(source: str, linked: JoinedGraph) -> list[JoinedOperation]:
    return [
        operation
        for operation in linked.operations.values()
        if operation.origin.source == source and operation.operation.kind == "input"
    ]


def _value(
    spec: Spec, operation: JoinedOperation, declared: JoinedOperation, linked: JoinedGraph
) -> str:
    source = str(operation.origin.source)
    wired = next(item for item in spec.sources if item.id == source).inputs
    name, layer = written(declared.key), written(operation.origin.layer)
    return name if not wired and len(_inputs_of(source, linked)) == 1 else f"{{{layer}: {name}}}"


def _agree(one: TensorSpec, other: TensorSpec) -> bool:
    if one.shape is None or other.shape is None or one.dtype != other.dtype:
        return False
    return len(one.shape) == len(other.shape) and all(
        a == b or axis == 0 for axis, (a, b) in enumerate(zip(one.shape, other.shape, strict=True))
    )
