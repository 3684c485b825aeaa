"""Run as a script: loads ``.keras`` files in plain Keras, calls them, and reports what it sees.

``python load_in_keras3.py FOLDER`` reads each NAME.npz beside NAME.keras for its inputs and
prints one JSON object: for each name ``error``, or ``worst`` (the largest difference to the
recorded outputs), ``equal`` (whether all bits are), and ``weights_held`` (whether Keras holds
exactly the tensors that the weights file has).
"""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np


def main(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.keras")):
        try:
            found[path.stem] = compare(path)
        except Exception as problem:  # noqa: BLE001 - whatever Keras raises is the result
            found[path.stem] = {"error": f"{type(problem).__name__}: {problem}"[:3000]}
    return found


def compare(path: Path) -> dict[str, Any]:
    keras.backend.clear_session()
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    record = np.load(path.with_suffix(".npz"))
    inputs = [record[f"input_{i}"] for i in range(count(record, "input"))]
    structure = getattr(model, "_inputs_struct", None)  # a Sequential takes one tensor
    if isinstance(structure, dict):
        packed: Any = dict(zip(sorted(structure), inputs, strict=True))
    else:
        packed = inputs if isinstance(structure, list | tuple) else inputs[0]
    outputs = keras.tree.flatten(model(packed, training=False))
    expected = [record[f"output_{i}"] for i in range(count(record, "output"))]
    assert len(outputs) == len(expected), f"{len(outputs)} outputs, expected {len(expected)}"
    outputs = [np.asarray(keras.ops.convert_to_numpy(value), "float64") for value in outputs]
    assert [o.shape for o in outputs] == [e.shape for e in expected]
    scale = [max(1.0, float(np.abs(e).max(initial=0.0))) for e in expected]
    return {
        "worst": max(
            float(np.abs(o - e).max(initial=0.0)) / s
            for o, e, s in zip(outputs, expected, scale, strict=True)
        ),
        "equal": all(np.array_equal(o, e) for o, e in zip(outputs, expected, strict=True)),
        "weights_held": digest_of(model) == digest_in(path),
    }


def count(record: Any, kind: str) -> int:
    return sum(1 for key in record.files if key.startswith(f"{kind}_"))


def digest_of(model: Any) -> list[str]:
    return sorted(
        f"{w.dtype}{tuple(w.shape)}{np.asarray(w).tobytes().hex()}" for w in model.weights
    )


def digest_in(path: Path) -> list[str]:
    tensors: list[str] = []

    def take(_name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            tensors.append(f"{item.dtype}{item.shape}{item[()].tobytes().hex()}")

    with (
        zipfile.ZipFile(path) as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights,
    ):
        weights.visititems(take)
    return sorted(tensors)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
