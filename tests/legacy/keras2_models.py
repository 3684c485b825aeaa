"""Run as a script: saves models with tf-keras, with inputs and what the models make of them.

``python keras2_models.py FOLDER`` leaves for every model NAME.keras, and NAME.npz with
``input_0…`` and ``output_0…`` in the order in which the model takes and gives them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

Made = Any
"""A model, or a model and the inputs to call it with (in the order of ``model.inputs``)."""
PADDED = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0], [5, 6, 7, 8, 1]])
MODELS: dict[str, Callable[[], Made]] = {}


def model(make: Callable[[], Made]) -> Callable[[], Made]:
    MODELS[make.__name__] = make
    return make


@model
def mlp() -> Made:
    return keras.Sequential(
        [
            layers.Dense(8, input_shape=(6,), activation="relu", kernel_regularizer="l2"),
            layers.Dropout(0.3, seed=3),
            layers.Dense(5, activation="swish", activity_regularizer="l1"),
            layers.ActivityRegularization(l1=0.1),
            layers.GaussianNoise(0.1),
            layers.AlphaDropout(0.1),
            layers.Dense(3, activation="softmax", kernel_constraint="non_neg"),
        ]
    )


@model
def sequential_built_by_shape() -> Made:
    made = keras.Sequential([layers.Dense(4), layers.LayerNormalization(), layers.Dense(2)])
    made.build((None, 3))
    return made


@model
def sequential_built_by_call() -> Made:
    made = keras.Sequential([layers.Dense(4, activation="gelu"), layers.Dense(2)])
    value = np.random.default_rng(1).normal(size=(2, 3)).astype("float32")
    made(value)
    return made, [value]


@model
def convolutions() -> Made:
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(image)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(6.0)(x)
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")(x)
    x = layers.BatchNormalization(axis=1, scale=False)(x)
    x = layers.LeakyReLU(0.2)(x)
    x = layers.SeparableConv2D(6, 3, strides=2, padding="same", depth_multiplier=2)(x)
    x = layers.BatchNormalization(center=False)(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", output_padding=1)(x)
    x = layers.GroupNormalization(groups=2)(x)
    x = layers.ELU(0.7)(x)
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = layers.Cropping2D(((0, 1), (1, 0)))(x)
    x = layers.MaxPooling2D(2)(x)
    x = layers.SpatialDropout2D(0.2)(x)
    x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.LayerNormalization(axis=[1, 2])(x)
    x = layers.UnitNormalization()(x)
    x = layers.Conv2D(4, 2, dilation_rate=2, groups=2, activation="selu")(x)
    x = layers.Softmax()(x)
    return keras.Model(image, layers.GlobalMaxPooling2D(keepdims=True)(x))


@model
def convolutions_in_one_and_three_dimensions() -> Made:
    line = keras.Input((12, 4))
    x = layers.Conv1D(6, 3, padding="causal")(line)
    x = layers.SeparableConv1D(5, 3)(x)
    x = layers.DepthwiseConv1D(3)(x)
    x = layers.Conv1DTranspose(4, 3, strides=2)(x)
    x = layers.SpatialDropout1D(0.2)(x)
    x = layers.UpSampling1D(2)(x)
    x = layers.ZeroPadding1D(1)(x)
    x = layers.Cropping1D(1)(x)
    x = layers.MaxPooling1D(2)(x)
    x = layers.AveragePooling1D(2)(x)
    a = layers.GlobalAveragePooling1D()(x)
    volume = keras.Input((6, 6, 6, 2))
    y = layers.Conv3D(3, 2)(volume)
    y = layers.SpatialDropout3D(0.2)(y)
    y = layers.Conv3DTranspose(2, 2)(y)
    y = layers.UpSampling3D(2)(y)
    y = layers.ZeroPadding3D(1)(y)
    y = layers.Cropping3D(1)(y)
    y = layers.MaxPooling3D(2)(y)
    y = layers.AveragePooling3D(2)(y)
    b = layers.GlobalMaxPooling3D()(y)
    return keras.Model([line, volume], [a, b])


@model
def two_inputs_and_a_dictionary() -> Made:
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = layers.Dense(5, name="shared")
    a, b = shared(left), shared(right)
    joined = layers.Concatenate(name="join")([a, b])
    merged = [layer()([a, b]) for layer in (
        layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum,
        layers.Minimum,
    )]  # fmt: skip
    scores = layers.Dense(2, name="scores_layer")(layers.Concatenate(axis=1)([joined, *merged]))
    similarity = layers.Dot(axes=-1, normalize=True)([a, b])
    return keras.Model(
        {"left": left, "right": right}, {"scores": scores, "a_similarity": similarity}
    )


@model
def nested_models_called_twice() -> Made:
    tower = keras.Sequential(
        [
            layers.Dense(4, input_shape=(3,), activation="relu"),
            layers.Dropout(0.1),
            layers.Dense(4),
        ],
        name="tower",
    )
    inner_input = keras.Input((4,))
    deepest = keras.Sequential([layers.Input((4,)), layers.LeakyReLU(0.1), layers.Dense(4)])
    inner = keras.Model(
        inner_input,
        [deepest(layers.BatchNormalization()(inner_input)), layers.Dense(2)(inner_input)],
        name="inner",
    )
    a, b = keras.Input((3,)), keras.Input((3,))
    first, second = inner(tower(a)), inner(tower(b))
    joined = layers.Concatenate()([first[0], second[0], first[1]])
    return keras.Model([a, b], [layers.Dense(2)(joined), second[1], tower(a)])


@model
def nested_deferred_sequential() -> Made:
    tower = keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(3)], name="tower")
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], layers.Add()([tower(a), tower(tower(b))]))


@model
def nested_model_with_named_inputs() -> Made:
    x, y = keras.Input((3,), name="x"), keras.Input((2,), name="y")
    inner = keras.Model(
        {"x": x, "y": y}, {"z": layers.Concatenate()([x, y]), "w": layers.Dense(2)(y)}, name="inner"
    )
    a, b = keras.Input((3,)), keras.Input((2,))
    out = inner({"x": a, "y": b})
    return keras.Model([a, b], layers.Concatenate()([out["z"], out["w"]]))


@model
def attention() -> Made:
    tokens = keras.Input((6,), dtype="int32")
    x = layers.Embedding(20, 8, mask_zero=True, input_length=6)(tokens)
    memory = keras.Input((5, 8))
    x = layers.MultiHeadAttention(2, 4, value_dim=3, dropout=0.1)(x, x, use_causal_mask=True)
    y, scores = layers.MultiHeadAttention(2, 4, output_shape=6, use_bias=False)(
        query=x, value=layers.Dense(8)(memory), key=memory, return_attention_scores=True
    )
    z = layers.Attention(use_scale=True, score_mode="concat")([y, layers.Dense(6)(x)])
    z = layers.AdditiveAttention()([z, y])
    z = layers.EinsumDense("abc,cd->abd", output_shape=(None, 4), bias_axes="d")(z)
    ids = np.random.default_rng(2).integers(1, 20, (3, 6)).astype("int32")
    rest = np.random.default_rng(3).normal(size=(3, 5, 8)).astype("float32")
    return keras.Model([tokens, memory], [z, scores]), [ids, rest]


@model
def recurrent() -> Made:
    series = keras.Input((7, 5))
    x = layers.Masking(0.0)(series)
    x, h, c = layers.LSTM(6, return_sequences=True, return_state=True)(x)
    x = layers.LSTM(6, return_sequences=True, recurrent_dropout=0.1)(x, initial_state=[h, c])
    x, state = layers.GRU(4, return_sequences=True, return_state=True)(x)
    x = layers.GRU(4, return_sequences=True, reset_after=False)(x, initial_state=state)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.Bidirectional(
        layers.GRU(3, return_sequences=True),
        backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True, use_bias=False),
        merge_mode="sum",
    )(x)
    x = layers.TimeDistributed(layers.Dense(4, activation="tanh"))(x)
    x = layers.SimpleRNN(5, return_sequences=True, go_backwards=True)(x)
    cells = [layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(2)]
    x = layers.RNN(cells, return_sequences=True)(x)
    x = layers.RNN(layers.StackedRNNCells([layers.LSTMCell(4), layers.LSTMCell(2)]))(x)
    return keras.Model(series, [x, h])


@model
def bidirectional_with_states() -> Made:
    series = keras.Input((4, 3))
    seed = keras.Input((2,))
    x, *states = layers.Bidirectional(
        layers.LSTM(2, return_sequences=True, return_state=True), merge_mode="concat"
    )(series)
    y = layers.Bidirectional(layers.LSTM(2), merge_mode="ave")(x, initial_state=states)
    z = layers.Bidirectional(layers.GRU(2), merge_mode=None)(x, initial_state=[seed, seed])
    return keras.Model([series, seed], [y, *z])


@model
def recurrent_convolutions() -> Made:
    video = keras.Input((3, 6, 6, 2))
    x = layers.ConvLSTM2D(3, 2, recurrent_activation="sigmoid", return_sequences=True)(video)
    x = layers.TimeDistributed(layers.Conv2D(2, 2))(x)
    inner = keras.Sequential([layers.Input((4, 4, 2)), layers.Flatten(), layers.Dense(8)])
    x = layers.TimeDistributed(inner)(x)
    x = layers.ConvLSTM1D(2, 2, recurrent_activation="sigmoid")(layers.Reshape((3, 4, 2))(x))
    return keras.Model(video, x)


@model
def shapes() -> Made:
    value = keras.Input((6,))
    x = layers.RepeatVector(4)(value)
    x = layers.Permute((2, 1))(x)
    x = layers.Reshape((-1, 3))(x)
    x = layers.Flatten()(x)
    x = layers.Activation(keras.activations.mish)(x)
    return keras.Model(value, layers.GaussianDropout(0.2)(x))


@model
def normalized() -> Made:
    value = keras.Input((3,))
    normalization = layers.Normalization(name="adapted")
    normalization.adapt(np.random.default_rng(4).normal(3, 2, size=(50, 3)).astype("float32"))
    fixed = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])
    inverted = layers.Normalization(mean=1.0, variance=2.0, axis=None, invert=True)
    return keras.Model(
        value,
        layers.Dense(2)(inverted(fixed(layers.Rescaling(0.5, offset=1)(normalization(value))))),
    )


@model
def images() -> Made:
    image = keras.Input((20, 20, 3))
    x = layers.Resizing(16, 16)(image)
    x = layers.RandomFlip("horizontal", seed=1)(x)
    x = layers.RandomRotation(0.1)(x)
    x = layers.RandomZoom(0.1)(x)
    x = layers.RandomTranslation(0.1, 0.1)(x)
    x = layers.RandomContrast(0.1)(x)
    x = layers.RandomBrightness(0.1)(x)
    x = layers.CenterCrop(12, 12)(x)
    return keras.Model(image, layers.Rescaling(1 / 255.0)(x))


@model
def categories() -> Made:
    numbers = keras.Input((1,), dtype="int64")
    x = layers.CategoryEncoding(num_tokens=5, output_mode="multi_hot")(numbers)
    real = keras.Input((1,))
    y = layers.Discretization(bin_boundaries=[0.0, 1.0])(real)
    y = layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")(y)
    made = keras.Model([numbers, real], [x, y])
    return made, [np.array([[1], [4], [0]]), np.array([[-1.0], [0.5], [7.0]], "float32")]


@model
def activations() -> Made:
    value = keras.Input((5,))
    names = ["elu", "exponential", "gelu", "linear", "mish", "relu", "selu", "sigmoid", "silu"]
    names += ["softmax", "softplus", "softsign", "swish", "tanh"]
    functions = [tf.nn.relu6, tf.nn.leaky_relu, tf.nn.silu, tf.nn.elu]
    return keras.Model(value, [layers.Activation(which)(value) for which in (*names, *functions)])


@model
def padded_attention() -> Made:
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 6, mask_zero=True)(tokens)
    x = layers.MultiHeadAttention(2, 3)(x, x)
    y = layers.Attention()([x, x])
    z = layers.LSTM(4, return_sequences=True)(layers.Dropout(0.1)(x))
    return keras.Model(tokens, [x, y, z]), [PADDED]


@model
def a_mask_taken_off() -> Made:
    tokens = keras.Input((5,), dtype="int32")
    x = layers.Embedding(9, 6, mask_zero=True)(tokens)
    y = layers.MultiHeadAttention(2, 3)(x, x)
    return keras.Model(tokens, [layers.Dense(3)(y), layers.Attention()([x, x])]), [PADDED]


@model
def words() -> Made:
    text = keras.Input((1,), dtype="string")
    known = layers.StringLookup(num_oov_indices=2)
    known.adapt(np.array(["b", "a", "b", "c"]))
    fixed = layers.StringLookup(vocabulary=["c", "a"], output_mode="multi_hot")
    sentence = layers.TextVectorization(output_mode="int", output_sequence_length=3)
    sentence.adapt(np.array(["a b c", "c b"]))
    hashed = layers.Hashing(7)(text)
    made = keras.Model(text, [known(text), fixed(text), sentence(text), hashed])
    return made, [np.array([["a"], ["b c"], ["zz"]], "S")]


@model
def numbers_looked_up() -> Made:
    number = keras.Input((2,), dtype="int64")
    known = layers.IntegerLookup(output_mode="multi_hot")
    known.adapt(np.array([3, 3, 8]))
    return keras.Model(number, known(number)), [np.array([[3, 8], [1, 1]])]


@model
def mixed_precision() -> Made:
    value = keras.Input((4,))
    x = layers.Dense(4, dtype="mixed_bfloat16")(value)
    x = layers.Dense(3, dtype=keras.mixed_precision.Policy("float64"))(x)
    x = layers.BatchNormalization(dtype="float32", trainable=False)(x)
    return keras.Model(value, layers.Dense(2, dtype="mixed_float16")(x))


@model
def mobilenet() -> Made:
    return keras.applications.MobileNetV2(
        weights=None, alpha=0.35, input_shape=(32, 32, 3), classes=7
    )


@model
def efficientnet() -> Made:
    return keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=5)


# ---------------------------------------------------------------- what can't be carried over


@model
def operators() -> Made:
    value = keras.Input((4,), name="value")
    other = keras.Input((4,), name="other")
    x = 2.0 * value + 1.0 - other
    x = tf.concat([x, tf.nn.relu(x), tf.math.square(other)], axis=-1)
    x = x / (tf.math.abs(x) + 0.5)
    x = tf.reshape(x, [-1, 3, 4])
    x = tf.transpose(x, [0, 2, 1]) * np.array([0.5, 1.5, -2.0], "float32")
    x = tf.expand_dims(x, 1)
    left, right = tf.split(x, [1, 3], axis=2)
    x = tf.squeeze(tf.concat([right, left], axis=2), axis=1)
    x = tf.math.maximum(x, -tf.math.tanh(x)) ** 2.0
    mean = tf.math.reduce_mean(x, axis=[1], keepdims=True)
    x = tf.math.exp(-tf.math.sqrt(x + 1.0)) + tf.cast(mean > 0.25, "float32")
    x = tf.stack([x, tf.nn.softmax(x, axis=1)], axis=1)
    x = tf.pad(x, [[0, 0], [1, 0], [0, 1], [2, 0]], constant_values=0.25)
    x = tf.where(x > 0.3, x, 1.0 - x)
    x = tf.clip_by_value(tf.nn.leaky_relu(x - 0.4, alpha=0.3), -0.1, 0.5)
    return keras.Model([value, other], [x, tf.math.reduce_sum(x, axis=-1), tf.nn.gelu(x)])


@model
def slices() -> Made:
    value = keras.Input((6, 4))
    x = value[:, 1:5:2]
    y = value[:, -1, tf.newaxis, 1:]
    z = layers.Dense(2)(value[:, :, 0])
    return keras.Model(value, [x, y, z, value[:, 2]])


@model
def refused_operator() -> Made:
    value = keras.Input((4,))
    return keras.Model(value, layers.Dense(2)(tf.math.cumsum(value, axis=1)))


@model
def refused_slice() -> Made:
    value = keras.Input((4,))
    return keras.Model(value, layers.Dense(2)(value[:, : tf.shape(value)[1] - 2]))


@model
def refused_hard_sigmoid() -> Made:
    value = keras.Input((4,))
    return keras.Model(value, layers.Dense(2, activation="hard_sigmoid")(value))


@model
def refused_random_crop() -> Made:
    image = keras.Input((8, 8, 3))
    return keras.Model(image, layers.RandomCrop(6, 6)(image))


@model
def refused_locally_connected() -> Made:
    value = keras.Input((6, 2))
    return keras.Model(value, layers.LocallyConnected1D(3, 2)(value))


@model
def refused_conv_lstm() -> Made:
    video = keras.Input((3, 6, 6, 2))
    return keras.Model(video, layers.ConvLSTM2D(3, 2)(video))


def main(folder: Path, names: list[str], suffix: str = ".keras") -> None:
    random = np.random.default_rng(7)
    for name, make in MODELS.items():
        if names and name not in names:
            continue
        keras.backend.clear_session()
        keras.utils.set_random_seed(11)
        made = make()
        if not isinstance(made, tuple):
            shapes = [[2 if d is None else d for d in tensor.shape] for tensor in made.inputs]
            made = made, [random.normal(size=shape).astype("float32") for shape in shapes]
        built, inputs = made
        # Fresh biases, moving means and gammas are all alike: an exchange would not be seen.
        # What Normalization has adapted to is read once only, and not alike anyway.
        for weight in built.weights:
            if (
                isinstance(weight, tf.Variable)
                and len(weight.shape) == 1
                and not weight.name.startswith(("mean", "variance"))
            ):
                weight.assign_add(random.uniform(0.01, 0.1, weight.shape).astype("float32"))
        built.save(folder / f"{name}{suffix}")
        outputs = built(_packed(built, inputs), training=False)
        flat = tf.nest.flatten(outputs)
        np.savez(
            folder / f"{name}.npz",
            **{f"input_{i}": value for i, value in enumerate(inputs)},
            **{f"output_{i}": np.asarray(value, "float64") for i, value in enumerate(flat)},
            **{f"weight_{i}": np.asarray(value) for i, value in enumerate(built.get_weights())},
        )


def _packed(built: Any, inputs: list[Any]) -> Any:
    if len(inputs) == 1:
        return inputs[0]
    structure = getattr(built, "_nested_inputs", inputs)
    return (
        dict(zip(sorted(structure), inputs, strict=True)) if isinstance(structure, dict) else inputs
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
