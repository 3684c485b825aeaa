"""Makes the small models that some of the specs link; run it again to get the same files.

    python specs/models/make_models.py

Saves through Keras, then rewrites in canonical form, so that the bytes don't change from run to
run.
"""

from __future__ import annotations

from pathlib import Path

import keras
import tf_keras

from composer.graphs.canonical import canonicalise

HERE = Path(__file__).parent


def mlp() -> keras.Sequential:
    """A perceptron for 28 x 28 images: 784 -> 64 -> 128 -> 10."""
    return keras.Sequential(
        [
            keras.Input((784,), name="pixels"),
            keras.layers.Dense(64, activation="relu", name="dense_input"),
            keras.layers.Dense(128, activation="relu", name="dense_hidden_1"),
            keras.layers.Dense(10, activation="softmax", name="dense_output"),
        ],
        name="mlp",
    )


def old_mlp() -> tf_keras.Sequential:
    """A smaller one of Keras 2, whose layers have names that today's Keras refuses."""
    return tf_keras.Sequential(
        [
            tf_keras.layers.Dense(16, "relu", input_shape=(784,), name="trunk/dense_1"),
            tf_keras.layers.Dense(12, "relu", name="trunk/dense_2"),
            tf_keras.layers.Dense(10, "softmax", name="digits"),
        ],
        name="old_mlp",
    )


def main() -> None:
    """Write ``mlp.keras`` and ``old_mlp.h5`` beside this file."""
    tf_keras.utils.set_random_seed(0)
    old_mlp().save(HERE / "old_mlp.h5")
    keras.utils.set_random_seed(0)
    path = HERE / "mlp.keras"
    mlp().save(path)
    canonicalise(path, path)


if __name__ == "__main__":
    main()
