"""What a linked model must be, from its sources as they are in memory; a Keras process compares."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composer.graphs.graph import TensorRef
from tests.properties.keras_reader import input_name, stored, structures
from tests.properties.linking_parts import Variant, original
from tests.properties.random_keras_writer import VOCABULARY

_BATCH = 2


def give_values(model: Any, number: int) -> None:
    """Give every variable values of its own, so that no mistake hides behind zeros."""
    import numpy as np

    generator = np.random.default_rng(number)
    for variable in model.variables:
        shape = tuple(variable.shape)
        if "int" in str(variable.dtype):
            variable.assign(generator.integers(0, 1000, shape))
        elif "variance" in variable.path:
            variable.assign(generator.uniform(0.5, 1.5, shape))
        else:
            variable.assign(generator.uniform(-0.9, 0.9, shape))


def input_values(model: Any) -> dict[str, Any]:
    """Return random values for each input of ``model``, by its name."""
    import numpy as np

    generator = np.random.default_rng(7)
    values = {}
    for tensor in model.inputs:
        shape = (_BATCH, *tensor.shape[1:])
        name = input_name(tensor)
        if "int" in tensor.dtype:
            values[name] = generator.integers(0, VOCABULARY, shape).astype(tensor.dtype)
        else:
            values[name] = generator.uniform(-1, 1, shape).astype(tensor.dtype)
    return values


def write_expected(
    path: Path,
    variant: Variant,
    models: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    tolerance: float | None = None,
) -> None:
    """Write what the artifact must be, from the source models as they are in memory.

    ``tolerance`` asks for ``predict`` as well, whose compiled graph may add in another order.
    """
    import keras

    operations, variables = set(variant.inputs), {}
    trainable, frozen, outputs = [], [], []
    weights = []
    for source, (prefix, suffix) in variant.names.items():
        model = models[source]
        tensors = [_tensor(model, original(r)) for s, r in variant.outputs if s == source]
        starts = [_tensor(model, ref) for ref in variant.starts] or model.inputs
        names = [str(ref) for ref in variant.starts] or [input_name(t) for t in model.inputs]
        part = keras.Model(starts, tensors)
        given = part([values[name] for name in names], training=False)
        outputs.extend(stored(output) for output in keras.tree.flatten(given))
        if variant.flatten:
            weights.extend(stored(weight) for weight in part.weights)
            continue
        for operation in part.operations:
            if isinstance(operation, (keras.layers.InputLayer, *_classes(variant.gone))):
                continue
            name = f"{prefix}{operation.name}{suffix}"
            operations.add(name)
            if isinstance(operation, keras.layers.Layer):
                variables[name] = [stored(weight) for weight in operation.weights]
                if (source, operation.name) in variant.frozen:
                    frozen.append(name)
                elif operation.trainable_variables:
                    trainable.append(name)
    document = {
        "inputs": {final: values[name] for final, name in variant.inputs.items()},
        "operations": None if variant.flatten else sorted(operations),
        "weights": weights,
        "variables": variables,
        "trainable": trainable,
        "frozen": frozen,
        "outputs": outputs,
        "structures": structures(models["a"]) if variant.arranged else None,
        "tolerance": tolerance,
    }
    path.write_bytes(pickle.dumps(document))


def _classes(names: tuple[str, ...]) -> tuple[type, ...]:
    import keras

    return tuple(getattr(keras.layers, name) for name in names)


def _tensor(model: Any, ref: TensorRef) -> Any:
    """Find a tensor of a Keras model by operation, call within the model, and output."""
    inside = {id(node) for nodes in model._nodes_by_depth.values() for node in nodes}
    operation = next(op for op in model.operations if op.name == ref.operation)
    calls = [node for node in operation._inbound_nodes if id(node) in inside]
    return calls[ref.call].outputs[ref.output]
