"""What can be seen to be wrong at a seam from the configs alone, before Keras is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from composer.graphs.graph import Json, Operation, TensorSpec

_RANKS = {
    "Conv1D": 3,
    "Conv1DTranspose": 3,
    "Conv2D": 4,
    "Conv2DTranspose": 4,
    "Conv3D": 5,
    "Conv3DTranspose": 5,
    "DepthwiseConv1D": 3,
    "DepthwiseConv2D": 4,
    "SeparableConv1D": 3,
    "SeparableConv2D": 4,
}
_RECURRENT = frozenset({"LSTM", "GRU", "SimpleRNN"})


def static_problem(operation: Operation, recorded: TensorSpec, actual: TensorSpec) -> str | None:
    """Return why ``operation`` can't take ``actual`` where it was built with ``recorded``.

    Returns:
        A reason for people, or None where it fits or only Keras can tell. A shape that differs
        is no mistake as such: a convolution takes images of another size.
    """
    kinds = _kind(recorded.dtype), _kind(actual.dtype)
    if kinds[0] != kinds[1] and "unknown" not in kinds:
        return f"it needs {_KIND_WORDS[kinds[0]]} and gets {_KIND_WORDS[kinds[1]]}"
    if recorded.shape is None or actual.shape is None:
        return None
    why = _state_problem(operation, recorded.shape, actual.shape)
    if why is not None:
        return why
    rank = _RANKS.get(operation.class_name)
    if rank is not None and len(actual.shape) != rank:
        return f"it needs {rank} dimensions and gets {len(actual.shape)}"
    if operation.class_name in _RECURRENT and len(actual.shape) != len(recorded.shape):
        return f"it needs {len(recorded.shape)} dimensions and gets {len(actual.shape)}"
    axis = _feature_axis(operation, len(recorded.shape))
    least = min(len(recorded.shape), len(actual.shape))
    if axis is None or not -least <= axis < least:
        return None
    before, after = recorded.shape[axis], actual.shape[axis]
    if before is not None and after is not None and before != after:
        return f"its weights are made for {before} features and it gets {after}"
    return None


Shape = tuple[int | None, ...]


def _state_problem(operation: Operation, recorded: Shape, actual: Shape) -> str | None:
    """Return why a layer that keeps a state between batches can't take batches of another size.

    Its states were made for one batch size (``RNN.build`` of ``keras/src/layers/rnn/rnn.py``), and
    Keras refuses batches of another at the first call, which for one inside of another layer or
    model is too late: by then the model was built and saved.
    """
    if not recorded or not actual or recorded[0] == actual[0]:
        return None
    entry = {
        "module": operation.module,
        "config": operation.config,
        "build_config": operation.build_config,
    }
    sizes = list(dict.fromkeys(_state_sizes(entry)))
    if recorded[0] is not None:
        needed = recorded[0] if sizes else None
    else:
        needed = next((size for size in sizes if size not in (None, actual[0])), None)
    if needed is None:
        return None
    given = "batches of any size" if actual[0] is None else f"batches of {actual[0]}"
    return f"it keeps a state between batches of {needed} (stateful) and gets {given}"


def _state_sizes(value: Json) -> Iterator[int | None]:
    """Yield the batch size of each stateful layer of Keras in a serialised object, None if open."""
    if isinstance(value, list):
        for item in value:
            yield from _state_sizes(item)
    elif isinstance(value, Mapping):
        config = value.get("config")
        stateful = isinstance(config, Mapping) and config.get("stateful") is True
        if stateful and str(value.get("module") or "").startswith("keras"):
            yield _batch_size(value.get("build_config"))
        for item in value.values():
            yield from _state_sizes(item)


def _batch_size(build_config: Json) -> int | None:
    """Return the batch size that a layer was built for; None where it is open or not recorded."""
    found = build_config.get("input_shape") if isinstance(build_config, Mapping) else None
    while isinstance(found, list) and found and isinstance(found[0], list):
        found = found[0]  # shapes of several tensors
    size = found[0] if isinstance(found, list) and found else None
    return size if isinstance(size, int) else None


def _feature_axis(operation: Operation, rank: int) -> int | None:
    """Return the axis along which the layer's weights are made; None for layers without one."""
    name = operation.class_name
    if not (operation.module or "").startswith("keras"):
        return None
    if name == "Dense" or name in _RECURRENT:
        return -1
    if name in _RANKS:
        first = operation.config.get("data_format") == "channels_first"
        return 1 if first else -1
    if name == "BatchNormalization":
        axis = operation.config.get("axis", -1)
        if not isinstance(axis, int):
            return None
        return axis - rank if axis == rank - 1 else axis
    return None


_KIND_WORDS = {
    "float": "floating-point numbers",
    "integer": "integers",
    "boolean": "booleans",
    "string": "text",
    "unknown": "a tensor of unknown dtype",
}


def _kind(dtype: str | None) -> str:
    if dtype is None:
        return "unknown"
    if dtype.startswith(("float", "bfloat")):
        return "float"
    if dtype.startswith(("int", "uint")):
        return "integer"
    if dtype in ("bool", "string"):
        return "boolean" if dtype == "bool" else "string"
    return "unknown"
