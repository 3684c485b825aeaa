"""A model file as a file with one layer: the model itself, called once on inputs of its own."""

from __future__ import annotations

from dataclasses import replace

from composer.errors import FormatError
from composer.graphs.graph import (
    Call,
    Graph,
    Operation,
    Tensor,
    TensorRef,
    Tree,
    leaves,
    map_leaves,
)
from composer.graphs.model_file import LayerState, ModelFile
from composer.graphs.naming import snake_case
from composer.graphs.static_specs import input_spec
from composer.graphs.writer import functional_config


def nested(file: ModelFile, name: str) -> ModelFile:
    """Return ``file`` with all of its operations inside one nested Functional ``name``.

    Its inputs stay visible as input layers of the same names: inside and outside are two scopes.

    Raises:
        FormatError: the file does not record the shape of an input (``no-shape``).
    """
    graph = file.graph
    inner = replace(graph, name=name, sequential=False)
    by_name = {operation.name: operation for operation in graph.operations}
    inputs = [by_name[ref.operation] for ref in leaves(graph.inputs)]
    for operation in inputs:
        if input_spec(operation).shape is None:
            raise FormatError("CMP421.no-shape", model=graph.name)
    call = Call(args=(map_leaves(graph.inputs, lambda ref: _tensor(ref, by_name)),))
    model = Operation(
        name=name,
        kind="layer",
        class_name="Functional",
        module="keras.src.models.functional",
        registered_name="Functional",
        config=functional_config(inner),
        build_config={"input_shape": None},
        calls=(call,),
        inner=inner,
        storage=snake_case("Functional"),
    )
    variables = [
        (state, variable)
        for operation in graph.operations
        if (state := file.states.get(operation.name)) is not None
        for variable in state.variables
    ]
    whole = LayerState(
        group="",
        variables=tuple(
            replace(variable, path=f"{state.group}/{variable.path}")
            for state, variable in variables
        ),
        assets=tuple(
            asset
            for operation in graph.operations
            if operation.name in file.states
            for asset in file.states[operation.name].assets
        ),
    )
    return replace(
        file,
        graph=Graph(
            name=name,
            operations=(*inputs, model),
            inputs=graph.inputs,
            outputs=_outputs(graph.outputs, name),
            own_classes=graph.own_classes,
            repairs=graph.repairs,
            warnings=graph.warnings,
        ),
        states={name: whole},
    )


def _tensor(ref: TensorRef, operations: dict[str, Operation]) -> Tensor:
    return Tensor(ref, input_spec(operations[ref.operation]))


def _outputs(tree: Tree, name: str) -> Tree:
    """Number the outputs as Keras flattens them: dicts by sorted key."""
    count = -1

    def number(_ref: TensorRef) -> TensorRef:
        nonlocal count
        count += 1
        return TensorRef(name, 0, count)

    return map_leaves(tree, number)
