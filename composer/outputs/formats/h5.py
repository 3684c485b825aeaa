"""A whole model as one HDF5 file, as Keras 2 saved it; Keras writes it."""

from __future__ import annotations

from typing import Final

from composer.outputs.output_format import (
    HDF5_BEGINNING,
    Exported,
    LayerFiles,
    OutputFormat,
    begins,
)

FORMAT: Final = OutputFormat(
    title="HDF5 model, as of Keras 2",
    way=Exported(
        exporter="composer.keras_process.tasks.export_h5",
        checker="composer.keras_process.tasks.check_h5",
        runtime="Keras",
        tolerance=0.0,
        with_keras=True,
        turn=4,
    ),
    looks_right=begins(HDF5_BEGINNING),
    layer_files=LayerFiles(severity="error", help="keras and saved_model hold them"),
)
