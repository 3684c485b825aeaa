"""Runs in the Keras process: writes the layers of a model as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from composer.errors import BuildError


def export(served: Any, target: Path) -> None:
    """Write kernel and bias of each layer, in the order in which they are called."""
    arrays = {}
    for number, layer in enumerate(served.model.layers[1:]):
        if type(layer).__name__ != "Dense":
            raise BuildError("no-dense", says="{name} is not a Dense layer", name=layer.name)
        arrays |= {f"{number}/kernel": layer.kernel, f"{number}/bias": layer.bias}
    with target.open("wb") as file:
        np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})
