"""Loads an exported ``.h5`` model in Keras and holds it against the linked one, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy

from composer.errors import BuildError
from composer.keras_process.tasks.cases import compared, names_differ, refused
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_user_code import extend_path, register_classes
from composer.keras_process.tasks.served import Served
from composer.keras_process.tasks.verify import load_functional


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Check one file.

    Args:
        request: ``export``, ``artifact`` (the linked model), ``safe``, ``code``, ``inputs``,
            ``outputs``, ``cases``, ``graph`` (whether these are of ``predict``).
        report: told before it is loaded.

    Returns:
        what :func:`composer.keras_process.tasks.cases.compared` returns.

    Raises:
        BuildError: Keras does not load it.
    """
    report("loading the .h5 model")
    code = request["code"]
    extend_path(first=code["first"], last=code["last"])
    try:
        register_classes(code)
        model = load_functional(request["export"], safe=request["safe"])
    except Exception as problem:
        raise BuildError("CMP710.h5-again", reason=explain(problem)) from problem
    names = [tensor.name for tensor in model.inputs]
    wrong = names_differ("inputs", names, request["inputs"]) or _weights_differ(
        model, load_functional(request["artifact"], safe=request["safe"])
    )
    if wrong is not None:
        return refused(wrong)
    served = Served(model=model, inputs=request["inputs"], outputs=request["outputs"])
    function = served.as_graph() if request["graph"] else served

    def compute(inputs: list[Any]) -> Mapping[str, Any]:
        tensors = [
            keras.ops.cast(keras.ops.convert_to_tensor(array), tensor.dtype)
            if array.dtype.kind != "S"
            else keras.ops.convert_to_tensor(array)
            for array, tensor in zip(inputs, model.inputs, strict=True)
        ]
        return {name: _numpy(tensor) for name, tensor in function(*tensors).items()}

    return compared(request, compute)


def _weights_differ(model: Any, linked: Any) -> str | None:
    found, expected = model.weights, linked.weights
    if len(found) != len(expected):
        return f"it holds {len(found)} weights, expected are {len(expected)}"
    for one, other in zip(found, expected, strict=True):
        first, second = (numpy.asarray(variable.value) for variable in (one, other))
        if (first.dtype, first.shape, first.tobytes()) != (
            second.dtype,
            second.shape,
            second.tobytes(),
        ):
            return f"the weights {other.path} differ"
    return None


def _numpy(tensor: Any) -> Any:
    if keras.backend.standardize_dtype(tensor.dtype) == "bfloat16":
        tensor = keras.ops.cast(tensor, "float32")
    return numpy.asarray(tensor)
