"""Models whose state lies below other layers, or whose tensors go unusual ways."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from tests.state.custom_layers import LayerBox, SharingLayer, TiedHead
from tests.state.kinds import Sample, kind

_STEPS = {"x": np.random.default_rng(2).random((2, 5, 8), "float32")}
_ROWS = {"x": np.random.default_rng(1).random((3, 6), "float32")}
_WORDS = {"x": np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])}


def _steps(*made: keras.Layer) -> Sample:
    x = y = keras.Input((5, 8), name="x")
    for layer in made:
        y = layer(y)
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), _STEPS)


# ---------------------------------------------------------------- recurrent


@kind
def bidirectional(variant: int) -> Sample:
    return _steps(
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both"),
        layers.Bidirectional(layers.GRU(3, return_sequences=True), merge_mode="sum", name="sum"),
        layers.Bidirectional(
            layers.LSTM(2, return_sequences=True, name="forth"),
            backward_layer=layers.GRU(2, return_sequences=True, go_backwards=True, name="back"),
            name="mixed",
        ),
    )


@kind
def bidirectional_apart(variant: int) -> Sample:
    x = keras.Input((5, 8), name="x")
    outputs = layers.Bidirectional(layers.GRU(3), merge_mode=None, name="apart")(x)
    return Sample(keras.Model(x, outputs, name="source"), _STEPS)


@kind
def time_distributed(variant: int) -> Sample:
    return _steps(
        layers.TimeDistributed(layers.Dense(4, name="inside"), name="each"),
        layers.TimeDistributed(layers.BatchNormalization(name="inside"), name="each_norm"),
    )


@kind
def stacked_cells(variant: int) -> Sample:
    cells = [layers.LSTMCell(3), layers.GRUCell(4), layers.SimpleRNNCell(2)]
    return _steps(layers.RNN(cells, return_sequences=True, name="stacked"))


@kind
def conv_lstm(variant: int) -> Sample:
    x = keras.Input((3, 6, 6, 2), name="x")
    y = layers.ConvLSTM2D(3, 3, name="conv_lstm", dropout=0.1)(x)
    values = {"x": np.random.default_rng(3).random((1, 3, 6, 6, 2), "float32")}
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), values)


@kind
def initial_states(variant: int) -> Sample:
    x = keras.Input((5, 8), name="x")
    first, hidden, cell = layers.LSTM(3, return_sequences=True, return_state=True, name="enc")(x)
    y, *_ = layers.LSTM(3, return_state=True, name="dec")(first, initial_state=[hidden, cell])
    z = layers.GRU(3, name="gru")(first, initial_state=hidden)
    return Sample(keras.Model(x, [y, z, cell], name="source"), _STEPS)


@kind
def stateful(variant: int) -> Sample:
    x = keras.Input(batch_shape=(2, 5, 8), name="x")
    y = layers.LSTM(3, stateful=True, name="stateful")(x)
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), _STEPS)


@kind
def masks(variant: int) -> Sample:
    words = keras.Input((5,), dtype="int32", name="x")
    y = layers.Embedding(9, 4, mask_zero=True, name="embed")(words)
    y = layers.LSTM(3, return_sequences=True, name="lstm")(y)
    y = layers.Bidirectional(layers.GRU(3), name="both")(y)
    return Sample(keras.Model(words, layers.Dense(2, name="head")(y), name="source"), _WORDS)


@kind
def masking(variant: int) -> Sample:
    return _steps(layers.Masking(0.0, name="mask"), layers.LSTM(3, name="lstm"))


# ---------------------------------------------------------------- sub-layers and tied weights


@kind
def lists_and_dicts_of_layers(variant: int) -> Sample:
    return _steps(LayerBox(4, name="box"), LayerBox(3, name="other_box"))


@kind
def tied_embedding(variant: int) -> Sample:
    words = keras.Input((5,), dtype="int32", name="x")
    embed = layers.ReversibleEmbedding(9, 4, tie_weights=True, name="embed")
    y = layers.Dense(4, name="middle")(embed(words))
    return Sample(keras.Model(words, embed(y, reverse=True), name="source"), _WORDS)


@kind
def untied_embedding(variant: int) -> Sample:
    words = keras.Input((5,), dtype="int32", name="x")
    embed = layers.ReversibleEmbedding(9, 4, tie_weights=False, name="embed")
    y = layers.Dense(4, name="middle")(embed(words))
    return Sample(keras.Model(words, embed(y, reverse=True), name="source"), _WORDS)


@kind
def layer_shared_inside_a_layer(variant: int) -> Sample:
    return _steps(SharingLayer(8, name="sharing"))


@kind
def tied_to_another_layer(variant: int) -> Sample:
    words = keras.Input((5,), dtype="int32", name="x")
    embed = layers.Embedding(9, 4, name="z_embed")
    y = embed(words)
    return Sample(keras.Model(words, TiedHead(embed, name="tied")(y), name="source"), _WORDS)


# ---------------------------------------------------------------- nested models


def _dense_model(name: str, width: int) -> keras.Model:
    x = keras.Input((width,), name="inside")
    return keras.Model(x, layers.Dense(width, name="dense")(x), name=name)


@kind
def nested_three_deep(variant: int) -> Sample:
    x = keras.Input((6,), name="x")
    deep = _dense_model("deep", 6)
    y = keras.Input((6,), name="y")
    middle = keras.Model(y, layers.BatchNormalization(name="norm")(deep(y)), name="middle")
    chain = keras.Sequential(
        [keras.Input((6,)), middle, layers.Dense(6, name="dense"), layers.Dropout(0.1)],
        name="chain",
    )
    z = layers.Dense(4, name="dense")(chain(x))
    return Sample(keras.Model(x, z, name="source"), _ROWS)


@kind
def nested_twice_called(variant: int) -> Sample:
    x = keras.Input((6,), name="x")
    inner = _dense_model("inner", 6)
    y = layers.Add(name="add")([inner(x), inner(layers.ReLU(name="relu")(x))])
    return Sample(keras.Model(x, [y, inner(y)], name="source"), _ROWS)


@kind
def nested_policy_map(variant: int) -> Sample:
    policies = keras.dtype_policies.DTypePolicyMap(default_policy="float32")
    policies["mha/query"] = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    inside = keras.Input((5, 8), name="inside")
    attended = layers.MultiHeadAttention(2, 4, name="mha", dtype=policies)(inside, inside)
    inner = keras.Model(inside, attended, name="inner")
    x = keras.Input((5, 8), name="x")
    return Sample(keras.Model(x, layers.Dense(2, name="head")(inner(x)), name="source"), _STEPS)


# ---------------------------------------------------------------- inputs, outputs, operators


@kind
def structured_ends(variant: int) -> Sample:
    ends = {
        "b": keras.Input((6,), name="b"),
        "a": [keras.Input((6,), name="x"), keras.Input((6,), name="c")],
    }
    y = layers.Dense(3, name="dense_x")(ends["a"][0])
    z = layers.Dense(3, name="dense_b")(ends["b"])
    w = layers.Dense(3, name="dense_c")(ends["a"][1])
    rows = np.random.default_rng(1)
    values = {name: rows.random((3, 6), "float32") for name in ("b", "x", "c")}
    outputs = {"z": z, "ys": [w, y]}
    return Sample(keras.Model(ends, outputs, name="source"), values)


@kind
def operators(variant: int) -> Sample:
    x = keras.Input((5, 8), name="x")
    y = x[:, 1:4, ::2] * 2.5 - 1.0
    y = ops.transpose(y, (0, 2, 1)) + np.arange(3, dtype="float32") * 0.5
    y = ops.concatenate([y, ops.reshape(x[:, 0, :4], (-1, 4, 1))], axis=-1)
    y = ops.where(y > 0.3, y, ops.zeros_like(y))
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), _STEPS)


@kind
def custom_functions(variant: int) -> Sample:
    return _steps(
        layers.Dense(4, name="named", activation="gelu", kernel_regularizer="l2"),
        layers.Dense(
            4,
            name="norm",
            kernel_constraint=keras.constraints.MaxNorm(1.0),
            kernel_initializer=keras.initializers.GlorotUniform(seed=3),
        ),
        layers.PReLU(name="prelu"),
    )


@kind
def frozen_parts(variant: int) -> Sample:
    inner = _dense_model("inner", 6)
    inner.trainable = False
    x = keras.Input((6,), name="x")
    y = layers.Dense(6, name="frozen", trainable=False)(inner(x))
    return Sample(keras.Model(x, layers.Dense(2, name="head")(y), name="source"), _ROWS)


@kind
def convolutions(variant: int) -> Sample:
    x = keras.Input((8, 8, 4), name="x")
    y = layers.SeparableConv2D(6, 3, name="separable")(x)
    y = layers.DepthwiseConv2D(3, name="depthwise")(y)
    y = layers.Conv2DTranspose(4, 3, name="transpose")(y)
    values = {"x": np.random.default_rng(0).random((2, 8, 8, 4), "float32")}
    return Sample(keras.Model(x, y, name="source"), values)
