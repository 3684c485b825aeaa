"""Whether Keras can make the layers of a model again that are not its own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from composer.graphs.canonical import without_compilation
from composer.graphs.foreign import foreign_classes
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.import_user_code import is_known


@dataclass(frozen=True, slots=True)
class Unloadable:
    """A part of a model that Keras would not load.

    Attributes:
        name: of the layer.
        kind: its class.
        why: what Keras says.
        unknown: whether Keras does not know the class at all, because it is not registered.
    """

    name: str
    kind: str
    why: str
    unknown: bool


def unloadable_part(saved: Path) -> Unloadable | None:
    """Return the first layer of a ``.keras`` file that Keras can't make again; None for none.

    Layers of Keras itself are trusted to. A model without a graph is only asked for its class:
    making it again would take as much memory as it has.
    """
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    layers = _layers(config)
    if layers is None:
        return _unknown_class(config)
    return next(_failing(layers), None)


def _failing(layers: list[Any]) -> Iterator[Unloadable]:
    for entry in layers:
        inner = _layers(entry)
        if inner is not None:
            yield from _failing(inner)
            continue
        if not foreign_classes(entry):
            continue
        unknown = _unknown_class(entry)
        if unknown is not None:
            yield unknown
            continue
        try:
            keras.saving.deserialize_keras_object(without_compilation(entry), safe_mode=True)
        except Exception as problem:
            yield Unloadable(_name(entry), _kind(entry), explain(problem), unknown=False)


def _layers(entry: Mapping[str, Any]) -> list[Any] | None:
    """Return the entries of a Functional or Sequential model; None for anything else."""
    config = entry.get("config")
    layers = config.get("layers") if isinstance(config, Mapping) else None
    own = str(entry.get("module")).partition(".")[0] == "keras"
    return layers if own and isinstance(layers, list) else None


def _unknown_class(entry: Mapping[str, Any]) -> Unloadable | None:
    for foreign in foreign_classes(entry):
        if not is_known(foreign):
            why = "it is not registered, so that Keras can't find it by its name"
            return Unloadable(_name(entry), str(foreign), why, unknown=True)
    return None


def _name(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    return str(config.get("name")) if isinstance(config, Mapping) else str(entry.get("name"))


def _kind(entry: Mapping[str, Any]) -> str:
    return f"{entry.get('module')}.{entry.get('class_name')}"
