"""Makes the two models of ``compose init --example``; run it again to get the same files.

    python -m tests.authoring.make_example_models

Saves through Keras, then rewrites in canonical form, so that the bytes don't change from run to
run.
"""

from __future__ import annotations

from pathlib import Path

import keras

from composer.model_files.canonical_file import canonicalise

MODELS = Path(__file__).parents[2] / "composer/authoring/example_files/models"


def tower(size: int) -> keras.Model:
    """Three layers; their names are those of every tower, as when one script made all."""
    features = keras.Input((size,), name="features")
    hidden = keras.layers.Dense(16, activation="relu", name="hidden")(features)
    embedding = keras.layers.Dense(8, name="embedding")(hidden)
    scores = keras.layers.Dense(3, activation="softmax", name="scores")(embedding)
    return keras.Model(features, scores, name="tower")


def main() -> None:
    """Write ``photo.keras`` and ``text.keras``."""
    MODELS.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(7)
    for name, size in {"photo": 32, "text": 20}.items():
        path = MODELS / f"{name}.keras"
        tower(size).save(path)
        canonicalise(path, path)


if __name__ == "__main__":
    main()
