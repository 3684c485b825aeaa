"""Writes ``.h5`` files as old versions of Keras laid them out, without Keras."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Weights = Mapping[str, Mapping[str, Any]]
"""For each layer its weights by name, in order."""


def write_h5(
    path: Path,
    config: Any,
    weights: Weights,
    *,
    version: str | None = "2.2.4",
    backend: str = "tensorflow",
    split_names: int | None = None,
) -> Path:
    """Write a whole model; ``split_names`` cuts the list of layers into so many attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        if version is not None:
            file.attrs["keras_version"] = version.encode()
            file.attrs["backend"] = backend.encode()
        group = file.create_group("model_weights")
        names = np.array([name.encode() for name in weights])
        if split_names is None:
            group.attrs["layer_names"] = names
        else:
            for number, piece in enumerate(np.array_split(names, split_names)):
                group.attrs[f"layer_names{number}"] = piece
        for layer, tensors in weights.items():
            below = group.create_group(layer)
            below.attrs["weight_names"] = [name.encode() for name in tensors]
            for name, value in tensors.items():
                below.create_dataset(name, data=np.asarray(value, "float32"))
    return path


def dense(name: str, units: int, **more: Any) -> dict[str, Any]:
    """Return a Dense layer of Keras 2.2."""
    initializer = {"class_name": "Zeros", "config": {"dtype": "float32"}}
    config = {
        "name": name,
        "trainable": True,
        "dtype": "float32",
        "units": units,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": initializer,
        "bias_initializer": initializer,
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
        **more,
    }
    return {"class_name": "Dense", "config": config}


def two_dense(**more: Any) -> dict[str, Any]:
    """Return a Sequential of two Dense layers, as Keras 2.2 wrote it."""
    layers = [
        dense("first", 3, batch_input_shape=[None, 3], **more),
        dense("second", 3),
    ]
    return {"class_name": "Sequential", "config": {"name": "two", "layers": layers}}


def two_dense_weights(prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return weights for it, no two alike."""
    random = np.random.default_rng(3)
    return {
        name: {
            f"{prefix}{name}/kernel:0": random.uniform(size=(3, 3)),
            f"{prefix}{name}/bias:0": random.uniform(size=3),
        }
        for name in ("first", "second")
    }
