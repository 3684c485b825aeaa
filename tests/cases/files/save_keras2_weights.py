"""Run as a script: saves weights alone with tf-keras, ``python save_keras2_weights.py FOLDER``.

The first is laid out as the files that keras.applications publishes are
(``resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5``).
"""

from __future__ import annotations

import sys
from pathlib import Path

import tf_keras as keras
from tf_keras import layers


def reader(dense: str = "dense", second: str = "scores"):
    x = keras.Input((5, 3), name="words")
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name="both")(x)
    y = layers.MultiHeadAttention(2, 4, name="attention")(y, y)
    y = layers.BatchNormalization(name="norm")(layers.GlobalAveragePooling1D(name="mean")(y))
    y = layers.Dense(8, name=dense)(y)
    return keras.Model(x, layers.Dense(8, name=second)(y), name="reader")


def main(folder: Path) -> None:
    keras.utils.set_random_seed(7)
    notop = keras.applications.ResNet50(weights=None, include_top=False)
    notop.save_weights(folder / "resnet50_notop.h5", save_format="h5")
    for name, model in (
        ("reader", reader()),
        ("exchanged", reader("scores", "dense")),
        ("renamed", reader("hidden")),
    ):
        model.set_weights(
            [keras.backend.random_normal(w.shape).numpy() for w in model.get_weights()]
        )
        model.save_weights(folder / f"{name}.h5", save_format="h5")
    reader().save(folder / "whole.h5")
    mlp = [layers.Input((4,)), layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)]
    keras.Sequential(mlp).save_weights(folder / "mlp.weights.h5")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
