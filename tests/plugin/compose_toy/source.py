"""``.toy.json`` files as sources: dense layers one behind the other, with their weights.

{"name": "net", "inputs": 2, "layers": [
  {"name": "hidden", "activation": "relu", "kernel": [[1, 2], [3, 4]], "bias": [0, 1]}]}
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
        net = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError("no-json", says="it is not JSON: {reason}", reason=str(error)) from error
    if not net.get("layers"):
        raise FormatError("no-layers", says="it has no layers", help="add one to its 'layers'")
    shape = [None, net["inputs"]]
    layers = [_layer("InputLayer", {"name": "input", "batch_shape": shape, "dtype": "float32"})]
    arrays = {}
    for number, layer in enumerate(net["layers"]):
        kernel, bias = np.float32(layer["kernel"]), np.float32(layer["bias"])
        told = {"name": layer["name"], "units": len(bias)}
        told["activation"] = layer.get("activation", "linear")
        layers.append({**_layer("Dense", told), "build_config": {"input_shape": shape}})
        group = f"layers/dense_{number}" if number else "layers/dense"  # as Keras counts them
        scale = np.float32(args.get("scale", 1))
        arrays |= {f"{group}/vars/0": kernel * scale, f"{group}/vars/1": bias * scale}
        shape = [None, len(bias)]
    model = {"name": net["name"], "layers": layers}
    return Content(config=_layer("Sequential", model, module="keras"), arrays=arrays)


def _layer(name: str, config: dict[str, Any], module: str = "keras.layers") -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


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
        "no-json": "# a toy file is not JSON\n\nA toy file is a JSON object. Save it again.\n",
        "no-layers": "# a toy file has no layers\n\nA model has at least one layer. Add one.\n",
    },
    locate=converted_by(read),
)
