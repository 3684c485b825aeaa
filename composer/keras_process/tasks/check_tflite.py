"""Runs an exported LiteRT model in that runtime and holds it against what Keras computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ai_edge_litert.interpreter import Interpreter

from composer.errors import BuildError
from composer.keras_process.tasks.cases import compared, names_differ, refused

SIGNATURE = "serving_default"


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Check one file; see ``check_h5.py``.

    Raises:
        BuildError: the runtime does not take it.
    """
    report("running the model in LiteRT")
    try:
        interpreter = Interpreter(model_path=request["export"])
        runner = interpreter.get_signature_runner(SIGNATURE)
    except Exception as problem:
        raise BuildError("CMP710.tflite-again", reason=str(problem)) from problem
    details = runner.get_input_details()
    wrong = names_differ("inputs", list(details), request["inputs"])
    if wrong is not None:
        return refused(wrong)

    def compute(inputs: list[Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = runner(
            **{
                name: array.astype(details[name]["dtype"])
                for name, array in zip(request["inputs"], inputs, strict=True)
            }
        )
        return found

    return compared(request, compute)
