"""An ONNX model; tf2onnx converts it."""

from __future__ import annotations

from typing import Final

from composer.outputs.output_format import (
    PROTOBUF_LIMIT,
    SERVED_NAMES,
    Exported,
    OutputFormat,
    begins,
)

FORMAT: Final = OutputFormat(
    title="ONNX model",
    way=Exported(
        exporter="composer.keras_process.tasks.export_onnx",
        checker="composer.keras_process.tasks.check_onnx",
        runtime="ONNX Runtime",
        tolerance=1e-4,
        turn=3,
    ),
    packages=("onnx", "onnxruntime", "tf2onnx"),
    extra="onnx",
    looks_right=begins(b"\x08"),  # the field that every file begins with
    input_names=SERVED_NAMES,
    largest=PROTOBUF_LIMIT,
)
