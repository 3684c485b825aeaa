"""Writes the model of a SavedModel folder down as the ``.h5`` file that Keras 2 would have saved.

Nothing of the folder's program is loaded: variables are found by the objects that the checkpoint
lists (``TrackableObjectGraph``), and their bytes copied.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy
import tensorflow
from tensorflow.core.protobuf import trackable_object_graph_pb2

from composer.errors import SourceError
from composer.keras_process.tasks.explain import explain

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_VALUE = "VARIABLE_VALUE"


def perform(request: Mapping[str, Any], report: Callable[[str], None]) -> dict[str, Any]:
    """Write the model of ``folder`` to ``target``, and hold what was written against the folder.

    Args:
        request: ``folder``; ``model``, its config; ``names``, those of its layers by the names of
            their objects below the root; ``target``.
        report: told before the variables are read.

    Returns:
        ``tensors``: how many were copied.

    Raises:
        SourceError: the checkpoint can't be read, or does not hold the layers' variables.
    """
    report("reading the SavedModel")
    prefix = Path(request["folder"]) / "variables" / "variables"
    try:
        reader = tensorflow.train.load_checkpoint(str(prefix))
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(
            reader.get_tensor(_GRAPH)
        )
    except Exception as problem:
        raise SourceError("CMP526.variables", reason=explain(problem)) from problem
    objects = _Objects(graph)
    layers = {}
    for attribute, node in objects.children(0).items():
        if attribute in request["names"]:
            layers[request["names"][attribute]] = objects.weights(node)
    _refuse_own(objects, layers)
    target = Path(request["target"])
    with h5py.File(target, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2", "tensorflow"
        file.attrs["model_config"] = json.dumps(request["model"]).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = list(layers)
        for name, weights in layers.items():
            layer = group.create_group(name)
            layer.attrs["weight_names"] = [weight for weight, _ in weights]
            for weight, key in weights:
                layer[weight] = _tensor(reader, key)
    _check(target, reader, layers)
    return {"tensors": sum(map(len, layers.values()))}


class _Objects:
    """The objects of a checkpoint and the names under which they hold each other."""

    def __init__(self, graph: Any) -> None:
        self._nodes = graph.nodes

    def children(self, node: int) -> dict[str, int]:
        return {child.local_name: child.node_id for child in self._nodes[node].children}

    def weights(self, node: int) -> list[tuple[str, str]]:
        """Return name and key of a layer's variables: trainable ones, then the others.

        That is the order of ``.h5`` files (``_legacy_weights`` of Keras 2); ``variables`` of a
        nested model lists them layer by layer.
        """
        trainable = list(self.listed(node, "trainable_variables"))
        others = [item for item in self.listed(node, "variables") if item not in trainable]
        return [self._variable(item) for item in (*trainable, *others)]

    def listed(self, node: int, attribute: str) -> Iterator[int]:
        below = self.children(node).get(attribute)
        items = {} if below is None else self.children(below)
        for _, item in sorted((int(key), item) for key, item in items.items() if key.isdigit()):
            yield item

    def _variable(self, node: int) -> tuple[str, str]:
        for attribute in self._nodes[node].attributes:
            if attribute.name == _VALUE:
                return attribute.full_name or f"variable_{node}", attribute.checkpoint_key
        raise SourceError("CMP526.no-value")

    def own(self) -> list[tuple[str, str]]:
        """Return name and key of all variables of the model."""
        return self.weights(0)


def _refuse_own(objects: _Objects, layers: Mapping[str, list[tuple[str, str]]]) -> None:
    held = {key for weights in layers.values() for _, key in weights}
    own = [name for name, key in objects.own() if key not in held]
    if own:
        raise SourceError("CMP526.own-variables", variables=own)
    for layer, weights in layers.items():
        names = [name for name, _ in weights]
        if len(set(names)) < len(names):
            raise SourceError("CMP526.variable-twice", layer=layer)


def _check(target: Path, reader: Any, layers: Mapping[str, list[tuple[str, str]]]) -> None:
    """Read the file again and hold each tensor against the checkpoint."""
    with h5py.File(target, "r") as file:
        for name, weights in layers.items():
            for weight, key in weights:
                found = numpy.asarray(file[f"model_weights/{name}/{weight}"])
                wanted = _tensor(reader, key)
                if (found.dtype, found.shape) != (wanted.dtype, wanted.shape) or (
                    found.tobytes() != wanted.tobytes()
                ):
                    raise SourceError("CMP526.copied-otherwise", layer=name, weight=weight)


def _tensor(reader: Any, key: str) -> Any:
    value = numpy.asarray(reader.get_tensor(key))
    # HDF5 has no bfloat16; files of Keras 2 hold its two bytes.
    return value.view("V2") if value.dtype.name == "bfloat16" else value
