"""Run as a script: SavedModel folders of tf-keras, ``python save_keras2_folders.py FOLDER``.

Leaves NAME/, and NAME.npz with ``input_0…`` and what the model makes of them as ``output_0…``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tf_keras as keras
from tf_keras import layers


def nested():
    """Frozen layers, batch normalisations inside a nested model, layers of equal shapes."""
    words = keras.Input((6, 4), name="words")
    stack = [
        layers.Dense(4, name="first", input_shape=(6, 4)),
        layers.BatchNormalization(name="norm_1"),
        layers.Dense(4, name="second"),
        layers.BatchNormalization(name="norm_2"),
    ]
    x = keras.Sequential(stack, name="inner")(words)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    x = layers.BatchNormalization(name="frozen", trainable=False)(x)
    left, right = layers.Dense(6, name="left")(x), layers.Dense(6, name="right")(x)
    x = layers.Subtract(name="difference")([left, right])
    return keras.Model(
        words, layers.Dense(2, name="out")(layers.Flatten(name="flat")(x)), name="it"
    )


def shared():
    """One layer that is called twice, two inputs, two outputs."""
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    dense = layers.Dense(4, activation="tanh", name="dense")
    a, b = dense(left), dense(right)
    total = layers.Add(name="total")([a, b])
    return keras.Model([left, right], [layers.Dense(2, name="top")(total), b], name="pair")


def stack():
    return keras.Sequential(
        [layers.Dense(4, input_shape=(3,)), layers.BatchNormalization(), layers.Dense(2)]
    )


class Net(keras.Model):
    """A model whose graph is in its code."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def main(folder: Path) -> None:
    generator = np.random.default_rng(4)
    for make in (nested, shared, stack):
        model = make()
        values = [
            generator.uniform(0.3, 0.9, w.shape).astype("float32") for w in model.get_weights()
        ]
        model.set_weights(values)
        model.compile("adam", "mse")
        given = [
            generator.uniform(-1, 1, (2, *t.shape[1:])).astype("float32") for t in model.inputs
        ]
        outputs = model(given if len(given) > 1 else given[0], training=False)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        np.savez(
            folder / f"{make.__name__}.npz",
            **{f"input_{index}": value for index, value in enumerate(given)},
            **{f"output_{index}": np.asarray(value) for index, value in enumerate(outputs)},
        )
        model.save(folder / make.__name__, save_format="tf")
    net = Net()
    net(np.ones((1, 3)))
    net.save(folder / "net", save_format="tf")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
