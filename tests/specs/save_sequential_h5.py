"""Run as a script: ``mlp.h5``, the Sequential of the recipes as tf-keras saves it, and its numbers.

``python save_sequential_h5.py FOLDER`` leaves beside it ``mlp.npz``: ``input``, and what each layer
makes of it under the layer's name.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tf_keras as keras
from tf_keras import layers


def main(folder: Path) -> None:
    keras.utils.set_random_seed(5)
    stack = [
        layers.Dense(64, activation="relu", input_shape=(784,), name="dense_input"),
        layers.Dense(128, activation="relu", name="dense_hidden_1"),
        layers.Dense(10, activation="softmax", name="dense_output"),
    ]
    model = keras.Sequential(stack, name="mlp")
    model.compile("adam", "categorical_crossentropy")
    value = np.random.default_rng(1).uniform(0, 1, (3, 784)).astype("float32")
    found = {"input": value}
    for layer in model.layers:
        value = layer(value)
        found[layer.name] = np.asarray(value)
    model.save(folder / "mlp.h5")
    np.savez(folder / "mlp.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
