"""Makes the models that the tests of verification look at. Run as a script; imports Keras."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import keras


def tower() -> Any:
    """Return a small network with layers that behave differently in training."""
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Dropout(0.5, name="drop")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, x, name="tower")


def head() -> Any:
    """Return a Sequential that can be called on its own output."""
    return keras.Sequential(
        [
            keras.Input((4,), name="features"),
            keras.layers.Dense(4, name="hidden"),
            keras.layers.Dense(4, name="scores"),
        ],
        name="head",
    )


def main(folder: Path) -> None:
    """Save all models below ``folder``."""
    keras.utils.set_random_seed(1)
    a, b = tower(), head()
    b.layers[0].trainable = False
    a.save(folder / "tower.keras")
    b.save(folder / "head.keras")

    # Both inlined, the head twice in a row on its own output.
    first = b.layers[1](b.layers[0](a.output))
    second = b.layers[1](b.layers[0](first))
    keras.Model(a.input, {"one": first, "two": second}).save(folder / "inlined.keras")

    features = keras.Input((4,), name="features_in")
    nested = keras.Model(features, b(b(features)))
    nested.save(folder / "nested.keras")

    inner = keras.Input((4,), name="inner_in")
    functional = keras.Model(inner, keras.layers.Dense(4, name="dense")(inner), name="inner")
    functional.save(folder / "inner.keras")
    keras.Model(features, functional(functional(features))).save(folder / "functional.keras")

    tokens = keras.Input((None,), dtype="int32", name="tokens")
    keras.Model(tokens, keras.layers.Embedding(2, 3)(tokens)).save(folder / "tokens.keras")

    text = keras.Input((1,), dtype="string", name="text")
    keras.Model([features, text], keras.layers.Dense(2)(features)).save(folder / "text.keras")

    pixels = keras.Input((None, None, 3), name="pixels")
    x = pixels
    for _ in range(3):
        x = keras.layers.Conv2D(2, 7, strides=2)(x)
    keras.Model(pixels, x).save(folder / "any_size.keras")

    x = keras.layers.Rescaling(float("nan"), name="nan")(features)
    keras.Model(features, x).save(folder / "nan.keras")

    x = keras.layers.Lambda(lambda value: value)(features)
    keras.Model(features, x).save(folder / "lambda.keras")

    sys.setrecursionlimit(50_000)
    x = features
    for _ in range(1500):
        x = keras.layers.Activation("relu")(x)
    keras.Model(features, x).save(folder / "deep.keras")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
