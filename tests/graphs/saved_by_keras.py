"""Run as a script, saves models with Keras, or loads two files and compares their weights.

``python saved_by_keras.py save FOLDER`` leaves one file for each model;
``python saved_by_keras.py compare FOLDER OTHER`` loads the files of both folders and fails where a
weight differs in a bit, or where a model gives other outputs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("tests")
class Odd(layers.Layer):
    """Scalars, empty and integer variables, sub-layers in nested containers."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")
        self.none = self.add_weight(shape=(0, 3), name="none")
        for dtype in ("bool", "uint8", "int16", "int64"):
            self.add_weight(shape=(2,), dtype=dtype, initializer="zeros", trainable=False,
                            name=dtype)  # fmt: skip
        self.parts = [[layers.Dense(2), layers.Dense(2)], {"key": layers.Dense(2)}]
        for part in (*self.parts[0], self.parts[1]["key"]):
            part.build(shape)
        self.built = True

    def call(self, x):
        return x * self.scale


def fitted(model, shape, targets):
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, *shape)), np.ones((4, *targets)), verbose=0)
    return model


def models():
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Conv2D(4, 3)(image)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.3, seed=1)(x)
    x = layers.GlobalAveragePooling2D()(x)
    yield "compiled", fitted(keras.Model(image, layers.Dense(10)(x)), (16, 16, 3), (10,))

    inner = fitted(keras.Sequential([keras.Input((4,)), layers.Dense(3)]), (4,), (3,))
    vector = keras.Input((4,))
    yield "nested", fitted(keras.Model(vector, layers.Dense(2)(inner(vector))), (4,), (2,))

    vector = keras.Input((4,))
    x = layers.Dense(2, dtype="float16")(vector)
    yield "half", keras.Model(vector, layers.Dense(3, dtype="bfloat16")(x))

    for mode in ("int8", "int4", "float8"):
        vector = keras.Input((4,))
        model = keras.Model(vector, layers.Dense(8)(vector))
        model.quantize(mode)
        yield mode, model

    steps = keras.Input((5, 4))
    x = layers.MultiHeadAttention(2, 2)(steps, steps)
    yield "attention", keras.Model(steps, layers.Bidirectional(layers.LSTM(3))(x))

    vector = keras.Input((5,))
    yield "odd", keras.Model(vector, Odd()(vector))

    text = keras.Input((1,), dtype="string")
    vectorise = layers.TextVectorization(output_sequence_length=3)
    vectorise.adapt(["hello world"])
    yield "text", keras.Model(text, vectorise(text))

    vector = keras.Input((4,))
    masked = keras.ops.where(vector > 0, vector, float("-inf"))
    yield "infinite", keras.Model(vector, layers.ReLU(max_value=float("inf"))(masked))


def compare(one, other):
    assert [v.path.split("/")[-1] for v in one.weights] == [
        v.path.split("/")[-1] for v in other.weights
    ]
    for left, right in zip(one.weights, other.weights, strict=True):
        a, b = (keras.ops.convert_to_numpy(v) for v in (left, right))
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    (source,) = one.inputs
    if source.dtype == "string":
        data = keras.ops.convert_to_tensor([["hello"], ["nobody"]])
    else:
        random = np.random.default_rng(0).standard_normal((2, *source.shape[1:]))
        data = keras.ops.cast(random, source.dtype)
    outputs = [keras.ops.convert_to_numpy(model(data, training=False)) for model in (one, other)]
    assert outputs[0].tobytes() == outputs[1].tobytes()


def main(task, folder, other=None):
    folder = Path(folder)
    if task == "save":
        for name, model in models():
            model.save(folder / f"{name}.keras")
        return
    for path in sorted(folder.glob("*.keras")):
        one = keras.saving.load_model(path, compile=False)
        two = keras.saving.load_model(Path(other) / path.name)
        assert not two.compiled, path
        compare(one, two)
        print(path.name)


if __name__ == "__main__":
    main(*sys.argv[1:])
