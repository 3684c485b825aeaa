"""``python -m tests.state.compare_linked JOBS.json``: holds linked models against their sources.

In plain Keras and in safe mode. Writes a JSON object to stdout: job → list of problems.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def main(jobs_file: Path) -> None:
    """Answer all jobs.

    A job has ``id``, ``artifact``, ``values`` (inputs by original name), ``whole`` (whether all of
    each source went in) and ``parts``, the sources: ``source``, ``prefix``, and where they are
    not beside each other ``inside`` (the nested model) or ``flat``. ``expected`` names outputs of
    the model that was saved, where Keras can't load the source.
    """
    warnings.simplefilter("ignore")
    from tests.state import custom_layers  # noqa: F401 - registers the classes

    report = {}
    for job in json.loads(jobs_file.read_text()):
        try:
            report[job["id"]] = list(_problems(job))
        except Exception as error:  # noqa: BLE001 - whatever Keras raises is the answer
            report[job["id"]] = [f"{type(error).__name__}: {error}"[:600]]
    json.dump(report, sys.stdout)


def _problems(job: dict[str, Any]) -> Iterator[str]:
    import keras
    import numpy as np

    linked = keras.saving.load_model(job["artifact"])
    values = np.load(job["values"])
    inputs = keras.tree.flatten(linked.inputs)
    given = {}
    for part in job["parts"]:
        given.update({part["prefix"] + name: values[name] for name in values.files})
    outputs = _called(linked, [given[tensor.name] for tensor in inputs])
    expected: list[Any] = []
    if "expected" in job:
        arrays = np.load(job["expected"])
        expected = [arrays[name] for name in arrays.files]
    for part in [] if expected else job["parts"]:
        source = keras.saving.load_model(part["source"])
        yield from _layer_problems(linked, source, part, complete=job["whole"])
        if job["whole"]:
            ends = keras.tree.flatten(source.inputs)
            expected.extend(_called(source, [values[tensor.name] for tensor in ends]))
        else:
            expected.extend(_open_outputs(linked, source, part, values))
    if len(outputs) != len(expected):
        yield f"{len(outputs)} outputs, expected {len(expected)}"
    for index, (found, wanted) in enumerate(zip(outputs, expected, strict=False)):
        if found.dtype != wanted.dtype or found.tobytes() != wanted.tobytes():
            yield f"output {index} differs"


def _called(model: Any, arrays: list[Any]) -> list[Any]:
    """Call a model eagerly at inference; its inputs and outputs flattened."""
    import keras

    tensors = [keras.ops.convert_to_tensor(array) for array in arrays]
    packed = keras.tree.pack_sequence_as(model.input, tensors)
    return [_array(value) for value in keras.tree.flatten(model(packed, training=False))]


def _array(value: Any) -> Any:
    import keras
    import numpy as np

    return np.asarray(keras.ops.convert_to_numpy(value))


def _open_outputs(linked: Any, source: Any, part: dict[str, Any], values: Any) -> list[Any]:
    """Run the source up to what a headless result puts out."""
    import keras

    operations = {operation.name: operation for operation in source.operations}
    tensors = []
    for tensor in keras.tree.flatten(linked.outputs):
        operation, node, output = tensor._keras_history
        original = operations[operation.name.removeprefix(part["prefix"])]
        tensors.append(original._inbound_nodes[node].output_tensors[output])
    cut = keras.Model(source.input, tensors)
    return _called(cut, [values[tensor.name] for tensor in keras.tree.flatten(source.inputs)])


def _layer_problems(
    linked: Any, source: Any, part: dict[str, Any], *, complete: bool
) -> Iterator[str]:
    if "inside" in part:
        linked = linked.get_layer(part["inside"])
    layers = {layer.name: layer for layer in linked.layers}
    for name, original in _layers(source, part["prefix"], flat=part.get("flat", False)):
        if name in layers:
            yield from _same_layer(name, layers[name], original)
        elif complete:
            yield f"layer {name} is missing"


def _layers(model: Any, prefix: str, *, flat: bool) -> Iterator[tuple[str, Any]]:
    """Yield the layers of a source under their final names."""
    for layer in model.layers:
        if not flat or not hasattr(layer, "layers"):
            yield prefix + layer.name, layer
            continue
        for name, inner in _layers(layer, f"{prefix}{layer.name}_", flat=True):
            if type(inner).__name__ != "InputLayer":
                yield name, inner


def _same_layer(name: str, layer: Any, original: Any) -> Iterator[str]:
    if type(layer) is not type(original):
        yield f"{name} is a {type(layer).__name__}, expected {type(original).__name__}"
    pairs = list(zip(layer._flatten_layers(), original._flatten_layers(), strict=True))
    for one, other in pairs:
        if one.trainable is not other.trainable:
            yield f"{name}: trainable of {other.name} is {one.trainable}"
        if one.dtype_policy.name != other.dtype_policy.name:
            yield f"{name}: {other.name} has policy {one.dtype_policy.name}"
        if one.compute_dtype != other.compute_dtype:
            yield f"{name}: {other.name} computes in {one.compute_dtype}"
        if hasattr(other, "get_vocabulary") and one.get_vocabulary() != other.get_vocabulary():
            yield f"{name}: {other.name} has another vocabulary"
        if getattr(one, "bin_boundaries", None) != getattr(other, "bin_boundaries", None):
            yield f"{name}: {other.name} has other bins"
    yield from _same_variables(name, layer.variables, original.variables)


def _same_variables(name: str, found: list[Any], wanted: list[Any]) -> Iterator[str]:
    if len(found) != len(wanted):
        yield f"{name} has {len(found)} variables, expected {len(wanted)}"
    for one, other in zip(found, wanted, strict=False):
        kinds = [(v.name, tuple(v.shape), v.dtype, v.trainable) for v in (one, other)]
        if kinds[0] != kinds[1]:
            yield f"{name}: {kinds[0]} stands for {kinds[1]}"
        # Keras 3.15 does not save what a SeedGenerator counted to.
        drawn = other.name == "seed_generator_state"
        if not drawn and _array(one).tobytes() != _array(other).tobytes():
            yield f"{name}: {other.name} differs"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
