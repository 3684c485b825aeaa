"""Models that Keras saves and can't load again, or only with more than the file."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from tests.state.custom_layers import AddIfGiven, TwoHeads
from tests.state.kinds import Sample, kind

_ROWS = {"x": np.random.default_rng(1).random((3, 6), "float32")}


@kind
def shared_with_nested(variant: int) -> Sample:
    shared = layers.Dense(6, name="shared")
    inside = keras.Input((6,), name="inside")
    inner = keras.Model(inside, shared(inside), name="inner")
    x = keras.Input((6,), name="x")
    return Sample(keras.Model(x, shared(inner(shared(x))), name="source"), _ROWS)


@kind
def shared_inside_first(variant: int) -> Sample:
    shared = layers.Dense(6, name="shared")
    inside = keras.Input((6,), name="inside")
    inner = keras.Model(inside, shared(inside), name="inner")
    x = keras.Input((6,), name="x")
    return Sample(keras.Model(x, shared(inner(x)), name="source"), _ROWS)


@kind
def lambda_layer(variant: int) -> Sample:
    x = keras.Input((6,), name="x")
    y = layers.Lambda(lambda t: t * 2, name="double")(layers.Dense(6, name="dense")(x))
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), _ROWS)


@kind
def int8_attention(variant: int) -> Sample:
    x = keras.Input((5, 8), name="x")
    model = keras.Model(x, layers.MultiHeadAttention(2, 4, name="mha")(x, x), name="source")
    model.quantize("int8")
    return Sample(model, {"x": np.ones((1, 5, 8), "float32")}, as_is=True)


@kind
def subclassed(variant: int) -> Sample:
    model = TwoHeads(4, name="source")
    model(np.zeros((1, 6), "float32"))
    return Sample(model, _ROWS)


@kind
def holds_subclassed(variant: int) -> Sample:
    x = keras.Input((6,), name="x")
    y, z = TwoHeads(4, name="two")(x)
    return Sample(keras.Model(x, [layers.Dense(2, name="head")(y), z], name="source"), _ROWS)


@kind
def optional_input(variant: int) -> Sample:
    x = keras.Input((6,), name="x")
    extra = keras.Input((6,), name="extra", optional=True)
    y = AddIfGiven(name="add")(x, extra)
    model = keras.Model([x, extra], layers.Dense(2, name="head")(y), name="source")
    return Sample(model, {**_ROWS, "extra": _ROWS["x"] + 1})
