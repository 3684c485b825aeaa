"""``.toy.json`` files as sources: dense layers one behind the other, with their weights.

{"name": "net", "inputs": 4, "layers": [{"name": "hidden", "activation": "relu",
 "kernel": [[…], …], "bias": […]}, …]}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from composer.errors import FormatError
from composer.sources.converted import Content, converted_by
from composer.sources.kind import SourceKind


def read(path: Path, args: Mapping[str, Any]) -> Content:
    """Return what a toy file holds, its weights times ``scale``."""
    try:
        net = json.loads(path.read_text())
    except ValueError as error:
        raise FormatError(f"it is no JSON: {error}", reason="toy", code="no-json") from error
    if not net.get("layers"):
        raise FormatError("it has no layers", reason="toy", help="give it one", code="no-layers")
    layers, arrays = [_input(net["inputs"])], {}
    before, shape = "input", [None, net["inputs"]]
    for number, layer in enumerate(net["layers"]):
        kernel, bias = (
            np.array(layer[key], "float32") * np.float32(args.get("scale", 1))
            for key in ("kernel", "bias")
        )
        layers.append(_dense(layer, len(bias), before, shape))
        group = f"layers/dense_{number}" if number else "layers/dense"
        arrays |= {f"{group}/vars/0": kernel, f"{group}/vars/1": bias}
        before, shape = layer["name"], [None, len(bias)]
    config = {
        "name": net["name"],
        "trainable": True,
        "layers": layers,
        "input_layers": [["input", 0, 0]],
        "output_layers": [[before, 0, 0]],
    }
    whole = {"module": "keras", "class_name": "Functional", "config": config}
    return Content(config={**whole, "registered_name": "Functional"}, arrays=arrays)


def _input(width: int) -> dict[str, Any]:
    config = {"batch_shape": [None, width], "dtype": "float32", "name": "input"}
    return _layer("InputLayer", config, [])


def _dense(
    layer: Mapping[str, Any], units: int, before: str, shape: list[int | None]
) -> dict[str, Any]:
    config = {
        "name": layer["name"],
        "units": units,
        "activation": layer.get("activation", "linear"),
    }
    tensor = {"shape": shape, "dtype": "float32", "keras_history": [before, 0, 0]}
    tensors = [{"class_name": "__keras_tensor__", "config": tensor}]
    return _layer("Dense", config, [{"args": tensors, "kwargs": {}}], {"input_shape": shape})


def _layer(
    name: str, config: dict[str, Any], nodes: list[Any], build: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": name,
        "config": config,
        "registered_name": None,
        "name": config["name"],
        "inbound_nodes": nodes,
        **({} if build is None else {"build_config": build}),
    }


KIND = SourceKind(
    title="toy file",
    described="a .toy.json file (compose-toy)",
    arguments={
        "title": "Arguments of a toy file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "scale": {
                "description": "Every weight is multiplied by it.",
                "type": "number",
                "minimum": 0,
                "examples": [0.5],
            }
        },
    },
    asks_keras=False,
    codes={
        "no-json": "# a toy file is no JSON\n\nA toy file is a JSON object. Write it again.\n",
        "no-layers": "# a toy file has no layers\n\nA model has at least one. Add one.\n",
    },
    locate=converted_by(read),
)
