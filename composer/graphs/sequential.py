"""A Sequential's list of layers as the Functional chain that it computes.

A Sequential records no edges. Shapes between its layers follow from what each layer was built
with, or from the static rules; where neither says, the edge's spec stays unknown and becomes a
question to Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.errors import FormatError
from composer.graphs.graph import Call, Graph, Json, Operation, Tensor, TensorRef, TensorSpec
from composer.graphs.static_shapes.compute_dtype import compute_dtype
from composer.graphs.static_specs import (
    input_spec,
    keeps_shape,
    output_count,
    static_output,
)

_UNKNOWN = TensorSpec(None, None)


def chain(name: str, operations: Sequence[Operation], build_input_shape: Json) -> Graph:
    """Return the graph of the Sequential ``name``.

    Args:
        name: of the model.
        operations: its layers in order, the InputLayer first where the file lists one.
        build_input_shape: as the config records it, batch dimension first; or None.

    Raises:
        FormatError: the model has no layers.
    """
    layers = list(operations)
    if not layers:
        raise FormatError("CMP502.empty-sequential", model=name)
    unbuilt = False
    if layers[0].kind != "input":
        shape = build_input_shape if isinstance(build_input_shape, list) else None
        if shape is None:
            unbuilt, shape = True, _shape_of_first(layers)
        layers.insert(0, _input_layer(name, shape, layers))
    spec = input_spec(layers[0])
    chained = [layers[0]]
    for layer in layers[1:]:
        built = _built_shape(layer)
        if built is not None:
            spec = TensorSpec(built, spec.dtype)
        ends = _outputs(chained[-1])
        first = Tensor(ends[0], spec)
        further = [Tensor(ref, _UNKNOWN) for ref in ends[1:]]
        taken = [first, *further] if further else first
        chained.append(replace(layer, calls=(Call(args=(taken,)),)))
        spec = static_output(layer, (spec,)) or _UNKNOWN
    return Graph(
        name=name,
        operations=tuple(chained),
        inputs=TensorRef(chained[0].name),
        outputs=ends if len(ends := _outputs(chained[-1])) > 1 else ends[0],
        sequential=True,
        unbuilt=unbuilt,
    )


def _outputs(layer: Operation) -> list[TensorRef]:
    """Return what a layer hands on: all that it puts out, as a list where that is several."""
    return [TensorRef(layer.name, 0, output) for output in range(output_count(layer) or 1)]


def _shape_of_first(layers: Sequence[Operation]) -> list[int | None] | None:
    """Return the shape that the first layers were built for, the batch dimension left open."""
    for layer in layers:
        built = _built_shape(layer)
        if built:
            return [None, *built[1:]]
        if not keeps_shape(layer):
            return None
    return None


def _built_shape(layer: Operation) -> tuple[int | None, ...] | None:
    shape = (layer.build_config or {}).get("input_shape")
    if isinstance(shape, list) and all(d is None or isinstance(d, int) for d in shape):
        return tuple(shape)
    return None


def _input_layer(
    name: str, shape: Sequence[int | None] | None, layers: Sequence[Operation]
) -> Operation:
    """Return the input layer that ``Sequential.build`` of Keras makes for the first layer."""
    taken = {layer.name for layer in layers}
    own = f"{name}_input"
    while own in taken:
        own += "_"
    return Operation(
        name=own,
        kind="input",
        class_name="InputLayer",
        module="keras.layers",
        registered_name=None,
        config={
            "batch_shape": None if shape is None else list(shape),
            "dtype": compute_dtype(layers[0].config.get("dtype")) or "float32",
            "sparse": False,
            "ragged": False,
            "name": own,
            "optional": False,
        },
        storage="input_layer",
    )
