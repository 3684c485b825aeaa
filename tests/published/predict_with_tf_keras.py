"""Run as a script: what tf-keras makes of ``.h5`` models, ``FILE… FOLDER``.

Writes FOLDER/NAME.npz with ``input_0…`` and ``output_0…``, called eagerly and not in training.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tf_keras as keras

OPEN = 10_050
"""Length of what has any length: more than SpliceAI cuts off at its ends."""


def inputs_of(model) -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    arrays = []
    for tensor in model.inputs:
        shape = (2, *(OPEN if size is None else size for size in tensor.shape[1:]))
        words = [
            layer.input_dim for layer in model.layers if isinstance(layer, keras.layers.Embedding)
        ]
        if words:
            arrays.append(generator.integers(0, min(100, *words), shape).astype("float32"))
        else:
            arrays.append(generator.uniform(-1, 1, shape).astype("float32"))
    return arrays


def main(files: list[Path], folder: Path) -> None:
    for file in files:
        model = keras.models.load_model(file, compile=False)
        arrays = inputs_of(model)
        found = model(arrays if len(arrays) > 1 else arrays[0], training=False)
        outputs = found if isinstance(found, list) else [found]
        np.savez(
            folder / f"{file.stem}.npz",
            **{f"input_{index}": array for index, array in enumerate(arrays)},
            **{f"output_{index}": np.asarray(output) for index, output in enumerate(outputs)},
        )


if __name__ == "__main__":
    *given, target = map(Path, sys.argv[1:])
    main(given, target)
