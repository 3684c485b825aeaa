"""``.dense.npz`` files as results: Keras hands the layers over, numpy alone runs them."""

from __future__ import annotations

from composer.outputs.output_format import Exported, OutputFormat

FORMAT = OutputFormat(
    title="dense layers for numpy",
    way=Exported(
        exporter="compose_toy.export_dense",
        checker="compose_toy.check_dense",
        runtime="numpy",
        tolerance=1e-5,
    ),
    packages=("numpy",),
)
