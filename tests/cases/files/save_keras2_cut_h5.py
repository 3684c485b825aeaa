"""Run as a script: saves models with layers that today's Keras lacks, and what is left without.

``python save_keras2_cut_h5.py FOLDER`` leaves NAME.h5, and NAME.npz with ``input`` and what the
part that tf-keras cut out of the model makes of it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers


class FixedDropout(layers.Dropout):
    """A custom class that is an identity at inference, as in published EfficientNets."""


class Scale(layers.Layer):
    """A custom class with a weight of its own."""

    def build(self, shape):
        self.gamma = self.add_weight(name="gamma", shape=(shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.gamma


def lambda_at_end():
    x = keras.Input((6, 6, 3), name="x")
    y = layers.Conv2D(4, 3, name="conv")(x)
    y = layers.BatchNormalization(name="norm")(y)
    feature = layers.GlobalAveragePooling2D(name="feature")(y)
    y = layers.Lambda(lambda t: tf.math.l2_normalize(t, axis=1), name="odd")(feature)
    whole = keras.Model(x, layers.Dense(2, name="head")(y), name="net")
    return whole, keras.Model(x, feature)


def lambda_in_middle():
    """The Lambda changes the shape; Rescaling takes its place."""
    x = keras.Input((5,), name="x")
    y = layers.Dense(6, activation="tanh", name="a")(x)
    cut = layers.Lambda(lambda t: t[:, :3], name="odd")(y)
    b, norm = layers.Dense(4, activation="relu", name="b"), layers.BatchNormalization(name="norm")
    c = layers.Dense(2, name="c")
    whole = keras.Model(x, c(norm(b(cut))), name="net")
    taken = keras.Input((3,))
    return whole, keras.Model(taken, c(norm(b(taken))))


def custom_classes():
    """Both custom layers are passed over."""
    x = keras.Input((5,), name="x")
    a, b, c = (layers.Dense(4, name=name) for name in "abc")
    whole = keras.Model(x, c(FixedDropout(0.5, name="drop")(b(Scale(name="scale")(a(x))))))
    return whole, keras.Model(x, c(b(a(x))))


def chain():
    whole = keras.Sequential(
        [
            layers.Dense(6, input_shape=(4,), name="a"),
            layers.Activation("hard_sigmoid", name="gate"),
            layers.Dense(5, name="b"),
            Scale(name="scale"),
            layers.Dense(3, name="c"),
        ],
        name="chain",
    )
    a, _, b, _, c = whole.layers
    x = keras.Input((4,))
    return whole, keras.Model(x, c(b(a(x))))


def hard_lstm():
    """Two branches of recurrent layers; the first has the old default activation."""
    x = keras.Input((4, 3), name="x")
    old = layers.LSTM(4, recurrent_activation="hard_sigmoid", name="old")(x)
    new = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="new")(x)
    pooled = layers.GRU(5, name="gru")(new)
    return keras.Model(x, [old, pooled], name="net"), keras.Model(x, pooled)


def with_losses():
    x = keras.Input((4,), name="x")
    y = layers.Dense(5, name="a")(x)
    y = layers.ActivityRegularization(0.1, name="reg")(y)
    z = layers.Dense(2, name="b")(y)
    whole = keras.Model(x, z, name="net")
    side = layers.Dense(1, name="side")(y)
    whole.add_loss(tf.reduce_mean(tf.square(side)))
    whole.add_metric(tf.reduce_mean(z), name="mean")
    return whole, keras.Model(x, z)


def inside():
    """A custom layer inside of a nested model, which stays behind with the model around it."""
    x = keras.Input((4,), name="x")
    first = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="one"), layers.Dense(4, name="two")], name="first"
    )
    at = keras.Input((4,), name="at")
    y = Scale(name="scale")(layers.Dense(3, name="one")(at))
    second = keras.Model(at, layers.Dense(3, name="two")(y), name="second")
    end = layers.Dense(2, name="end")
    h = first(x)
    whole = keras.Model(x, end(second(h)), name="net")
    return whole, keras.Model(x, h)


def calls():
    """A branch with operations that today's Keras lacks; the other is kept."""
    x = keras.Input((4,), name="x")
    a = layers.Dense(4, name="a")
    left = a(x)
    right = layers.Dense(3, name="r")(tf.math.top_k(left, k=2)[0])
    left = layers.Dense(2, name="l")(left)
    return keras.Model(x, [left, right], name="net"), keras.Model(x, left)


CASES = (
    lambda_at_end, lambda_in_middle, custom_classes, chain, hard_lstm, with_losses, inside, calls,
)  # fmt: skip


def main(folder: Path) -> None:
    random = np.random.default_rng(5)
    for make in CASES:
        keras.backend.clear_session()
        model, part = make()
        for weight in (*model.weights, *part.weights):
            weight.assign(random.uniform(0.1, 0.9, weight.shape).astype("float32"))
        model.save(folder / f"{make.__name__}.h5")
        if make in (lambda_at_end, custom_classes):
            model.save(folder / make.__name__, save_format="tf")
        value = random.normal(size=[2, *part.inputs[0].shape[1:]]).astype("float32")
        outputs = tf.nest.flatten(part(value, training=False))
        np.savez(
            folder / f"{make.__name__}.npz",
            input=value,
            **{f"output_{i}": output.numpy() for i, output in enumerate(outputs)},
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
