"""What compose itself registers as entry points, so that no run has to look it up.

The same stands in pyproject.toml, where other packages register theirs; a test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OWN_ENTRY_POINTS: Final[Mapping[str, Mapping[str, str]]] = {
    "keras_compose.merge_methods": {
        "linear": "composer.tensors.merge_methods.linear:METHOD",
    },
    "keras_compose.formats": {
        "h5.h5": "composer.outputs.formats.h5:FORMAT",
        "keras.keras": "composer.outputs.formats.keras:FORMAT",
        "onnx.onnx": "composer.outputs.formats.onnx:FORMAT",
        "saved_model.saved_model": "composer.outputs.formats.saved_model:FORMAT",
        "tflite.tflite": "composer.outputs.formats.tflite:FORMAT",
        "weights.weights.h5": "composer.outputs.formats.weights:FORMAT",
    },
    "keras_compose.sources": {
        "app": "composer.sources.kinds.app:KIND",
        "hub": "composer.sources.kinds.hub:KIND",
        "py": "composer.sources.kinds.py:KIND",
        ".keras": "composer.sources.kinds.keras_file:KIND",
        ".h5": "composer.sources.kinds.h5_file:KIND",
        ".hdf5": "composer.sources.kinds.h5_file:KIND",
        ".yaml": "composer.sources.kinds.spec:KIND",
        ".yml": "composer.sources.kinds.spec:KIND",
        "saved_model.pb": "composer.sources.kinds.saved_model:KIND",
    },
}
"""By group and name: the object, as ``package.module:NAME``."""
