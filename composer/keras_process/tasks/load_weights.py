"""Loads the weights of an ``.h5`` file of layers into a saved model, and saves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import h5py
import keras

from composer.errors import SourceError
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_h5 import load_layer
from composer.keras_process.tasks.import_user_code import extend_path, register_classes


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Load ``weights`` from ``path`` into the model ``architecture`` and save it to ``target``.

    Args:
        request: ``architecture``, a ``.keras`` file; ``path`` of the HDF5 file; ``weights``, for
            each layer that has any, pairs of a weight's name and its dataset; ``code``, a
            ``UserCode``; ``target``.
        report: told before the model is loaded.

    Returns:
        ``parameters``: how many numbers the model's weights hold.

    Raises:
        SourceError: Keras can't load the architecture, or the weights are not those of a layer.
    """
    code = request["code"]
    extend_path(first=code["first"], last=code["last"])
    report("loading the weights")
    try:
        register_classes(code)
        model = keras.saving.load_model(request["architecture"], compile=False, safe_mode=True)
    except Exception as problem:
        raise SourceError("CMP520.architecture", reason=explain(problem)) from problem
    weights: Mapping[str, list[list[str]]] = request["weights"]
    with h5py.File(request["path"], "r") as file:
        for layer in model.layers:
            if layer.name in weights:
                load_layer(layer, weights[layer.name], file)
    missing = sorted(set(weights) - {layer.name for layer in model.layers})
    if missing:
        raise SourceError("CMP520.architecture-layer", layer=missing[0])
    model.save(request["target"])
    return {"parameters": int(model.count_params())}
