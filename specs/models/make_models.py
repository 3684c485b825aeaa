"""Makes the small models that some of the specs link; run it again to get the same files.

    python specs/models/make_models.py

Saves through Keras, then rewrites in canonical form, so that the bytes don't change from run to
run.
"""

from __future__ import annotations

from pathlib import Path

import keras

from composer.keras_format.canonical import canonicalise

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


def main() -> None:
    """Write ``mlp.keras`` beside this file."""
    keras.utils.set_random_seed(0)
    path = HERE / "mlp.keras"
    mlp().save(path)
    canonicalise(path, path)


if __name__ == "__main__":
    main()
