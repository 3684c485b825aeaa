"""A model as one HDF5 file, the form that Keras 2 used to save."""

from __future__ import annotations

from pathlib import Path

from composer.keras_process.tasks.served import Served


def export(served: Served, target: Path) -> None:
    """Write the model to ``target``, without an optimizer."""
    served.model.save(target, include_optimizer=False)
