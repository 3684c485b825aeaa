"""Loads an exported SavedModel in TensorFlow alone and holds it against what Keras computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
import tensorflow

from composer.errors import BuildError
from composer.keras_process.tasks.cases import compared, names_differ, refused

SIGNATURE = "serving_default"


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Check one folder; see ``check_h5.py``.

    Raises:
        BuildError: TensorFlow does not load it.
    """
    report("loading the SavedModel without Keras")
    try:
        loaded = tensorflow.saved_model.load(request["export"])
        function = loaded.signatures[SIGNATURE]
    except Exception as problem:
        raise BuildError("CMP710.saved-model-again", reason=str(problem)) from problem
    specs = function.structured_input_signature[1]
    wrong = names_differ("inputs", list(specs), request["inputs"])
    if wrong is not None:
        return refused(wrong)

    def compute(inputs: list[Any]) -> Mapping[str, Any]:
        named = {
            name: tensorflow.constant(array)
            if array.dtype.kind == "S"
            else tensorflow.cast(tensorflow.constant(array), specs[name].dtype)
            for name, array in zip(request["inputs"], inputs, strict=True)
        }
        return {name: _numpy(tensor) for name, tensor in function(**named).items()}

    return compared(request, compute)


def _numpy(tensor: Any) -> Any:
    if tensor.dtype == tensorflow.bfloat16:
        tensor = tensorflow.cast(tensor, tensorflow.float32)
    return numpy.asarray(tensor)
