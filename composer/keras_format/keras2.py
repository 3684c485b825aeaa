"""What the Keras 2 that wrote ``.keras`` files spells differently, turned into today's form.

Keras 2.12 to 2.15 (and tf-keras) write a call as ``[[name, call, output, kwargs], …]``, count
the calls of nested models from 1 everywhere, and give an input layer a ``batch_input_shape``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from composer.errors import FormatError
from composer.keras_format.graph import (
    Call,
    Json,
    Operation,
    Tensor,
    TensorRef,
    TensorSpec,
    map_leaves,
)

_UNKNOWN = TensorSpec(None, None)
_TENSOR_ARGUMENT = 4


def is_legacy(entries: Sequence[Json]) -> bool:
    """Tell whether a list of serialised layers was written by Keras 2."""
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("config"), Mapping):
            continue
        if any(isinstance(node, list) for node in entry.get("inbound_nodes") or []):
            return True
        if "batch_input_shape" in entry["config"]:
            return True
    return False


def modernise(entry: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    """Return a serialised layer with the keys and values that Keras 3 reads."""
    changed = dict(entry)
    config = dict(entry["config"])
    if entry["class_name"] == "InputLayer" and "batch_input_shape" in config:
        config = {
            "batch_shape": config["batch_input_shape"],
            "dtype": config.get("dtype", "float32"),
            "sparse": bool(config.get("sparse", False)),
            "ragged": bool(config.get("ragged", False)),
            "name": config.get("name", name),
            "optional": False,
        }
    else:
        config.pop("batch_input_shape", None)
    if entry["class_name"] == "Sequential" and isinstance(config.get("layers"), list):
        config["layers"] = [
            modernise(layer, layer["config"].get("name", "")) for layer in config["layers"]
        ]
    changed["config"] = config
    changed.setdefault("module", "keras.layers")
    changed.setdefault("registered_name", None)
    return changed


def read_node(node: list[Json], owner: str) -> Call:
    """Read ``[[name, call, output, kwargs], …]`` as a call.

    Keras 2 passes one tensor bare and several as one list (``unpack_singleton``).

    Raises:
        FormatError: a form that only the TFOpLambda layers of ``.h5`` files use.
    """
    tensors: list[Tensor] = []
    kwargs: dict[str, Json] = {}
    for item in node:
        if not isinstance(item, list) or len(item) not in (3, _TENSOR_ARGUMENT):
            raise FormatError(
                f"layer {owner!r}: its call is written in a form of Keras 2 that can't be read",
                reason="keras2",
            )
        operation, call, output = item[:3]
        if not isinstance(operation, str) or not isinstance(call, int) or call < 0:
            raise FormatError(
                f"layer {owner!r}: its call takes a constant, as TFOpLambda layers of Keras 2 do; "
                "today's Keras has no such layer",
                reason="keras2",
            )
        tensors.append(Tensor(TensorRef(operation, call, output), _UNKNOWN))
        if len(item) == _TENSOR_ARGUMENT:
            kwargs.update(item[3] or {})
    if any(_looks_like_tensor(value) for value in kwargs.values()):
        raise FormatError(
            f"layer {owner!r}: a keyword argument of its call is a tensor, written in a form of "
            "Keras 2 that can't be read",
            reason="keras2",
        )
    return Call(args=(tensors[0] if len(tensors) == 1 else tensors,), kwargs=kwargs)


def _looks_like_tensor(value: Json) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(part, int) for part in value[1:3])
    )


def count_from_zero(operation: Operation, operations: Mapping[str, Operation]) -> Operation:
    """Return ``operation`` with references to nested models counted from 0, as all others are."""

    def shift(tensor: Tensor) -> Tensor:
        producer = operations.get(tensor.ref.operation)
        if producer is None or producer.inner is None:
            return tensor
        return replace(tensor, ref=replace(tensor.ref, call=tensor.ref.call - 1))

    if not operation.calls:
        return operation
    calls = tuple(
        Call(
            args=tuple(map_leaves(value, shift) for value in call.args),
            kwargs={key: map_leaves(value, shift) for key, value in call.kwargs.items()},
        )
        for call in operation.calls
    )
    return replace(operation, calls=calls)
