"""A Sequential's list of layers as the Functional chain that it computes.

A Sequential records no edges. Shapes between its layers follow from what each layer was built
with, or from the static rules; where neither says, the edge's spec stays unknown and becomes a
question to Keras.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from composer.errors import FormatError
from composer.keras_format.graph import Call, Graph, Json, Operation, Tensor, TensorRef, TensorSpec
from composer.keras_format.static_specs import input_spec, static_output

_UNKNOWN = TensorSpec(None, None)


def chain(name: str, operations: Sequence[Operation], build_input_shape: Json) -> Graph:
    """Return the graph of the Sequential ``name``.

    Args:
        name: of the model.
        operations: its layers in order, the InputLayer first where the file lists one.
        build_input_shape: as the config records it, batch dimension first; or None.

    Raises:
        FormatError: the model was never built, or has no layers.
    """
    layers = list(operations)
    if not layers:
        raise FormatError(f"Sequential {name!r} has no layers", reason="bad-graph")
    if layers[0].kind != "input":
        if not isinstance(build_input_shape, list):
            raise FormatError(
                f"Sequential {name!r} was saved before it was built: it records no input shape "
                "and holds no weights",
                reason="not-built",
                help="call model.build(input_shape) before saving it",
            )
        layers.insert(0, _input_layer(name, build_input_shape, layers))
    spec = input_spec(layers[0])
    chained = [layers[0]]
    for layer in layers[1:]:
        built = _built_shape(layer)
        if built is not None:
            spec = TensorSpec(built, spec.dtype)
        tensor = Tensor(TensorRef(chained[-1].name), spec)
        chained.append(replace(layer, calls=(Call(args=(tensor,)),)))
        spec = static_output(layer, (spec,)) or _UNKNOWN
    return Graph(
        name=name,
        operations=tuple(chained),
        inputs=TensorRef(chained[0].name),
        outputs=TensorRef(chained[-1].name),
        sequential=True,
    )


def _built_shape(layer: Operation) -> tuple[int | None, ...] | None:
    shape = (layer.build_config or {}).get("input_shape")
    if isinstance(shape, list) and all(d is None or isinstance(d, int) for d in shape):
        return tuple(shape)
    return None


def _input_layer(name: str, shape: Sequence[int | None], layers: Sequence[Operation]) -> Operation:
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
            "batch_shape": list(shape),
            "dtype": "float32",
            "sparse": False,
            "ragged": False,
            "name": own,
            "optional": False,
        },
        storage="input_layer",
    )
