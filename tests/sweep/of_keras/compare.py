"""A Keras process that loads a model and what was linked from it, and compares what they compute.

Reads requests from stdin, one JSON a line, and answers on stdout. It imports nothing of composer:
what it finds, any user of plain Keras finds.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Final

Values = dict[str, Any]
_WIDTHS: Final = (4, 8, 16)
"""What an axis without a size is tried with."""


def _answer(request: dict[str, Any]) -> dict[str, str]:
    import keras

    keras.utils.clear_session(free_memory=False)
    try:
        source = keras.saving.load_model(request["source"])
    except Exception as error:  # noqa: BLE001
        return {"state": "source not loadable", "detail": _first_line(error)}
    copies = request["copies"]
    of_copy: list[Values] = []
    for copy in range(1 + max((copy for copy, _ in copies.values()), default=0)):
        values = _values_for(source, copy)
        if values is None:
            return {"state": "source not callable", "detail": ""}
        of_copy.append(values)
    wanted = _wanted(source, of_copy, request["outputs"])
    if _bytes(wanted) != _bytes(_wanted(source, of_copy, request["outputs"])):
        return {"state": "source not repeatable", "detail": ""}
    try:
        linked = keras.saving.load_model(request["linked"])
    except Exception as error:  # noqa: BLE001
        return {"state": "not loadable", "detail": _first_line(error)}
    names = [tensor._keras_history.operation.name for tensor in linked.inputs]
    cut = request["outputs"] is not None  # inputs that nothing needs any more are gone
    if set(names) != set(copies) and not (cut and set(names) < set(copies)):
        return {"state": "wrong", "detail": f"inputs {names}, wanted {sorted(copies)}"}
    given = {name: of_copy[copies[name][0]][copies[name][1]] for name in names}
    try:
        found = keras.tree.flatten(_called(linked, given))
    except Exception as error:  # noqa: BLE001
        return {"state": "wrong", "detail": f"can't be called: {_first_line(error)}"}
    if _bytes(found) != _bytes(wanted):
        return {"state": "wrong", "detail": f"{len(found)} outputs, {len(wanted)} wanted, differ"}
    return {"state": "equal", "detail": ""}


def _values_for(model: Any, copy: int) -> Values | None:
    """Return values by input name that the model takes; None if none were found."""
    if not getattr(model, "built", True) or getattr(model, "_functional", model) is None:
        return None  # a Sequential that records no shape of its input
    for width in _WIDTHS:
        for most in (3, 1):
            values = {
                tensor._keras_history.operation.name: _value(tensor, width, most, copy + number)
                for number, tensor in enumerate(model.inputs)
            }
            try:
                _called(model, values)
            except Exception:  # noqa: BLE001 - other values may do
                continue
            return values
    return None


def _value(tensor: Any, width: int, most: int, seed: int) -> Any:
    import keras
    import numpy as np

    generator = np.random.default_rng(seed)
    shape = [
        size if size is not None else 2 if axis == 0 else width
        for axis, size in enumerate(tensor.shape)
    ]
    dtype = str(tensor.dtype)
    if dtype == "string":
        words = np.array(["a", "b c", "the cat", "x1 x2"])
        return keras.ops.convert_to_tensor(words[generator.integers(0, 4, shape)].tolist())
    if dtype == "bool":
        return keras.ops.convert_to_tensor(generator.random(shape) > 1 / 2)
    if "int" in dtype:
        return keras.ops.convert_to_tensor(generator.integers(0, most + 1, shape), dtype=dtype)
    return keras.ops.convert_to_tensor(generator.random(shape), dtype=dtype)


def _called(model: Any, values: Values) -> Any:
    """Call ``model`` eagerly, as at inference."""
    import keras

    ordered = [values[tensor._keras_history.operation.name] for tensor in model.inputs]
    structure = getattr(model, "_inputs_struct", None)
    if structure is None:
        return model(ordered[0] if len(ordered) == 1 else ordered, training=False)
    return model(keras.tree.pack_sequence_as(structure, ordered), training=False)


def _wanted(source: Any, of_copy: list[Values], outputs: list[Any] | None) -> list[Any]:
    import keras

    if outputs is None:
        return [
            output for values in of_copy for output in keras.tree.flatten(_called(source, values))
        ]
    graph = getattr(source, "_functional", None) or source
    operations = {operation.name: operation for operation in graph.operations}
    wanted = []
    for copy, (name, call, output) in outputs:
        nodes = [node for node in operations[name]._inbound_nodes if node.operation is not None]
        tensor = nodes[call].output_tensors[output]
        part = keras.Model(graph._inputs_struct, tensor)
        wanted.append(_called(part, of_copy[copy]))
    return wanted


def _bytes(tensors: list[Any]) -> list[tuple[str, tuple[int, ...], bytes]]:
    import keras

    arrays = [keras.ops.convert_to_numpy(tensor) for tensor in tensors]
    return [
        (
            str(array.dtype),
            array.shape,
            repr(array.tolist()).encode() if array.dtype == object else array.tobytes(),
        )
        for array in arrays
    ]


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".strip().split("\n")[0][:300]


def main() -> None:
    """Answer until the requests end."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what Keras prints is no answer
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line))
        except Exception as error:  # noqa: BLE001
            answer = {"state": "not compared", "detail": _first_line(error)}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
