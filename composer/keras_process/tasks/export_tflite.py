"""A model as one LiteRT (TensorFlow Lite) file, of that runtime's own operators only."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import tensorflow

from composer.errors import BuildError
from composer.keras_process.tasks import export_saved_model
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.served import Served

_OPERATOR = re.compile(
    r"'?(tf\.[A-Za-z0-9]+)'? op|^\s*(tf\.[A-Za-z0-9]+|[A-Z][A-Za-z0-9]+)\(", re.MULTILINE
)
_SCOPE = re.compile(r'"([^"]+/[^"]+)@')
_LISTS = "TensorList"


def export(served: Served, target: Path) -> None:
    """Write the model to ``target``, by way of a SavedModel.

    Raises:
        BuildError: it holds an operator that the runtime lacks.
    """
    with tempfile.TemporaryDirectory() as folder:
        export_saved_model.export(served, Path(folder) / "model")
        converter = tensorflow.lite.TFLiteConverter.from_saved_model(f"{folder}/model")
        converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS]
        try:
            content = converter.convert()
        except Exception as problem:
            raise _refusal(problem, served) from problem
    target.write_bytes(content)


def _refusal(problem: Exception, served: Served) -> BuildError:
    text = str(problem)
    operators = list(
        dict.fromkeys((a or b).removeprefix("tf.") for a, b in _OPERATOR.findall(text))
    )
    scopes = (scope for scope in _SCOPE.findall(text))
    layer = next((name for scope in scopes if (name := served.layer_of(scope))), None)
    if not operators:
        return BuildError("CMP710.tflite-export", reason=explain(problem))
    if any(_LISTS in operator for operator in operators) and _free_batch(served.model):
        return BuildError("CMP710.tflite-batch", layer=layer, operators=operators)
    if served.half:
        return BuildError("CMP710.tflite-half", layer=layer, operators=operators)
    return BuildError("CMP710.tflite-operator", layer=layer, operators=operators)


def _free_batch(model: Any) -> bool:
    return any(tensor.shape[0] is None for tensor in model.inputs)
