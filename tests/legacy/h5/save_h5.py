"""Run as a script: saves the models of ``keras2_models.py`` as ``.h5``, and some more.

``python save_h5.py FOLDER`` leaves NAME.h5 and NAME.npz for each, as that script does.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import keras2_models
import tensorflow as tf
import tf_keras as keras
from keras2_models import Made, model
from tf_keras import layers


@model
def prefixed_and_nested() -> Made:
    """Two models of equal inner names, renamed by hand as people do (k#13696, k#19375)."""
    inputs = keras.Input((4,), name="x")
    parts = []
    for prefix in ("left_", "right_"):
        inner = keras.Sequential(
            [
                layers.Dense(4, input_shape=(4,), name="first"),
                layers.BatchNormalization(name="norm"),
                layers.Dense(4, name="second"),
            ],
            name=f"{prefix}part",
        )
        for layer in inner.layers:
            layer._name = prefix + layer.name
        parts.append(inner(inputs))
    return keras.Model(inputs, layers.Concatenate(name="join")(parts))


@model
def siblings_of_equal_names() -> Made:
    inputs = keras.Input((4,), name="x")
    parts = []
    for name in ("a", "b"):
        x = keras.Input((4,), name="features")
        inner = keras.Model(
            x, layers.Dense(3, name="dense")(layers.Dense(3, name="first")(x)), name=name
        )
        parts.append(inner(inputs))
    return keras.Model(inputs, layers.Add()(parts))


@model
def names_with_slashes() -> Made:
    x = keras.Input((8, 8, 3), name="image/input")
    y = layers.Conv2D(3, 3, padding="same", name="block_1/conv")(x)
    z = layers.Conv2D(3, 3, padding="same", name="block_1_conv")(y)
    inner = keras.Sequential(
        [layers.Conv2D(2, 3, name="a/b", input_shape=(8, 8, 3))], name="inner/model"
    )
    return keras.Model(x, [layers.Add(name="block/sum")([y, z]), inner(z)])


@model
def frozen_in_part() -> Made:
    x = keras.Input((4,), name="x")
    inner = keras.Sequential(
        [
            layers.Dense(4, input_shape=(4,), name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(4, name="second"),
            layers.BatchNormalization(name="norm_2"),
        ],
        name="inner",
    )
    inner.layers[0].trainable = False
    inner.layers[3].trainable = False
    frozen = keras.Model(x, layers.BatchNormalization()(layers.Dense(4)(x)), name="frozen")
    frozen.trainable = False
    y = keras.Input((4,), name="y")
    return keras.Model(y, [inner(y), frozen(y)])


@model
def sequential_of_a_model() -> Made:
    x = keras.Input((4,), name="x")
    inner = keras.Model(x, layers.Dense(5)(x), name="base")
    return keras.Sequential([inner, layers.Dense(2, name="head")])


@model
def more_layers() -> Made:
    image = keras.Input((8, 8, 3))
    x = layers.SeparableConv2D(4, 3)(image)
    x = layers.Resizing(5, 5)(x)
    x = layers.RandomFlip()(x)
    x = layers.RandomRotation(0.1)(x)
    x = layers.CenterCrop(4, 4)(x)
    x = layers.Rescaling(0.5, 1.0)(x)
    steps = layers.Reshape((16, 4))(x)
    a = layers.TimeDistributed(layers.Dense(3))(steps)
    b = layers.GRU(3, reset_after=False, return_sequences=True)(steps)
    c = layers.SimpleRNN(3, return_sequences=True)(b)
    d = layers.AdditiveAttention()([a, c])
    e = layers.EinsumDense("abc,cd->abd", output_shape=(None, 6), bias_axes="d")(d)
    return keras.Model(image, [e, layers.Dot(axes=2)([a, c])])


@model
def slices_with_an_ellipsis() -> Made:
    x = keras.Input((6, 4))
    return keras.Model(x, [layers.Dense(2)(x[..., 0]), x[:, tf.newaxis, ..., 1:]])


@model
def refused_lambda() -> Made:
    x = keras.Input((4,))
    return keras.Model(x, layers.Lambda(lambda value: value * 2)(x))


NOT_IN_H5 = ("words", "numbers_looked_up")
"""Tables of words, which Keras 2 itself does not save to ``.h5``."""

if __name__ == "__main__":
    for name in NOT_IN_H5:
        del keras2_models.MODELS[name]
    keras2_models.main(Path(sys.argv[1]), sys.argv[2:], ".h5")
