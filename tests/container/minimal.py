"""Makes small ``.keras`` files without Keras, the way Keras's own writer lays them out.

Independent of what it helps to test: Python's zipfile and h5py's high level do the work.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

METADATA = {"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}


def weights_bytes(
    tensors: Mapping[str, np.ndarray],
    names: Mapping[str, str] | None = None,
    bfloat16: Sequence[str] = (),
) -> bytes:
    """Return an HDF5 file: ``tensors`` by path, groups in ``names`` with that ``name``."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group, name in (names or {}).items():
            file.require_group(group).attrs["name"] = name
        for path, array in tensors.items():
            dataset = file.create_dataset(path, data=array)
            if path in bfloat16:
                dataset.attrs["dtype"] = "bfloat16"
    return buffer.getvalue()


def write_keras_file(
    path: Path,
    config: Mapping[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray] | None = None,
    *,
    names: Mapping[str, str] | None = None,
    bfloat16: Sequence[str] = (),
    assets: Mapping[str, bytes] | None = None,
    metadata: Mapping[str, Any] = METADATA,
    weights: bytes | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> Path:
    """Write a ``.keras`` file.

    Args:
        path: of the file.
        config: ``config.json``; by default an empty Sequential.
        tensors: arrays by path in the weights file, such as ``layers/dense/vars/0``.
        names: attribute ``name`` by path of a group, such as ``layers/dense/vars``.
        bfloat16: paths of tensors that Keras shall take for bfloat16; give them as ``|V2``.
        assets: content by name below ``assets/``.
        metadata: ``metadata.json``.
        weights: the HDF5 file itself, instead of ``tensors``.
        compression: of all members.

    Returns:
        ``path``.
    """
    config = {"class_name": "Sequential", "config": {"layers": []}} if config is None else config
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(config))
        content = weights_bytes(tensors or {}, names, bfloat16) if weights is None else weights
        archive.writestr("model.weights.h5", content)
        for name, data in (assets or {}).items():
            archive.writestr(f"assets/{name}", data)
    return path


def dense_model(
    path: Path,
    widths: Sequence[int] = (4, 8, 2),
    *,
    name: str = "mlp",
    prefix: str = "",
    seed: int = 0,
) -> Path:
    """Write a Functional chain of Dense layers that Keras loads: ``{prefix}d1``, ``{prefix}d2`` …

    Args:
        path: of the file.
        widths: of the input and of each layer.
        name: of the model.
        prefix: of every layer's name; the input is ``{prefix}x``.
        seed: of the weights.
    """
    random = np.random.default_rng(seed)
    policy = _object("DTypePolicy", {"name": "float32"}, "keras")
    first = f"{prefix}x"
    layers: list[dict[str, Any]] = [
        {
            "module": "keras.layers", "class_name": "InputLayer", "registered_name": None,
            "config": {"batch_shape": [None, widths[0]], "dtype": "float32", "sparse": False,
                       "ragged": False, "name": first},
            "name": first, "inbound_nodes": [],
        }
    ]  # fmt: skip
    tensors = {}
    names = {"vars": name, "layers/input_layer/vars": first}
    for index, (old, new) in enumerate(zip(widths, widths[1:], strict=False)):
        layer, group = f"{prefix}d{index + 1}", "layers/dense" + (f"_{index}" if index else "")
        tensor = {"class_name": "__keras_tensor__",
                  "config": {"shape": [None, old], "dtype": "float32",
                             "keras_history": [layers[-1]["name"], 0, 0]}}  # fmt: skip
        layers.append(
            {
                "module": "keras.layers", "class_name": "Dense", "registered_name": None,
                "config": {"name": layer, "trainable": True, "dtype": policy, "units": new,
                           "activation": "linear", "use_bias": True,
                           "kernel_initializer": _object("GlorotUniform", {"seed": None}),
                           "bias_initializer": _object("Zeros", {})},
                "build_config": {"input_shape": [None, old]},
                "name": layer, "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
            }
        )  # fmt: skip
        tensors[f"{group}/vars/0"] = random.standard_normal((old, new), dtype=np.float32)
        tensors[f"{group}/vars/1"] = random.standard_normal(new, dtype=np.float32)
        names[f"{group}/vars"] = layer
    config = _object(
        "Functional",
        {"name": name, "trainable": True, "layers": layers, "input_layers": [[first, 0, 0]],
         "output_layers": [[layers[-1]["name"], 0, 0]]},
        "keras.src.models.functional",
    )  # fmt: skip
    config["registered_name"] = "Functional"
    return write_keras_file(path, config, tensors, names=names)


def contents_of_relu_chain(length: int, prefix: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """Return the config of ``length`` ReLU layers in a row, and the names of their groups."""
    first = f"{prefix}x"
    layers: list[dict[str, Any]] = [
        {
            "module": "keras.layers", "class_name": "InputLayer", "registered_name": None,
            "config": {"batch_shape": [None, 2], "dtype": "float32", "name": first},
            "name": first, "inbound_nodes": [],
        }
    ]  # fmt: skip
    names = {"layers/input_layer/vars": first}
    for index in range(length):
        layer, before = f"{prefix}r{index}", layers[-1]["name"]
        tensor = {"class_name": "__keras_tensor__",
                  "config": {"shape": [None, 2], "dtype": "float32",
                             "keras_history": [before, 0, 0]}}  # fmt: skip
        layers.append(
            {
                "module": "keras.layers", "class_name": "ReLU", "registered_name": None,
                "config": {"name": layer, "trainable": True, "dtype": "float32"},
                "name": layer, "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
            }
        )  # fmt: skip
        names["layers/re_lu" + (f"_{index}" if index else "") + "/vars"] = layer
    config = _object(
        "Functional",
        {"name": "chain", "trainable": True, "layers": layers, "input_layers": [[first, 0, 0]],
         "output_layers": [[layers[-1]["name"], 0, 0]]},
        "keras.src.models.functional",
    )  # fmt: skip
    config["registered_name"] = "Functional"
    return config, names


def _object(
    class_name: str, config: dict[str, Any], module: str = "keras.initializers"
) -> dict[str, Any]:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}
