"""A folder that TensorFlow Serving loads; Keras exports it."""

from __future__ import annotations

import re
from typing import Final

from composer.outputs.output_format import Exported, Folder, InputNames, OutputFormat

FORMAT: Final = OutputFormat(
    title="folder for TF Serving",
    way=Exported(
        exporter="composer.keras_process.tasks.export_saved_model",
        checker="composer.keras_process.tasks.check_saved_model",
        runtime="TensorFlow without Keras",
        tolerance=1e-5,
        turn=1,
    ),
    folder=Folder(
        marker="saved_model.pb",
        members=frozenset(
            {"saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra"}
        ),
    ),
    input_names=InputNames(
        pattern=re.compile(r"[A-Za-z][A-Za-z0-9_]*"),
        words="letters, digits and '_', and begin with a letter",
    ),
    holds_programs=True,
)
