"""``python compare.py JOBS.json``: holds linked backbones against their sources in plain Keras.

In a process of its own that imports nothing of the user's but keras_hub. Writes a JSON object to
stdout: job → list of problems.
"""

import json
import sys
import warnings
from pathlib import Path


def main(jobs_file):
    """Answer all jobs.

    A job has ``id``, ``artifact`` and ``parts``, one a source: ``source``, ``prefix`` and
    ``outputs``, the layers whose outputs the artifact puts out (none for the source's own). Where
    the source was ``cut``, that layer's output is what the artifact takes as ``hidden``.
    """
    warnings.simplefilter("ignore")
    report = {}
    for job in json.loads(jobs_file.read_text()):
        try:
            report[job["id"]] = list(_problems(job))
        except Exception as error:  # noqa: BLE001 - whatever Keras raises is the answer
            report[job["id"]] = [f"{type(error).__name__}: {error}"[:600]]
    json.dump(report, sys.stdout)


def _problems(job):
    import keras
    import keras_hub  # noqa: F401 - registers its classes

    linked = keras.saving.load_model(job["artifact"])
    expected, values = [], {}
    for part in job["parts"]:
        source = keras.saving.load_model(part["source"])
        given = {tensor.name: _numbers(tensor) for tensor in keras.tree.flatten(source.inputs)}
        yield from _weight_problems(linked, source, part["prefix"])
        ends = [_first_output(source, name) for name in part.get("outputs", ())]
        expected.extend(_called(keras.Model(source.input, ends or source.output), given))
        values |= {part["prefix"] + name: value for name, value in given.items()}
        if "cut" in job:
            inner = _first_output(source, job["cut"])
            (values["hidden"],) = _called(keras.Model(source.input, inner), given)
    found = _called(linked, values)
    if len(found) != len(expected):
        yield f"{len(found)} outputs, expected {len(expected)}"
        return
    for index, (one, other) in enumerate(zip(found, expected, strict=True)):
        if one.shape != other.shape or one.tobytes() != other.tobytes():
            yield f"output {index} differs: {one.shape} and {other.shape}"


def _weight_problems(linked, source, prefix):
    held = {layer.name: layer for layer in linked.layers}
    compared = 0
    for layer in source.layers:
        other = held.get(prefix + layer.name)
        if other is None:
            continue
        pairs = list(zip(layer.get_weights(), other.get_weights(), strict=True))
        compared += len(pairs)
        if any(a.dtype != b.dtype or a.tobytes() != b.tobytes() for a, b in pairs):
            yield f"the weights of {layer.name} differ"
    if not compared:
        yield "no weights were compared"


def _first_output(model, name):
    return model.get_layer(name)._inbound_nodes[0].output_tensors[0]


def _called(model, given):
    import keras
    import numpy as np

    arrays = [given[tensor.name] for tensor in keras.tree.flatten(model.inputs)]
    outputs = model(keras.tree.pack_sequence_as(model.input, arrays), training=False)
    return [np.asarray(keras.ops.convert_to_numpy(t)) for t in keras.tree.flatten(outputs)]


def _numbers(tensor):
    """Return input values that the networks take: token numbers, masks, or anything."""
    import numpy as np

    random = np.random.default_rng(sum(tensor.name.encode()))
    name, dtype = tensor.name, str(tensor.dtype)
    open_sizes = {"points": [2], "labels": [2], "boxes": [1], "masks": [0, 16, 16]}.get(name)
    open_sizes = iter(open_sizes or [32, 32] if len(tensor.shape) > 3 else open_sizes or [6])
    shape = [2, *(next(open_sizes) if size is None else size for size in tensor.shape[1:])]
    if "padding_mask" in name:
        mask = np.ones(shape, dtype)
        mask[1, -2:] = 0
        return mask
    if "float" in dtype:
        return random.uniform(-1, 1, shape).astype(dtype)
    high = 50 if "token" in name else 2
    return random.integers(0, high, shape).astype(dtype)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
