"""The graph of the result: final names and shapes, in Keras's own order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from composer.graphs.graph import (
    Graph,
    Operation,
    Tensor,
    TensorRef,
    Tree,
    leaves,
    map_call,
    map_leaves,
)
from composer.graphs.order import operation_order
from composer.graphs.rename import renamed
from composer.resolver.joined import UNKNOWN, JoinedGraph, JoinedOperation
from composer.resolver.link import Link
from composer.resolver.piece import Piece
from composer.resolver.problems import Problems
from composer.resolver.shared_layers import Owners, named_alike
from composer.resolver.tensor_references import JoinedRef, JoinedTensor, ResultRef
from composer.resolver.trainable_flags import flagged
from composer.spec.model import Spec


def final_graph(link: Link, owners: Owners, problems: Problems) -> Graph:
    """Return the graph of a link without errors as the file will have it.

    Args:
        link: with all of its shapes.
        owners: layers that others hold as well (see ``shared_owners``).
        problems: gets flags that can't be set (CMP415).
    """
    operations = [
        _final(operation, link, owners, problems) for operation in link.inferred.operations.values()
    ]
    graph = Graph(
        name=link.spec.name,
        operations=tuple(operations),
        inputs=_inputs(link.spec, link.joined, link.pieces),
        outputs=_outputs(link.joined),
    )
    by_name = {operation.name: operation for operation in operations}
    return replace(graph, operations=tuple(by_name[name] for name in operation_order(graph)))


def _final(linked: JoinedOperation, link: Link, owners: Owners, problems: Problems) -> Operation:
    operation, pieces = linked.operation, link.pieces
    source = linked.origin.source
    if source is not None:
        operation = flagged(pieces[source], linked.origin.layer, operation, problems)
        if source in owners:
            config = named_alike(operation.config, owners[source], pieces[source].names)
            operation = replace(operation, config=config)
    operation = renamed(operation, linked.name)

    def final(tensor: JoinedTensor) -> Tensor:
        spec = link.inferred.specs.get(tensor.ref, UNKNOWN)
        return Tensor(link.joined.result(tensor.ref), spec, tensor.extra)

    return replace(operation, calls=tuple(map_call(call, final) for call in linked.calls.values()))


def _inputs(spec: Spec, linked: JoinedGraph, pieces: Mapping[str, Piece]) -> Tree:
    """Return the inputs: as the spec asks, as the source has them whose inputs they are, a list."""
    refs = [linked.result(JoinedRef(key)) for key in linked.inputs]
    if spec.target.signature == "dict":
        return {ref.operation: ref for ref in refs}
    if spec.target.signature is None:
        for piece in pieces.values():
            own = [piece.key(ref.operation) for ref in leaves(piece.inputs)]
            if sorted(own) == sorted(linked.inputs):
                final = {ref: linked.result(piece.joined(ref, 0)) for ref in leaves(piece.inputs)}
                return _renamed(piece.inputs, final)
    return refs[0] if len(refs) == 1 else refs


def _renamed(tree: Tree, final: Mapping[TensorRef, ResultRef]) -> Tree:
    """Return a source's inputs under their final names.

    A key that is the name of its input stays so: Keras finds what it is given by that name.
    """
    if isinstance(tree, TensorRef):
        return final[tree]
    if isinstance(tree, dict):
        return {
            final[item].operation
            if isinstance(item, TensorRef) and item.operation == key
            else key: _renamed(item, final)
            for key, item in tree.items()
        }
    return [_renamed(item, final) for item in tree]


def _outputs(linked: JoinedGraph) -> Tree:
    refs = [(key, linked.result(ref)) for key, ref in linked.outputs]
    match linked.form:
        case "single":
            return refs[0][1]
        case "list":
            return [ref for _, ref in refs]
        case "dict":
            return dict(refs)
        case "source":
            in_order = iter(ref for _, ref in refs)
            return map_leaves(linked.arrangement, lambda _: next(in_order))
