"""Makes the model of an ``.h5`` file from its repaired config, gives it the weights, saves it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import h5py
import keras
import ml_dtypes
import numpy

from composer.keras_process.h5_pairing import Variable, Weight, contradiction
from composer.keras_process.refusal import RefusalError
from composer.keras_process.tasks.explain import explain


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
        RefusalError: Keras refuses the config, or the weights are not those of the model.
    """
    report("importing the .h5 file")
    # What is drawn at random, such as seeds of layers without one, is the same for each import.
    keras.utils.set_random_seed(0)
    model = _made(request["config"])
    weights: Mapping[str, list[list[str]]] = request["weights"]
    with h5py.File(request["path"], "r") as file:
        for layer in model.layers:
            load_layer(layer, weights.get(layer.name, []), file)
    missing = sorted(set(weights) - {layer.name for layer in model.layers})
    if missing:
        raise _refusal(missing[0], "the model that Keras makes has no such layer")
    model.save(request["target"])
    return {"parameters": int(model.count_params())}


def _made(config: Mapping[str, Any]) -> keras.Model:
    try:
        # Keras takes a config apart while it reads it.
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
    except Exception as problem:
        culprit = _culprit(config)
        if culprit is not None:
            name, found = culprit
            raise _refusal(name, f"Keras refuses it: {explain(found)}") from found
        raise RefusalError(
            f"Keras refuses the model: {explain(problem)}", kind="source", reason="h5-refused"
        ) from problem
    if not model.built:
        raise RefusalError(
            "Keras can't build the model, because the file does not say what shape its input has",
            kind="source",
            reason="h5-no-shape",
            help="call model.build(input_shape) where the model is made, and save it again",
        )
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
        RefusalError: they are not those of the layer.
    """
    variables = [*layer.trainable_weights, *layer.non_trainable_weights]
    owners = dict(_owners(layer, ()))
    found = contradiction(
        [Weight(name=name, shape=tuple(file[place].shape)) for name, place in stored],
        [Variable(owners=owners[id(v)], name=v.name, shape=tuple(v.shape)) for v in variables],
    )
    if found is not None:
        raise _refusal(layer.name, found)
    for (name, place), variable in zip(stored, variables, strict=True):
        value = numpy.asarray(file[place])
        if variable.dtype == "bfloat16" and value.dtype == numpy.dtype("V2"):
            value = value.view(ml_dtypes.bfloat16)  # of which HDF5 has no type
        if value.dtype != numpy.dtype(variable.dtype):
            raise _refusal(
                layer.name,
                f"its {name} is stored as {value.dtype}, and today's Keras keeps it as "
                f"{variable.dtype}",
            )
        variable.assign(value)


def _owners(layer: Any, path: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield for each variable below a layer the names of the layers around it."""
    path = (*path, layer.name)
    for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
        yield id(variable), path
    for inner in layer._layers:
        yield from _owners(inner, path)


def _refusal(layer: str, why: str) -> RefusalError:
    return RefusalError(
        f"layer {layer!r} can't be imported: {why}", kind="source", reason="h5-refused"
    )
