"""Run as a script under an older Keras 3: ``old.keras``, with layers of many kinds.

``python save_with_old_keras.py FOLDER``; what today's Keras makes of it, saved again, is the work of
``python save_with_old_keras.py FOLDER again``, which leaves ``again.keras`` there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
from keras import layers


def image_tower() -> keras.Model:
    image = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 255, name="scale")(image)
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    x = layers.SeparableConv2D(4, 3, name="separable")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    return keras.Model(image, layers.GlobalAveragePooling2D(name="mean")(x), name="image_tower")


def text_tower() -> keras.Model:
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    x = layers.Embedding(11, 6, mask_zero=True, name="words")(tokens)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both_ways")(x)
    x = layers.GRU(6, return_sequences=True, name="gru")(x)
    x = layers.MultiHeadAttention(2, 3, name="attention")(x, x)
    x = layers.LayerNormalization(name="layer_norm")(x)
    x = layers.Dropout(0.3, seed=3, name="drop")(x)
    x = layers.TimeDistributed(layers.Dense(4), name="steps")(x)
    return keras.Model(tokens, layers.GlobalMaxPooling1D(name="most")(x), name="text_tower")


def save(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    image = keras.Input((16, 16, 3), name="image")
    tokens = keras.Input((7,), dtype="int32", name="tokens")
    shared = layers.Dense(4, activation="gelu", kernel_regularizer="l2", name="shared")
    one, other = shared(image_tower()(image)), shared(text_tower()(tokens))
    x = layers.Concatenate(name="joined")([one, other])
    x = keras.ops.tanh(x) * 2.0
    x = keras.Sequential([layers.Dense(5), layers.PReLU()], name="stack")(x)
    x = layers.Dense(6, dtype="mixed_float16", name="half")(x)
    probs = layers.Dense(3, activation="softmax", dtype="float32", name="probs")(x)
    model = keras.Model([image, tokens], {"probs": probs, "joined": one}, name="old")
    model.get_layer("shared").trainable = False
    model.compile("adam", "mse")
    model.save(folder / "old.keras")


def main(folder: Path, *again: str) -> None:
    if again:
        keras.saving.load_model(folder / "old.keras").save(folder / "again.keras")
    else:
        save(folder)
    print(keras.__version__)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
