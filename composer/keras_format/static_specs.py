"""Output specs that follow from a layer's config alone, for a short list of core layers.

Only what is certain stands here; everything else is a question to Keras. A test compares each
rule with Keras itself over many configs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

from composer.keras_format.graph import Json, Operation, TensorSpec, leaves

_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})
_QUANTISED = "_from_"
_KEEPING_DTYPES = frozenset({"Flatten"})
"""Layers below that put integers out as they came; the others give their compute dtype."""


def input_spec(operation: Operation) -> TensorSpec:
    """Return what an input layer puts out: its batch shape and dtype."""
    shape = operation.config.get("batch_shape")
    dtype = operation.config.get("dtype")
    return TensorSpec(
        tuple(shape) if isinstance(shape, list | tuple) else None,
        dtype if isinstance(dtype, str) else None,
    )


def compute_dtype(policy: Json) -> str | None:
    """Return the dtype that a layer with this serialised dtype policy computes in.

    Mirrors ``DTypePolicy._parse_name`` of ``keras/src/dtype_policies/dtype_policy.py``; None for
    policies that are not a plain name (quantised ones, maps).
    """
    if isinstance(policy, dict):
        if policy.get("class_name") != "DTypePolicy":
            return None
        policy = (policy.get("config") or {}).get("name")
    if not isinstance(policy, str) or _QUANTISED in policy:
        return None
    if policy.startswith("mixed_"):
        policy = policy.removeprefix("mixed_")
    return policy if policy in _FLOATS else None


def static_output(operation: Operation, inputs: Sequence[TensorSpec]) -> TensorSpec | None:
    """Return the spec of the one output of a call, or None where only Keras can tell.

    Args:
        operation: the layer; its ``calls`` are not looked at.
        inputs: specs of the tensors that the call takes, in visiting order; a dtype of None is
            not known.
    """
    if operation.kind == "input":
        return input_spec(operation)
    rule = _RULES.get(operation.class_name)
    module = operation.module or ""
    if rule is None or operation.kind != "layer" or not module.startswith("keras"):
        return None
    dtype = compute_dtype(operation.config.get("dtype"))
    # A layer casts floats to its compute dtype and leaves integers alone, so that an integer
    # input gives an integer or a float depending on the layer. Where the dtype is not known,
    # it can't matter to what the layer puts out.
    if dtype is None or any(
        s.shape is None or (s.dtype is not None and s.dtype not in _FLOATS) for s in inputs
    ):
        return None
    if operation.class_name in _KEEPING_DTYPES and any(s.dtype is None for s in inputs):
        return None
    shape = rule(operation, [s.shape for s in inputs if s.shape is not None])
    return None if shape is None else TensorSpec(shape, dtype)


def keeps_shape(operation: Operation) -> bool:
    """Tell whether a layer is known to put out the shape that it takes."""
    keras = (operation.module or "").startswith("keras")
    return keras and _RULES.get(operation.class_name) is _same


Shape = tuple[int | None, ...]


def _same(operation: Operation, shapes: Sequence[Shape]) -> Shape | None:  # noqa: ARG001
    return shapes[0] if len(shapes) == 1 else None


def _dense(operation: Operation, shapes: Sequence[Shape]) -> Shape | None:
    units = operation.config.get("units")
    if len(shapes) != 1 or not shapes[0] or not isinstance(units, int):
        return None
    return (*shapes[0][:-1], units)


def _flatten(operation: Operation, shapes: Sequence[Shape]) -> Shape | None:  # noqa: ARG001
    if len(shapes) != 1 or len(shapes[0]) < 2:  # noqa: PLR2004
        return None
    rest = [d for d in shapes[0][1:] if d is not None]
    return (shapes[0][0], prod(rest) if len(rest) == len(shapes[0]) - 1 else None)


def _global_pooling(operation: Operation, shapes: Sequence[Shape]) -> Shape | None:
    if len(shapes) != 1 or operation.config.get("keepdims"):
        return None
    last = operation.config.get("data_format", "channels_last") == "channels_last"
    return (shapes[0][0], shapes[0][-1] if last else shapes[0][1])


def _merge(operation: Operation, shapes: Sequence[Shape]) -> Shape | None:  # noqa: ARG001
    return shapes[0] if len(shapes) > 1 and len(set(shapes)) == 1 else None


def _concatenate(operation: Operation, shapes: Sequence[Shape]) -> Shape | None:
    axis = operation.config.get("axis", -1)
    if len(shapes) < 2 or len({len(s) for s in shapes}) != 1 or not isinstance(axis, int):  # noqa: PLR2004
        return None
    rank = len(shapes[0])
    if not -rank <= axis < rank:
        return None
    axis %= rank
    if len({(*s[:axis], *s[axis + 1 :]) for s in shapes}) != 1:
        return None
    sizes = [s[axis] for s in shapes if s[axis] is not None]
    joined = sum(size or 0 for size in sizes) if len(sizes) == len(shapes) else None
    return (*shapes[0][:axis], joined, *shapes[0][axis + 1 :])


Rule = Callable[[Operation, Sequence[Shape]], "Shape | None"]

_RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
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
        ),
        _same,
    ),
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), _merge),
    **dict.fromkeys(
        (
            "GlobalAveragePooling1D",
            "GlobalAveragePooling2D",
            "GlobalAveragePooling3D",
            "GlobalMaxPooling1D",
            "GlobalMaxPooling2D",
            "GlobalMaxPooling3D",
        ),
        _global_pooling,
    ),
    "Concatenate": _concatenate,
    "Dense": _dense,
    "Flatten": _flatten,
}


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

_ONE_OUTPUT = frozenset(
    {
        *_RULES,
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
