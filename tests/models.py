"""The small models that pages of diagnostics and tests of the command line refer to.

Made by Keras once and kept in pytest's cache folder, so that most tests start no Keras. Run as a
script, this module makes them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from filelock import FileLock

NAMES = ("tower", "tower_b", "head", "mlp", "two_heads", "normed", "nested", "shared", "masked")


def models_folder(cache: Path) -> Path:
    """Return the folder with the models below ``cache``, made if it is not there yet.

    Several test processes that want it at the same time make it once.
    """
    source = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = cache / f"keras-{metadata.version('keras')}-{source}"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if not all((folder / f"{name}.keras").exists() for name in NAMES):
            environment = {
                **os.environ,
                "KERAS_BACKEND": "tensorflow",
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "-1",
            }
            subprocess.run(
                [sys.executable, __file__, str(folder)], check=True, env=environment, timeout=300
            )
    return folder


def make(folder: Path) -> None:
    """Save all models to ``folder``; each takes its name only when it is whole."""
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers

    def tower(name: str) -> keras.Model:
        image = keras.Input((16, 16, 3), name="image")
        x = layers.Conv2D(8, 3, name="conv1")(image)
        x = layers.Dropout(0.5, name="drop")(x)
        x = layers.Conv2D(4, 3, name="conv2")(x)
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        return keras.Model(image, layers.Dense(10, name="probs")(x), name=name)

    head = [
        keras.Input((4,), name="features"),
        layers.Dense(8, name="hidden"),
        layers.Dense(2, name="scores"),
    ]
    mlp = [
        keras.Input((784,), name="pixels"),
        layers.Dense(64, name="dense_input"),
        layers.Dense(128, name="dense_hidden_1"),
        layers.Dense(10, name="dense_output"),
    ]
    normed = [
        keras.Input((4,), name="features"),
        layers.LayerNormalization(name="norm"),
        layers.Dense(2, name="scores"),
    ]
    features = keras.Input((4,), name="features")
    again = keras.Input((4,), name="context")
    shared = layers.Dense(3, name="shared")
    left, right = shared(features), shared(again)
    two_heads = keras.Model(
        [features, again],
        [layers.Dense(2, name="left")(left), layers.Dense(5, name="right")(right)],
        name="two_heads",
    )
    inner = keras.Sequential(
        [
            keras.Input((4,), name="inner_features"),
            layers.Dense(3, name="first"),
            layers.Dense(3, name="second"),
        ],
        name="inner",
    )
    outer = keras.Input((4,), name="features")
    x = layers.Dense(2, name="scores")(inner(outer, training=False))
    nested = keras.Model(outer, x, name="nested")
    twice = layers.Dense(4, name="twice")
    inside = keras.Input((4,), name="inner_features")
    inner = keras.Model(inside, twice(inside), name="inner")
    outer = keras.Input((4,), name="features")
    shared = keras.Model(outer, twice(inner(outer)), name="shared")
    words = keras.Input((3, 4), name="words")
    known = keras.Input((3,), dtype="bool", name="known")
    inside = keras.Input((3, 4), name="inner_words")
    reader = keras.Model(inside, layers.GlobalAveragePooling1D(name="mean")(inside), name="reader")
    masked = keras.Model([words, known], reader(words, mask=known), name="masked")
    made = {
        "tower": tower("tower"),
        "tower_b": tower("tower_b"),
        "head": keras.Sequential(head, name="head"),
        "mlp": keras.Sequential(mlp, name="mlp"),
        "two_heads": two_heads,
        "normed": keras.Sequential(normed, name="normed"),
        "nested": nested,
        "shared": shared,
        "masked": masked,
    }
    assert set(made) == set(NAMES)
    for name, model in made.items():
        unfinished = folder / f"unfinished_{name}.keras"
        model.save(unfinished)
        unfinished.replace(folder / f"{name}.keras")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
