"""Output specs that follow from the config of a source's layer alone.

Only what is certain is said; everything else is a question to Keras. The rules are those of
``static_shapes``, which a test compares with Keras itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.graphs.graph import Operation, TensorSpec, Tree, leaves
from composer.graphs.static_shapes import Answer, static_answer

_ANY_FLOAT = "float32"
_SETTLE_DTYPES = frozenset({
    "Activation", "Add", "AlphaDropout", "Average", "BatchNormalization", "Concatenate", "Conv1D",
    "Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D", "Dropout", "ELU", "GaussianDropout",
    "GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "LayerNormalization",
    "LeakyReLU", "Maximum", "Minimum", "Multiply", "PReLU", "ReLU", "SpatialDropout1D",
    "SpatialDropout2D", "SpatialDropout3D", "Subtract",
})  # fmt: skip
"""Layers that put out their compute dtype, integers and floats of any dtype alike."""


def input_spec(operation: Operation) -> TensorSpec:
    """Return what an input layer puts out: its batch shape and dtype."""
    shape = operation.config.get("batch_shape")
    dtype = operation.config.get("dtype")
    return TensorSpec(
        tuple(shape) if isinstance(shape, list | tuple) else None,
        dtype if isinstance(dtype, str) else None,
    )


def static_output(operation: Operation, inputs: Sequence[TensorSpec]) -> TensorSpec | None:
    """Return the spec of the one output of a call, or None where only Keras can tell.

    Args:
        operation: the layer; its ``calls`` are not looked at.
        inputs: specs of the tensors that the call takes, in visiting order; a dtype of None is
            not known.
    """
    if operation.kind == "input":
        return input_spec(operation)
    if operation.class_name in _SETTLE_DTYPES:
        # Whatever dtype comes in, it can't matter to what the layer puts out.
        inputs = [replace(spec, dtype=spec.dtype or _ANY_FLOAT) for spec in inputs]
    args = [list(inputs)] if len(inputs) > 1 else list(inputs)
    answer = static_call(operation, args, {})
    return answer[0] if isinstance(answer, tuple) and len(answer) == 1 else None


def static_call(operation: Operation, args: Sequence[Tree], kwargs: Mapping[str, Tree]) -> Answer:
    """Return what can be told of a call of a source's layer without Keras.

    Args:
        operation: the layer; its ``calls`` are not looked at.
        args: of the call, with ``TensorSpec`` leaves.
        kwargs: the same.
    """
    module = operation.module or ""
    if operation.kind != "layer" or not is_keras_own(module):
        return None
    return static_answer(operation.class_name, operation.config, args, kwargs)


def is_keras_own(module: str) -> bool:
    """Tell whether a config's module is of Keras itself and not of a package like KerasHub."""
    return module == "keras" or module.startswith("keras.")


_SAME_SHAPE = frozenset(
    {
        "Activation",
        "AlphaDropout",
        "BatchNormalization",
        "Dropout",
        "ELU",
        "GaussianDropout",
        "GaussianNoise",
        "LayerNormalization",
        "LeakyReLU",
        "PReLU",
        "ReLU",
        "SpatialDropout1D",
        "SpatialDropout2D",
        "SpatialDropout3D",
    }
)


def keeps_shape(operation: Operation) -> bool:
    """Tell whether a layer is known to put out the shape that it takes."""
    halved = operation.config.get("activation") == "glu"
    return (
        is_keras_own(operation.module or "") and operation.class_name in _SAME_SHAPE and not halved
    )


_NO_WEIGHTS = frozenset(
    {
        "Activation",
        "ActivityRegularization",
        "Dropout",
        "ELU",
        "Flatten",
        "GaussianDropout",
        "GaussianNoise",
        "LeakyReLU",
        "Masking",
        "Permute",
        "ReLU",
        "RepeatVector",
        "Rescaling",
        "Reshape",
        "Softmax",
        "UnitNormalization",
        *(
            f"{kind}{dimensions}D"
            for kind in (
                "AveragePooling",
                "Cropping",
                "GlobalAveragePooling",
                "GlobalMaxPooling",
                "MaxPooling",
                "SpatialDropout",
                "UpSampling",
                "ZeroPadding",
            )
            for dimensions in (1, 2, 3)
        ),
    }
)


def has_no_weights(operation: Operation) -> bool:
    """Tell whether a layer is of a class of Keras that never has weights."""
    keras = (operation.module or "").startswith("keras")
    return keras and operation.class_name in _NO_WEIGHTS


# ---------------------------------------------------------------- how many outputs

_STATES = {"GRU": 1, "LSTM": 2, "SimpleRNN": 1}
"""Tensors that a recurrent layer puts out beside its first when ``return_state`` is set."""

_OTHERS = (
    "Add",
    "Average",
    "Concatenate",
    "Dense",
    "Flatten",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
)
_ONE_OUTPUT = frozenset(
    {
        *_SAME_SHAPE,
        *_OTHERS,
        "AveragePooling1D",
        "AveragePooling2D",
        "AveragePooling3D",
        "Conv1D",
        "Conv1DTranspose",
        "Conv2D",
        "Conv2DTranspose",
        "Conv3D",
        "Conv3DTranspose",
        "Cropping1D",
        "Cropping2D",
        "Cropping3D",
        "DepthwiseConv1D",
        "DepthwiseConv2D",
        "Dot",
        "EinsumDense",
        "Embedding",
        "GroupNormalization",
        "Masking",
        "MaxPooling1D",
        "MaxPooling2D",
        "MaxPooling3D",
        "Normalization",
        "Permute",
        "RMSNormalization",
        "RepeatVector",
        "Reshape",
        "SeparableConv1D",
        "SeparableConv2D",
        "Softmax",
        "UnitNormalization",
        "UpSampling1D",
        "UpSampling2D",
        "UpSampling3D",
        "ZeroPadding1D",
        "ZeroPadding2D",
        "ZeroPadding3D",
    }
)


def output_count(operation: Operation) -> int | None:
    """Return how many tensors a call of ``operation`` puts out; None where only Keras can tell."""
    if operation.kind == "input":
        return 1
    if operation.inner is not None:
        return sum(1 for _ in leaves(operation.inner.outputs))
    if operation.kind != "layer" or not (operation.module or "").startswith("keras"):
        return None
    if operation.class_name in _STATES:
        return_state = operation.config.get("return_state", False)
        if not isinstance(return_state, bool):
            return None
        return 1 + _STATES[operation.class_name] * return_state
    return 1 if operation.class_name in _ONE_OUTPUT else None
