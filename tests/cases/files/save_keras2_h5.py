"""Run as a script: saves the models of the cases about old ``.h5`` files with tf-keras.

``python save_keras2_h5.py FOLDER`` leaves NAME.h5, and NAME.npz with ``input`` and what the model
makes of it as ``output_0…``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers


def part(name):
    """A small network; all of them have the same names inside."""
    x = keras.Input((4,), name="features")
    y = layers.Dense(4, activation="tanh", name="dense")(x)
    return keras.Model(x, layers.BatchNormalization(name="norm")(y), name=name)


def prefixed():
    """Both models prefixed by hand, nested, saved (k#13696)."""
    x = keras.Input((4,), name="x")
    ends = []
    for name in ("left", "right"):
        # A Functional model that is renamed inside is one that Keras 2 itself can't save.
        steps = [
            layers.Dense(4, activation="tanh", input_shape=(4,), name="dense"),
            layers.BatchNormalization(name="norm"),
        ]
        inner = keras.Sequential(steps, name=name)
        for layer in inner.layers:
            layer._name = f"{name}_{layer.name}"
        ends.append(inner(x))
    return keras.Model(x, layers.Concatenate(name="join")(ends), name="both")


def siblings():
    x = keras.Input((4,), name="x")
    ends = [part("left")(x), part("right")(x)]
    return keras.Model(x, layers.Concatenate(name="join")(ends), name="both")


def slashes():
    x = keras.Input((4,), name="x")
    y = layers.Dense(4, name="encoder/block_1/dense")(x)
    y = layers.Dense(4, name="encoder/block_2/dense")(y)
    return keras.Model(x, layers.Dense(2, name="head")(y), name="swin")


def operations():
    x = keras.Input((4,), name="x")
    y = layers.Dense(4, name="dense")(tf.nn.relu(x) * 2.0 - 1.0)
    y = tf.concat([y[:, 1:3], tf.reduce_mean(y, axis=1, keepdims=True)], axis=-1)
    return keras.Model(x, layers.Dense(2, name="head")(tf.reshape(y, [-1, 3])), name="ops")


def dropped_arguments():
    x = keras.Input((6, 6, 3), name="x")
    y = layers.DepthwiseConv2D(3, name="depthwise")(x)
    y = layers.Reshape((16, 3), name="steps")(y)
    return keras.Model(x, layers.LSTM(5, name="lstm")(y), name="old")


def mlp():
    return keras.Sequential(
        [
            layers.Dense(6, activation="relu", input_shape=(4,), name="dense_input"),
            layers.Dense(5, activation="relu", name="dense_hidden_1"),
            layers.Dense(3, activation="softmax", name="dense_output"),
        ],
        name="mlp",
    )


def main(folder: Path) -> None:
    random = np.random.default_rng(5)
    for make in (prefixed, siblings, slashes, operations, dropped_arguments, mlp):
        keras.backend.clear_session()
        model = make()
        for weight in model.weights:
            weight.assign(random.uniform(0.1, 0.9, weight.shape).astype("float32"))
        model.save(folder / f"{make.__name__}.h5")
        value = random.normal(size=[2, *model.inputs[0].shape[1:]]).astype("float32")
        outputs = tf.nest.flatten(model(value, training=False))
        np.savez(
            folder / f"{make.__name__}.npz",
            input=value,
            **{f"output_{i}": output.numpy() for i, output in enumerate(outputs)},
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
