"""Makes small model files and puts into them what attacks on loaders of models are made of."""

from __future__ import annotations

import base64
import io
import json
import marshal
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from tests.container.minimal import dense_model


def poisoned(path: Path, edit: Callable[[list[dict[str, Any]]], object]) -> Path:
    """Write a ``.keras`` file of an input ``x`` and layers ``d1`` and ``d2``, then edit those."""
    dense_model(path)
    members = contents(path)
    config = json.loads(members["config.json"])
    layers = config["config"]["layers"]
    edit(layers)
    if layers[1]["class_name"] != "Dense":
        members["model.weights.h5"] = _without_weights_of_d1(members["model.weights.h5"])
    return rewritten(path, {**members, "config.json": json.dumps(config).encode()})


def _without_weights_of_d1(weights: bytes) -> bytes:
    """Return weights as Keras would store them where ``d1`` is no Dense: ``d2`` is the first."""
    file = io.BytesIO(weights)
    with h5py.File(file, "r+") as opened:
        del opened["layers/dense"]
        opened.move("layers/dense_1", "layers/dense")
    return file.getvalue()


def contents(path: Path) -> dict[str, bytes]:
    """Return the members of an archive."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, members: dict[str, bytes]) -> Path:
    """Write an archive of these members, uncompressed."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def turned_into(class_name: str, module: str | None = "keras.layers", **config: Any) -> Any:
    """Return an edit that makes the first layer ``d1`` another one."""

    def edit(layers: list[dict[str, Any]]) -> None:
        layers[1] |= {"class_name": class_name, "module": module}
        layers[1]["config"] = {"name": "d1", "trainable": True, "dtype": "float32", **config}

    return edit


def with_argument(key: str, value: Any) -> Any:
    """Return an edit that gives the first layer ``d1`` one more argument."""

    def edit(layers: list[dict[str, Any]]) -> None:
        layers[1]["config"][key] = value

    return edit


def function(module: str, name: str) -> dict[str, Any]:
    """Return a serialised function."""
    return {
        "module": module, "class_name": "function", "config": name, "registered_name": name
    }  # fmt: skip


def bytecode(canary: Path) -> dict[str, Any]:
    """Return a serialised inline function that makes ``canary`` when it is loaded or called."""
    source = f"lambda x: (open({str(canary)!r}, 'w').close(), x)[1]"
    code = next(c for c in compile(source, "evil", "eval").co_consts if hasattr(c, "co_code"))
    return {
        "class_name": "__lambda__",
        "config": {
            "code": base64.b64encode(marshal.dumps(code)).decode(),
            "defaults": None,
            "closure": None,
        },
    }


class _Opens:
    def __init__(self, canary: Path) -> None:
        self._canary = canary

    def __reduce__(self) -> Any:
        return os.open, (str(self._canary), os.O_CREAT | os.O_WRONLY)


def pickled(canary: Path) -> str:
    """Return a pickle that makes ``canary`` when it is read, as text."""
    return base64.b64encode(pickle.dumps(_Opens(canary))).decode()
