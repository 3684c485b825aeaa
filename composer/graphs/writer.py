""":class:`Graph` → the ``config.json`` that Keras would write for it.

The one place that knows how the calls of nested models are counted in a file: from 0 in
``inbound_nodes``, from 1 in ``input_layers`` and ``output_layers`` for a nested Functional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from composer.graphs.graph import (
    SHARED,
    Call,
    Graph,
    Json,
    Operation,
    Tensor,
    TensorRef,
    Tree,
    not_recorded,
)

Renumber = Callable[[Operation, Json], Json]


def model_config(
    graph: Graph, *, renumber: Renumber = lambda _operation, value: value
) -> dict[str, Json]:
    """Return the whole ``config.json`` of ``graph`` as a Functional model.

    Args:
        graph: its operations already in Keras's order, so that a reader's order of weight paths
            and Keras's own are the same.
        renumber: gives an operation's serialised objects ids that don't collide with those of
            other sources.

    Returns:
        Keys in the order in which Keras 3.15 writes them; no ``compile_config``.
    """
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": functional_config(graph, renumber=renumber),
        "registered_name": "Functional",
        "build_config": {"input_shape": None},
    }


def functional_config(
    graph: Graph, *, renumber: Renumber = lambda _operation, value: value
) -> dict[str, Json]:
    """Return the ``config`` part of a Functional model: layers, inputs and outputs."""
    operations = {operation.name: operation for operation in graph.operations}
    return {
        "name": graph.name,
        "trainable": True,
        "layers": [_entry(operation, renumber) for operation in graph.operations],
        "input_layers": _boundary(graph.inputs, operations),
        "output_layers": _boundary(graph.outputs, operations),
    }


def _entry(operation: Operation, renumber: Renumber) -> dict[str, Json]:
    entry: dict[str, Json] = {
        "module": operation.module,
        "class_name": operation.class_name,
        "config": operation.config,
        "registered_name": operation.registered_name,
    }
    if operation.build_config is not None:
        entry["build_config"] = operation.build_config
    if operation.shared is not None:
        entry[SHARED] = operation.shared
    entry = renumber(operation, entry)
    entry["name"] = operation.name
    entry["inbound_nodes"] = [_node(call) for call in operation.calls]
    return entry


def _node(call: Call) -> dict[str, Json]:
    return {
        "args": [_value(value) for value in call.args],
        "kwargs": {key: _value(value) for key, value in call.kwargs.items()},
    }


def _value(tree: Tree) -> Json:
    if isinstance(tree, Tensor):
        shape = tree.spec.shape
        if shape is None or tree.spec.dtype is None:
            return not_recorded(tree.ref.operation, tree.ref.call, tree.ref.output)
        config: dict[str, Json] = {
            "shape": list(shape),
            "dtype": tree.spec.dtype,
            "keras_history": [tree.ref.operation, tree.ref.call, tree.ref.output],
        }
        config.update(tree.extra)
        return {"class_name": "__keras_tensor__", "config": config}
    if isinstance(tree, list | tuple):
        return [_value(item) for item in tree]
    if isinstance(tree, Mapping):
        return {key: _value(item) for key, item in tree.items()}
    return tree


def _boundary(tree: Tree, operations: Mapping[str, Operation]) -> Any:
    if isinstance(tree, TensorRef):
        return [tree.operation, tree.call + _first_call(operations[tree.operation]), tree.output]
    if isinstance(tree, Mapping):
        return {key: _boundary(item, operations) for key, item in tree.items()}
    return [_boundary(item, operations) for item in tree]


def _first_call(operation: Operation) -> int:
    """``get_tensor`` of ``functional_from_config`` takes one off for a nested Functional."""
    return 1 if operation.inner is not None and not operation.inner.sequential else 0
