"""A Keras process that loads artifacts and holds them against what their sources gave.

Run as a script it reads requests from stdin, one JSON a line, and answers on stdout. It never sees
composer: what it finds, any user of plain Keras finds.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Stored = tuple[str, tuple[int, ...], bytes]
"""dtype, shape and bytes of an array; numpy has no files for bfloat16."""


class Reader:
    """The other end: starts the process, asks it, ends it."""

    def __init__(self) -> None:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def problem(self, artifact: Path, expected: Path) -> str | None:
        """Load ``artifact`` and compare; returns None, or what is wrong."""
        return self._ask(artifact=str(artifact), expected=str(expected))

    def _ask(self, **request: Any) -> str | None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the Keras process ended with {self._process.wait()}"
        answer = json.loads(line)["problem"]
        return None if answer is None else str(answer)

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


def stored(value: Any) -> Stored:
    """Return a tensor or variable as bytes."""
    import keras

    array = keras.ops.convert_to_numpy(value)
    return str(array.dtype), tuple(array.shape), array.tobytes()


def input_name(tensor: Any) -> str:
    """Return the name of the input layer that gives ``tensor``."""
    return str(tensor._keras_history.operation.name)


def structures(model: Any) -> list[str]:
    """Return how inputs and outputs are arranged, as text; a file has lists for tuples.

    The keys of inputs are left out, since they follow the names.
    """
    import keras

    inputs, outputs = (
        keras.tree.map_structure(lambda _: 0, struct)
        for struct in (model._inputs_struct, model._outputs_struct)
    )
    return [
        json.dumps(list(inputs.values()) if isinstance(inputs, dict) else inputs),
        json.dumps(outputs, sort_keys=True),
    ]


def called(model: Any, values: Mapping[str, Any]) -> list[Stored]:
    """Call ``model`` eagerly, as at inference, with inputs by name; returns all outputs in order."""
    import keras

    outputs = model(_packed(model, values), training=False)
    return [stored(output) for output in keras.tree.flatten(outputs)]


def _packed(model: Any, values: Mapping[str, Any]) -> Any:
    import keras

    ordered = [values[input_name(tensor)] for tensor in model.inputs]
    return keras.tree.pack_sequence_as(model.input, ordered)


def find_problem(artifact: str, expected: str) -> str | None:  # noqa: PLR0912 - one check a branch
    """Load an artifact in plain Keras and compare it; see ``expectations.py``."""
    import keras

    try:
        model = keras.saving.load_model(artifact)
    except Exception as error:  # noqa: BLE001 - the answer is what Keras says
        return f"Keras can't load it: {type(error).__name__}: {error}"
    wanted = pickle.loads(Path(expected).read_bytes())
    names = [input_name(tensor) for tensor in model.inputs]
    # Of a nested model only what an output depends on is left once it is inlined.
    unneeded = wanted["operations"] is None
    if names != [name for name in wanted["inputs"] if name in names or not unneeded]:
        return f"its inputs are {names}, expected {list(wanted['inputs'])}"
    layers = {layer.name: layer for layer in model.layers}
    operations = sorted(operation.name for operation in model.operations)
    if wanted["operations"] is None:
        nested = [layer.name for layer in model.layers if isinstance(layer, keras.Model)]
        if nested:
            return f"it still nests {nested}"
        strange = Counter(stored(w) for w in model.weights) - Counter(wanted["weights"])
        if strange:
            return f"{sum(strange.values())} of its weights are none of the source"
    elif operations != sorted(wanted["operations"]):
        return f"its operations are {operations}, expected {sorted(wanted['operations'])}"
    for name, variables in wanted["variables"].items():
        if [stored(weight) for weight in layers[name].weights] != variables:
            return f"the variables of {name!r} differ"
    for name in wanted["frozen"]:
        if layers[name].trainable_variables:
            return f"{name!r} is not frozen"
    for name in wanted["trainable"]:
        if not layers[name].trainable_variables:
            return f"{name!r} is frozen"
    if wanted["structures"] not in (None, structures(model)):
        return f"it is arranged as {structures(model)}, expected {wanted['structures']}"
    outputs = called(model, wanted["inputs"])
    if len(outputs) != len(wanted["outputs"]):
        return f"it has {len(outputs)} outputs, expected {len(wanted['outputs'])}"
    pairs = enumerate(zip(outputs, wanted["outputs"], strict=True))
    different = [number for number, (found, other) in pairs if found != other]
    if different:
        return f"of {len(outputs)} outputs differ: {different}"
    return None if wanted["tolerance"] is None else _predict_problem(model, wanted)


def _predict_problem(model: Any, wanted: Mapping[str, Any]) -> str | None:
    import keras
    import numpy as np

    found = model.predict(_packed(model, wanted["inputs"]), verbose=0)
    for number, output in enumerate(keras.tree.flatten(found)):
        dtype, shape, data = wanted["outputs"][number]
        other = np.frombuffer(data, dtype).reshape(shape)
        if not np.allclose(output, other, rtol=wanted["tolerance"], atol=wanted["tolerance"]):
            return f"predict gives other numbers: by up to {np.abs(output - other).max()}"
    return None


def main() -> None:
    """Answer requests until stdin ends."""
    import custom_keras_layers  # noqa: F401 - registers the classes

    for line in sys.stdin:
        request = json.loads(line)
        try:
            problem = find_problem(request["artifact"], request["expected"])
        except Exception as error:  # noqa: BLE001 - a crash is an answer too
            problem = f"{type(error).__name__}: {error}"
        print(json.dumps({"problem": problem}), flush=True)


if __name__ == "__main__":
    main()
