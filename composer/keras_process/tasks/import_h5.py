"""Makes the model of an ``.h5`` file from its repaired config, gives it the weights, saves it."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import ml_dtypes
import numpy

from composer.errors import SourceError
from composer.graphs.graph import Unlinkable
from composer.keras_process.h5_pairing import StoredWeight, Variable, contradiction
from composer.keras_process.tasks.explain import explain
from composer.keras_process.tasks.h5_holes import choices, stand_in
from composer.legacy.h5.put_in_place import put_in_place
from composer.legacy.h5.set_aside import SetAside


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Make the model ``config``, load ``weights`` from ``path`` and save it to ``target``.

    Keras's own loader of such files is not used: it takes configs without modules, and weights by
    their order alone.

    Args:
        request: ``path`` of the file; ``config``, a serialised model of today; ``weights``, for
            each layer that has any, pairs of a weight's name and its dataset; ``target``.
        report: told before the model is made.

    Returns:
        ``parameters``: how many numbers the model's weights hold.

    Raises:
        SourceError: Keras refuses the config, or the weights are not those of the model.
    """
    report("importing the .h5 file")
    # What is drawn at random, such as seeds of layers without one, is the same for each import.
    keras.utils.set_random_seed(0)
    weights: Mapping[str, list[list[str]]] = request["weights"]
    with h5py.File(request["path"], "r") as file:
        model = _loaded(request["config"], request["holes"], weights, file)
    missing = sorted(set(weights) - {layer.name for layer in model.layers})
    if missing:
        raise SourceError("CMP520.layer-lost", layer=missing[0])
    model.save(request["target"])
    if request["aside"]:
        _put_in_place(Path(request["target"]), request)
    return {"parameters": int(model.count_params())}


def _loaded(
    config: Mapping[str, Any],
    holes: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, list[list[str]]],
    file: Any,
) -> keras.Model:
    """Make the model and give it its weights; shapes behind its holes are those that fit these."""
    kernels = [file[place].shape for held in weights.values() for _, place in held]
    first: SourceError | None = None
    for shapes in choices(holes, kernels):
        keras.utils.set_random_seed(0)
        try:
            model = _made(config, holes, shapes)
            for layer in model.layers:
                load_layer(layer, weights.get(layer.name, []), file)
        except SourceError as refused:
            if not shapes:
                raise
            first = first or refused
        else:
            return model
    assert first is not None
    raise SourceError("CMP520.hole-shape", reason=first.message, layers=tuple(holes)) from first


def _with_stand_ins(
    config: Mapping[str, Any],
    holes: Mapping[str, Mapping[str, Any]],
    shapes: Mapping[str, Any],
    classes: dict[str, type],
    path: str = "",
) -> dict[str, Any]:
    """Return a model with classes of stand-ins for its holes, which ``classes`` gets."""
    layers = []
    for entry in config["config"]["layers"]:
        full = f"{path}{entry.get('name') or entry['config'].get('name')}"
        held = dict(entry)
        if isinstance(entry["config"].get("layers"), list):
            held = _with_stand_ins(entry, holes, shapes, classes, f"{full}/")
        elif full in holes:
            key = f"composer>hole {len(classes)}"
            classes[key] = stand_in(holes[full], shapes.get(full))
            held.update(module=None, class_name=key, registered_name=key)
            held["config"] = {"name": entry["config"]["name"]}
        layers.append(held)
    return {**config, "config": {**config["config"], "layers": layers}}


def _put_in_place(saved: Path, request: Mapping[str, Any]) -> None:
    """Write the layers that were set aside into the saved file, as data."""
    aside = [
        SetAside(
            path=path, refusal=Unlinkable(why=""), entry=entry, made=path not in request["holes"]
        )
        for path, entry in request["aside"]
    ]
    unsure = frozenset(path for path, hole in request["holes"].items() if not hole["shapes"])
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = put_in_place(json.loads(members["config.json"]), aside, unsure)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(saved, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _made(
    config: Mapping[str, Any],
    holes: Mapping[str, Mapping[str, Any]],
    shapes: Mapping[str, Any],
) -> keras.Model:
    classes: dict[str, type] = {}
    if holes:
        config = _with_stand_ins(config, holes, shapes, classes)
    try:
        # Keras takes a config apart while it reads it.
        model = keras.saving.deserialize_keras_object(
            copy.deepcopy(config), safe_mode=True, custom_objects=classes
        )
    except Exception as problem:
        with keras.saving.custom_object_scope(classes):
            culprit = _culprit(config)
        if culprit is not None:
            name, found = culprit
            raise SourceError("CMP520.layer-refused", layer=name, reason=explain(found)) from found
        raise SourceError("CMP520.refused", reason=explain(problem)) from problem
    if not model.built:
        raise SourceError("CMP520.no-input-shape")
    return model


def _culprit(config: Mapping[str, Any]) -> tuple[str, Exception] | None:
    """Return the first layer that Keras can't make by itself, and what it says of it."""
    for entry in config["config"]["layers"]:
        name = str(entry.get("name") or entry["config"].get("name"))
        try:
            keras.saving.deserialize_keras_object(copy.deepcopy(entry), safe_mode=True)
        except Exception as problem:
            inner = entry["config"]
            if isinstance(inner.get("layers"), list) and (found := _culprit(entry)) is not None:
                return f"{name}/{found[0]}", found[1]
            return name, problem
    return None


def load_layer(layer: Any, stored: list[list[str]], file: Any) -> None:
    """Give a layer of the outermost model its weights.

    Args:
        layer: that Keras made.
        stored: pairs of a weight's name and its dataset, in the file's order.
        file: the open HDF5 file.

    Raises:
        SourceError: they are not those of the layer.
    """
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    owners = dict(_owners(layer, ()))
    found = contradiction(
        [StoredWeight(name=name, shape=tuple(file[place].shape)) for name, place in stored],
        [Variable(owners=owners[id(v)], name=v.name, shape=tuple(v.shape)) for v in variables],
    )
    if found is not None:
        raise SourceError("CMP520.layer", layer=layer.name, reason=found)
    for (name, place), variable in zip(stored, variables, strict=True):
        value = numpy.asarray(file[place])
        if variable.dtype == "bfloat16" and value.dtype == numpy.dtype("V2"):
            value = value.view(ml_dtypes.bfloat16)  # of which HDF5 has no type
        if value.dtype != numpy.dtype(variable.dtype):
            raise SourceError(
                "CMP520.dtype",
                layer=layer.name,
                weight=name,
                found=str(value.dtype),
                expected=str(variable.dtype),
            )
        variable.assign(value)


def _owners(layer: Any, path: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield for each variable below a layer the names of the layers around it."""
    path = (*path, layer.name)
    for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
        yield id(variable), path
    for inner in layer._layers:
        yield from _owners(inner, path)
