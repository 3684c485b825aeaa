"""The config of a ``.keras`` file → :class:`Graph`, for Functional and Sequential models.

Mirrors ``functional_from_config`` and ``deserialize_node`` of ``keras/src/models/functional.py``
and ``Sequential.from_config``, without deserialising anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

from composer.errors import FormatError
from composer.graphs.check_config import check_config
from composer.graphs.graph import (
    SHARED,
    Call,
    Graph,
    Json,
    Operation,
    OperationKind,
    Tensor,
    TensorRef,
    TensorSpec,
    Tree,
    map_leaves,
)
from composer.graphs.naming import snake_case, storage_of
from composer.graphs.sequential import chain
from composer.graphs.static_specs import output_count

MAX_COUNT = 4095
"""Calls of one layer, or outputs of one call. What lists them goes through all that come before."""

_OPERATOR_MODULES = ("keras.src.ops", "keras.ops")
_CALL_KEYS = frozenset({"args", "kwargs"})
_MODELS = frozenset({"Functional", "Model", "Sequential"})
_TENSOR_KEYS = frozenset({"shape", "dtype", "keras_history", "recorded"})


def read_graph(model: Mapping[str, Json]) -> Graph:
    """Return the graph of a model's serialised form (the whole ``config.json``).

    Args:
        model: with ``class_name`` and ``config``, as ``serialize_keras_object`` writes it.

    Returns:
        The graph; a Sequential is given as the Functional chain that it computes.

    Raises:
        FormatError: the config holds no graph (a subclassed model), or contradicts itself.
    """
    check_config(model)
    return graph_of(model)


def graph_of(model: Mapping[str, Json]) -> Graph:
    """Return what :func:`read_graph` does, of a config that is known to be in order."""
    config = model.get("config")
    if not isinstance(config, Mapping):
        raise FormatError("CMP502.no-model")
    if _holds_functional(model["config"]):
        return replace(_read_functional(model), own_classes=_own_classes(model))
    if _holds_sequential(model) or _holds_own_sequential(model):
        return replace(_read_sequential(model), own_classes=_own_classes(model))
    raise FormatError("CMP506.no-graph", class_name=_class_of(model))


def _holds_functional(config: Mapping[str, Json]) -> bool:
    return all(key in config for key in ("layers", "input_layers", "output_layers"))


def _holds_sequential(model: Mapping[str, Json]) -> bool:
    config = model.get("config")
    return (
        isinstance(config, Mapping)
        and model.get("class_name") == "Sequential"
        and isinstance(config.get("layers"), list)
    )


def _holds_own_sequential(model: Mapping[str, Json]) -> bool:
    """Tell a subclass of Sequential that was built: its config is a Sequential's.

    ``Sequential.get_config`` writes ``build_input_shape``, and ``from_config`` adds the layers one
    by one, whatever the class (``keras/src/models/sequential.py``).
    """
    config = model["config"]
    layers = config.get("layers")
    return (
        isinstance(config.get("build_input_shape"), list)
        and isinstance(config.get("name"), str)
        and isinstance(layers, list)
        and all(isinstance(entry, Mapping) and "class_name" in entry for entry in layers)
    )


def _own_classes(model: Mapping[str, Json]) -> tuple[str, ...]:
    return () if is_model_of_keras(model) else (str(model.get("class_name")),)


def is_model_of_keras(model: Mapping[str, Json]) -> bool:
    """Tell whether the class of a serialised model is one of Keras's own."""
    module = model.get("module")
    if model.get("class_name") not in _MODELS:
        return False
    if module is None:  # files of Keras 2 write none
        return model.get("registered_name") is None
    return str(module).split(".")[0] in ("keras", "tensorflow", "tf_keras")


def _class_of(model: Mapping[str, Json]) -> str:
    return str(model.get("registered_name") or model.get("class_name") or "the model")


# ---------------------------------------------------------------- Functional


def _read_functional(model: Mapping[str, Json]) -> Graph:
    config = model["config"]
    name = _text(config.get("name"), "the model's name")
    entries = config["layers"]
    if not isinstance(entries, list):
        raise FormatError("CMP502.layers-list", model=name)
    operations = []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise FormatError("CMP502.layer-object", model=name)
        operations.append(_read_operation(entry))
    by_name: dict[str, Operation] = {}
    for operation in operations:
        if operation.name in by_name:
            raise FormatError("CMP502.duplicate-name", model=name, layer=operation.name)
        by_name[operation.name] = operation
    graph = Graph(
        name=name,
        operations=tuple(operations),
        inputs=_boundary(config["input_layers"], by_name),
        outputs=_boundary(config["output_layers"], by_name),
    )
    _check_references(graph, by_name)
    return graph


def _read_operation(entry: Mapping[str, Json], free_name: str | None = None) -> Operation:
    """Read a layer; ``free_name`` is for one whose entry and config tell no name."""
    name = entry.get("name") or entry["config"].get("name", free_name)
    name = _text(name, "a layer's name")
    class_name = _text(entry.get("class_name"), f"the class of layer {name!r}")
    nodes = entry.get("inbound_nodes") or []
    calls = tuple(_read_call(node, name) for node in nodes)
    module = entry.get("module")
    build_config = entry.get("build_config")
    shared = entry.get(SHARED)
    config = entry["config"]
    kind = _kind(class_name, module)
    if kind == "input":
        _check_input_shape(config.get("batch_shape"), name)
    inner = None
    if _holds_functional(config) or _holds_sequential(entry):
        inner = graph_of(entry)
    return Operation(
        name=name,
        kind=kind,
        class_name=class_name,
        module=module,
        registered_name=entry.get("registered_name"),
        config=config,
        build_config=build_config if isinstance(build_config, Mapping) else None,
        calls=calls,
        inner=inner,
        storage=storage_of(class_name, module),
        shared=shared if isinstance(shared, int | str) else None,
    )


def _check_input_shape(shape: Json, name: str) -> None:
    """Check what the tensors of an input layer, which record no call, are taken to be."""
    try:
        _shape(shape if isinstance(shape, list | tuple) else ())
    except TypeError:
        raise FormatError("CMP502.batch-shape", layer=name, shape=shape) from None


def _kind(class_name: str, module: Json) -> OperationKind:
    if class_name == "InputLayer":
        return "input"
    if isinstance(module, str) and module.startswith(_OPERATOR_MODULES):
        return "operator"
    return "layer"


def _read_call(node: Json, owner: str) -> Call:
    if not isinstance(node, Mapping) or not set(node) >= _CALL_KEYS:
        raise FormatError("CMP502.call", layer=owner)
    args, kwargs = node["args"], node["kwargs"]
    if not isinstance(args, list) or not isinstance(kwargs, Mapping):
        raise FormatError("CMP502.call", layer=owner)
    return Call(
        args=tuple(_tree(value, owner) for value in args),
        kwargs={key: _tree(value, owner) for key, value in kwargs.items()},
    )


def _tree(value: Json, owner: str) -> Tree:
    """Replace each serialised ``KerasTensor`` in a call's argument by a :class:`Tensor`."""
    if isinstance(value, list):
        return [_tree(item, owner) for item in value]
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return _tensor(value.get("config"), owner)
        return {key: _tree(item, owner) for key, item in value.items()}
    return value


def _tensor(config: Json, owner: str) -> Tensor:
    try:
        operation, call, output = config["keras_history"]
        shape = config["shape"]
        recorded = config.get("recorded", True) and shape is not None
        spec = TensorSpec(_shape(shape), config["dtype"]) if recorded else TensorSpec(None, None)
        if not isinstance(spec.dtype, str | None):
            raise TypeError(spec.dtype)
    except (TypeError, KeyError, ValueError) as error:
        raise FormatError("CMP502.call-tensor", layer=owner) from error
    extra = tuple((key, item) for key, item in config.items() if key not in _TENSOR_KEYS)
    return Tensor(
        TensorRef(str(operation), _count(call, owner), _count(output, owner)), spec, extra
    )


def _shape(shape: Json) -> tuple[int | None, ...]:
    """Return a recorded shape.

    Raises:
        TypeError: it is none.
    """
    if not all(d is None or (isinstance(d, int) and not isinstance(d, bool)) for d in shape):
        raise TypeError(shape)
    return tuple(shape)


def _boundary(tree: Json, operations: Mapping[str, Operation]) -> Tree:
    """Read ``input_layers`` or ``output_layers``: bare triples in lists and dicts.

    There a nested Functional's calls count from 1 (``get_tensor`` in
    ``functional_from_config`` takes one off), everything else's from 0.
    """
    if isinstance(tree, list):
        if len(tree) == 3 and isinstance(tree[0], str):  # noqa: PLR2004 - Keras's own test
            name, call, output = tree[0], _count(tree[1], tree[0]), _count(tree[2], tree[0])
            owner = operations.get(name)
            if owner is not None and _counts_from_one(owner, call):
                call -= 1
            return TensorRef(name, call, output)
        return [_boundary(item, operations) for item in tree]
    if isinstance(tree, Mapping):
        return {key: _boundary(item, operations) for key, item in tree.items()}
    raise FormatError("CMP502.boundary", found=tree)


def _counts_from_one(owner: Operation, call: int) -> bool:
    if owner.inner is not None and not owner.inner.sequential:
        return True
    # A subclass of Functional that saves constructor arguments (a KerasHub backbone) counts
    # from 1 too, and only an index past its calls can show it.
    return bool(owner.calls) and call == len(owner.calls)


def _check_references(graph: Graph, operations: Mapping[str, Operation]) -> None:
    def check(ref: TensorRef, where: str) -> None:
        producer = operations.get(ref.operation)
        if producer is None:
            raise FormatError(
                "CMP502.missing-layer", where=where, layer=ref.operation, model=graph.name
            )
        # An input layer is not called; its tensor counts as that of a first call.
        if ref.call >= (len(producer.calls) or (producer.kind == "input")):
            raise FormatError(
                "CMP502.missing-call",
                where=where,
                call=ref.call,
                layer=ref.operation,
                count=len(producer.calls),
            )
        count = output_count(producer)
        if count is not None and ref.output >= count:
            raise FormatError(
                "CMP502.missing-output",
                where=where,
                output=ref.output,
                layer=ref.operation,
                count=count,
            )

    for operation in graph.operations:
        for call in operation.calls:
            for tensor in call.tensors():
                check(tensor.ref, f"layer {operation.name!r}")
    for tree, where in ((graph.inputs, "the list of inputs"), (graph.outputs, "the outputs")):
        map_leaves(tree, lambda ref, where=where: check(ref, where))


# ---------------------------------------------------------------- Sequential


def _read_sequential(model: Mapping[str, Json]) -> Graph:
    config = model["config"]
    name = _text(config.get("name"), "the model's name")
    operations: list[Operation] = []
    layers = config["layers"]
    taken = {name_of(entry) for entry in layers}
    for entry in layers:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            raise FormatError("CMP502.layer-object", model=name)
        operations.append(_read_operation(entry, _free_name(entry, taken)))
        taken.add(operations[-1].name)
    return chain(name, tuple(operations), config.get("build_input_shape"))


def name_of(entry: Json) -> str | None:
    """Return the name that a layer's config keeps; a custom class may leave it out."""
    config = entry.get("config") if isinstance(entry, Mapping) else None
    name = config.get("name") if isinstance(config, Mapping) else None
    return name if isinstance(name, str) else None


def _free_name(entry: Mapping[str, Json], taken: AbstractSet[str | None]) -> str:
    """Return the name that Keras makes up for a layer without one: its class, and a number.

    Mirrors ``auto_name`` of ``keras/src/utils/naming.py`` in a process that loads this model only.
    """
    base = snake_case(str(entry.get("class_name")))
    number = 0
    while (name := f"{base}_{number}" if number else base) in taken:
        number += 1
    return name


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise FormatError("CMP502.text", what=what, found=value)
    return value


def _count(value: Any, owner: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FormatError("CMP502.reference-number", layer=owner, found=value)
    if value > MAX_COUNT:
        raise FormatError("CMP502.reference-count", layer=owner, found=value, limit=MAX_COUNT)
    return value
