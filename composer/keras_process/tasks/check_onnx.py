"""Runs an exported ONNX model in ONNX Runtime and holds it against what Keras computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import onnx
import onnxruntime

from composer.errors import BuildError
from composer.keras_process.tasks.cases import compared, names_differ, refused


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Check one file; see ``check_h5.py``.

    Raises:
        BuildError: ONNX Runtime does not take it.
    """
    report("running the model in ONNX Runtime")
    try:
        session = onnxruntime.InferenceSession(
            request["export"], providers=["CPUExecutionProvider"]
        )
    except Exception as problem:
        raise BuildError("CMP710.onnx-again", reason=str(problem)) from problem
    dtypes = {
        value.name: onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        for value in onnx.load(request["export"], load_external_data=False).graph.input
    }
    wrong = names_differ("inputs", list(dtypes), request["inputs"])
    if wrong is not None:
        return refused(wrong)
    outputs = [output.name for output in session.get_outputs()]

    def compute(inputs: list[Any]) -> Mapping[str, Any]:
        feed = {
            name: array.astype(dtypes[name])
            for name, array in zip(request["inputs"], inputs, strict=True)
        }
        return dict(zip(outputs, session.run(outputs, feed), strict=True))

    return compared(request, compute)
