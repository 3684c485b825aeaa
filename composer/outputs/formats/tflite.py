"""A file for LiteRT, which was TensorFlow Lite; TensorFlow converts it."""

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
    title="LiteRT (TensorFlow Lite) model",
    way=Exported(
        exporter="composer.keras_process.tasks.export_tflite",
        checker="composer.keras_process.tasks.check_tflite",
        runtime="LiteRT",
        tolerance=1e-4,
        turn=2,
    ),
    packages=("ai-edge-litert",),
    extra="tflite",
    looks_right=begins(b"TFL3", at=4),
    input_names=SERVED_NAMES,
    largest=PROTOBUF_LIMIT,
)
