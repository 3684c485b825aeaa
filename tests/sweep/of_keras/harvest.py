"""A pytest plugin for Keras's own tests: keeps every model that they make, save or could have made.

Run by ``tests.sweep.of_keras.run``; the folder to fill comes in ``HARVEST_FOLDER``. Kept are

- ``saved``: each file that a test saves with ``model.save``;
- ``model``: each Functional and Sequential model that exists when a test ends;
- ``call``: for each call of a layer or of an operation on symbolic tensors, a model of that call
  alone, on new inputs of the same shapes.

Weights of the last two are moved away from their start, so that no variable is a constant or equal
to another: a weight that lands in the wrong place then changes the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_MOST_BYTES = 8 * 2**20
_MOST_A_TEST = 24
"""Calls that one test may add: some compare hundreds of shapes."""


class _Harvest:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.index = folder / "index.jsonl"
        self.seen = {json.loads(line)["digest"] for line in _lines(self.index)}
        self.models: list[Any] = []
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []
        self.saved: list[Path] = []
        self.depth = 0

    def keep(self, file: Path, test: str, how: str) -> None:
        """Take ``file`` if no model of the same config was taken before."""
        if file.stat().st_size > _MOST_BYTES:
            return
        digest = _digest(file, how)
        if digest in self.seen:
            return
        self.seen.add(digest)
        name = f"{digest[:16]}{file.suffix}"
        shutil.copyfile(file, self.folder / name)
        with self.index.open("a") as index:
            entry = {"digest": digest, "file": name, "test": test, "how": how}
            index.write(json.dumps(entry) + "\n")


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _digest(file: Path, how: str) -> str:
    """Return a digest of the config without the numbers that Keras counts names with."""
    try:
        with zipfile.ZipFile(file) as archive:
            config = archive.read("config.json").decode()
    except (zipfile.BadZipFile, KeyError):
        return hashlib.sha256(file.read_bytes()).hexdigest()
    config = re.sub(r"_\d+(?=[\"_/])", "", config)
    config = re.sub(r'"shared_object_id": \d+', "", config)
    return hashlib.sha256(f"{how == 'saved'} {config}".encode()).hexdigest()


def disturb(model: Any, number: int) -> None:
    """Move each floating variable a little from its start."""
    import numpy as np

    generator = np.random.default_rng(number)
    for variable in model.variables:
        if "float" not in str(variable.dtype) or "seed" in variable.path:
            continue
        value = np.asarray(variable.numpy(), "float64")
        moved = value * (1 + 0.1 * generator.random(value.shape)) + 0.01 * generator.random(
            value.shape
        )
        variable.assign(
            moved.astype(str(variable.dtype)) if variable.dtype != "bfloat16" else moved
        )


def _install(harvest: _Harvest) -> None:
    from keras.src.layers import layer
    from keras.src.models import functional, sequential
    from keras.src.ops import operation
    from keras.src.saving import saving_api

    def record_models(kind: Any) -> None:
        made = kind.__init__

        def init(self: Any, *args: Any, **kwargs: Any) -> None:
            made(self, *args, **kwargs)
            if harvest.depth == 0:
                harvest.models.append(self)

        kind.__init__ = init

    record_models(functional.Functional)
    record_models(sequential.Sequential)

    def record_calls(kind: Any) -> None:
        called = kind.symbolic_call

        def symbolic_call(self: Any, *args: Any, **kwargs: Any) -> Any:
            harvest.depth += 1
            try:
                result = called(self, *args, **kwargs)
            finally:
                harvest.depth -= 1
            if harvest.depth == 0 and len(harvest.calls) < _MOST_A_TEST:
                harvest.calls.append((self, args, kwargs))
            return result

        kind.symbolic_call = symbolic_call

    record_calls(operation.Operation)
    record_calls(layer.Layer)  # has one of its own

    saved = saving_api.save_model

    def save_model(model: Any, filepath: Any, *args: Any, **kwargs: Any) -> Any:
        result = saved(model, filepath, *args, **kwargs)
        if isinstance(filepath, (str, Path)) and Path(filepath).is_file():
            harvest.saved.append(_copied(Path(filepath)))
        return result

    saving_api.save_model = save_model


def _copied(file: Path) -> Path:
    """Return a copy: the test may overwrite its file or remove it."""
    handle, name = tempfile.mkstemp(suffix=file.suffix)
    os.close(handle)
    shutil.copyfile(file, name)
    return Path(name)


def _alone(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return a model of one call on new inputs."""
    import keras
    from keras.src.backend.common.keras_tensor import KerasTensor

    inputs: dict[int, Any] = {}

    def fresh(value: Any) -> Any:
        if not isinstance(value, KerasTensor):
            return value
        if value.sparse or value.ragged:
            raise TypeError("sparse and ragged tensors have no plain values to compare")
        if id(value) not in inputs:
            inputs[id(value)] = keras.Input(batch_shape=value.shape, dtype=value.dtype)
        return inputs[id(value)]

    args, kwargs = keras.tree.map_structure(fresh, (args, kwargs))
    return keras.Model(list(inputs.values()), operation(*args, **kwargs))


@pytest.fixture(autouse=True)
def _keep_models(request: pytest.FixtureRequest) -> Iterator[None]:
    harvest: _Harvest = request.config.stash[_KEY]
    harvest.models, harvest.calls, harvest.saved, harvest.depth = [], [], [], 0
    yield
    models, calls, saved = harvest.models, harvest.calls, harvest.saved
    harvest.models, harvest.calls, harvest.depth = [], [], 1  # what follows is not recorded
    file = request.node.path.as_posix().rpartition("site-packages/")[2]
    test = f"{file}::{request.node.name}"
    for kept in saved:
        harvest.keep(kept, test, "saved")
        kept.unlink()
    makers = [("model", lambda model=model: model) for model in models]
    makers += [("call", lambda call=call: _alone(*call)) for call in calls]
    for number, (how, make) in enumerate(makers):
        _save(harvest, make, test, how, number)


def _save(harvest: _Harvest, make: Any, test: str, how: str, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        try:
            model = make()
            if not model.built:
                return
            disturb(model, number)
            model.save(file)
        except Exception:  # noqa: BLE001 - Keras can't save it: nothing to link
            return
        harvest.keep(file, test, how)


_KEY = pytest.StashKey[_Harvest]()


def pytest_configure(config: pytest.Config) -> None:
    """Start recording before the first test is collected."""
    harvest = _Harvest(Path(os.environ["HARVEST_FOLDER"]))
    config.stash[_KEY] = harvest
    _install(harvest)
