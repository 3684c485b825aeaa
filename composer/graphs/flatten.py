"""A model file with its nested models inlined, their operations named ``outer/inner``.

A nested model called n times gives each of its operations n times as many calls: those of the
first call of the model come first. Layers that a nested model shares with the model around it
become one operation again, which also repairs files that Keras saves and can't load (the weights
of such a layer are stored once, where Keras met it first).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from composer.errors import FormatError
from composer.graphs.graph import (
    Call,
    Graph,
    Operation,
    Tensor,
    TensorRef,
    TensorSpec,
    leaves,
    map_call,
    map_leaves,
)
from composer.graphs.model_file import LayerState, ModelFile
from composer.graphs.reader import is_model_of_keras
from composer.graphs.training import called_in_model

SEPARATOR = "/"
"""Between the names of a nested model and of an operation inside it. Keras refuses it in names."""


def flattened(file: ModelFile) -> ModelFile:
    """Return ``file`` without nested models.

    Raises:
        FormatError: a nested model is called in a way that its inlined operations could not
            repeat; or a name of the file can be read as a path as well.
    """
    if not any(operation.inner is not None for operation in file.graph.operations):
        return file
    flat = _inline(file.graph)
    states = {name: file.states[name] for name in flat.operations if name in file.states}
    operations, states, merged = _merge_shared(flat.operations, states, file)
    graph = replace(
        file.graph,
        operations=tuple(operations.values()),
        own_classes=tuple(dict.fromkeys((*file.graph.own_classes, *_own_classes(file.graph)))),
        inputs=file.graph.inputs,
        outputs=_redirected(map_leaves(file.graph.outputs, flat.settle), merged),
    )
    misplaced = {k: v for k, v in file.misplaced.items() if k in operations and k not in states}
    return replace(file, graph=graph, states=states, misplaced=misplaced, inlined=True)


def _own_classes(graph: Graph) -> Iterator[str]:
    """Yield the classes of nested models, at any depth, that are none of Keras's own."""
    for operation in graph.operations:
        if operation.inner is not None:
            model = {
                "class_name": operation.class_name,
                "module": operation.module,
                "registered_name": operation.registered_name,
            }
            if not is_model_of_keras(model):
                yield operation.class_name
            yield from _own_classes(operation.inner)


def flat_graph(graph: Graph) -> Graph:
    """Return a graph without nested models, for those who want the names and the wires alone.

    Layers that a nested model shares with the model around it stay two operations.

    Raises:
        FormatError: as for :func:`flattened`.
    """
    flat = _inline(graph)
    return replace(
        graph,
        operations=tuple(flat.operations.values()),
        outputs=map_leaves(graph.outputs, flat.settle),
    )


@dataclass(slots=True)
class _Flat:
    """What inlining one graph gave: operations by path, and where its tensors went."""

    operations: dict[str, Operation] = field(default_factory=dict)
    moved: dict[TensorRef, TensorRef] = field(default_factory=dict)

    def settle(self, ref: TensorRef) -> TensorRef:
        """Follow a tensor of the graph to the operation that puts it out after inlining."""
        while ref in self.moved:
            ref = self.moved[ref]
        return ref


def _inline(graph: Graph) -> _Flat:
    flat = _Flat()
    for operation in graph.operations:
        if operation.inner is None:
            flat.operations[operation.name] = operation
            continue
        for name, inner in _inlined(operation, flat):
            if name in flat.operations or name in {op.name for op in graph.operations}:
                raise FormatError("CMP418.ambiguous-path", name=name, model=operation.name)
            flat.operations[name] = inner
    flat.operations = {
        name: replace(operation, calls=tuple(_moved(call, flat) for call in operation.calls))
        for name, operation in flat.operations.items()
    }
    return flat


def _inlined(outer: Operation, flat: _Flat) -> Iterator[tuple[str, Operation]]:
    """Yield the operations of a nested model under their paths, and note where its tensors go."""
    assert outer.inner is not None
    inner = _inline(outer.inner)
    inputs = [ref.operation for ref in leaves(outer.inner.inputs)]
    outputs = [inner.settle(ref) for ref in leaves(outer.inner.outputs)]
    given = [_arguments(outer, call, len(inputs)) for call in outer.calls]

    def place(ref: TensorRef, number: int) -> TensorRef:
        """Return an inner tensor of the ``number``-th call as a tensor of the outer graph."""
        if ref.operation in inputs:
            return given[number][inputs.index(ref.operation)].ref
        calls = len(inner.operations[ref.operation].calls)
        path = f"{outer.name}{SEPARATOR}{ref.operation}"
        return TensorRef(path, number * calls + ref.call, ref.output)

    for number in range(len(outer.calls)):
        for index, ref in enumerate(outputs):
            flat.moved[TensorRef(outer.name, number, index)] = place(ref, number)
    for name, operation in inner.operations.items():
        if name in inputs:
            continue
        calls: list[Call] = []
        for number in range(len(outer.calls)):
            changed = [
                given[number][index].spec != _input_spec(inner.operations[name_in])
                for index, name_in in enumerate(inputs)
            ]
            forget = any(changed)

            def moved(tensor: Tensor, number: int = number, forget: bool = forget) -> Tensor:  # noqa: FBT001
                return _placed(tensor, place(tensor.ref, number), forget=forget)

            training = outer.calls[number].kwargs.get("training")
            calls.extend(
                called_in_model(operation, map_call(call, moved), training)
                for call in operation.calls
            )
        path = f"{outer.name}{SEPARATOR}{name}"
        yield path, replace(operation, name=path, calls=tuple(calls))


def _placed(tensor: Tensor, ref: TensorRef, *, forget: bool) -> Tensor:
    """Move a tensor; what the inner model recorded holds for calls with its own input shapes."""
    spec = TensorSpec(None, None) if forget else tensor.spec
    return replace(tensor, ref=ref, spec=spec)


def _input_spec(operation: Operation) -> TensorSpec:
    shape = operation.config.get("batch_shape")
    dtype = operation.config.get("dtype")
    return TensorSpec(tuple(shape) if isinstance(shape, list) else None, dtype)


def _arguments(outer: Operation, call: Call, wanted: int) -> list[Tensor]:
    """Return the tensors that a call gives to the nested model's inputs, in their order."""
    for name, value in call.kwargs.items():
        if not _says_nothing(value) and (name != "training" or any(leaves(value))):
            raise FormatError(
                "CMP418.flatten-argument", model=outer.name, name=name, value=_plain(value)
            )
    given = list(leaves(list(call.args)))
    if len(given) != wanted or len(call.args) != 1:
        raise FormatError(
            "CMP418.flatten-inputs", model=outer.name, expected=wanted, found=len(given)
        )
    return given


def _says_nothing(value: object) -> bool:
    """Tell None, and a structure of None: what Keras records as the mask of several inputs."""
    if isinstance(value, Mapping):
        return all(_says_nothing(item) for item in value.values())
    if isinstance(value, list | tuple):
        return all(_says_nothing(item) for item in value)
    return value is None


def _plain(value: object) -> str:
    return "a tensor" if any(leaves(value)) else repr(value)


def _moved(call: Call, flat: _Flat) -> Call:
    return map_call(call, lambda tensor: replace(tensor, ref=flat.settle(tensor.ref)))


# ---------------------------------------------------------------- layers shared between levels


def _merge_shared(
    operations: dict[str, Operation], states: dict[str, LayerState], file: ModelFile
) -> tuple[dict[str, Operation], dict[str, LayerState], dict[str, tuple[str, int]]]:
    """Join operations that were one layer when the file was saved.

    Keras stores a shared layer once, so the one without weights of its own is the other.
    """
    merged: dict[str, tuple[str, int]] = {}
    for path, operation in operations.items():
        if operation.kind != "layer" or (path in states and path not in file.misplaced):
            continue
        own = path.rsplit(SEPARATOR, 1)[-1]
        for other_path, other in operations.items():
            if (
                other_path != path
                and other_path in states
                and other_path not in merged
                and other_path.rsplit(SEPARATOR, 1)[-1] == own
                and other.class_name == operation.class_name
                and other.shared in (None, operation.shared)
                and _comparable(other.config) == _comparable(operation.config)
            ):
                merged[path] = (other_path, len(other.calls))
                operations[other_path] = replace(other, calls=(*other.calls, *operation.calls))
                break
    kept = {path: operation for path, operation in operations.items() if path not in merged}
    redirected = {
        path: replace(
            operation,
            calls=tuple(
                map_call(call, lambda tensor: replace(tensor, ref=_redirected(tensor.ref, merged)))
                for call in operation.calls
            ),
        )
        for path, operation in kept.items()
    }
    return redirected, {k: v for k, v in states.items() if k not in merged}, merged


def _redirected(tree: object, merged: Mapping[str, tuple[str, int]]) -> object:
    def redirect(ref: TensorRef) -> TensorRef:
        if ref.operation not in merged:
            return ref
        path, first = merged[ref.operation]
        return TensorRef(path, first + ref.call, ref.output)

    return map_leaves(tree, redirect)


def _comparable(value: object) -> object:
    """Return a config without the numbers that tell shared objects apart."""
    if isinstance(value, list):
        return [_comparable(item) for item in value]
    if isinstance(value, Mapping):
        return {k: _comparable(v) for k, v in value.items() if k != "shared_object_id"}
    return value
