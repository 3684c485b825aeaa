"""The network whose weights deepcut ships alone, for either Keras.

Written from what the package's documentation and its file of weights say of the layers.
"""

from __future__ import annotations

from typing import Any

CHARACTERS = 178
KINDS = 12
AROUND = 21
WIDTHS = (*((size, 200) for size in range(1, 9)), *((size, 150) for size in (9, 10, 11)), (12, 100))


def network(keras: Any) -> Any:
    """Return the model, made of the layers of ``keras`` (Keras 3 or tf-keras)."""
    layers = keras.layers
    characters, kinds = keras.Input((AROUND,)), keras.Input((AROUND,))
    read = layers.Embedding(CHARACTERS, 32)(characters)
    read = layers.BatchNormalization()(layers.SpatialDropout1D(0.15)(read))
    seen = []
    for size, filters in WIDTHS:
        x = layers.Conv1D(filters, size, activation="relu")(read)
        x = layers.TimeDistributed(layers.Dense(5))(x)
        seen.append(layers.ZeroPadding1D((0, size - 1))(x))
    kind = layers.SpatialDropout1D(0.15)(layers.Embedding(KINDS, 12)(kinds))
    x = layers.Concatenate()([read, layers.Maximum()(seen), kind])
    x = layers.Flatten()(layers.BatchNormalization()(x))
    x = layers.Dense(100, activation="relu")(x)
    return keras.Model([characters, kinds], layers.Dense(1, activation="sigmoid")(x))


def make() -> Any:
    """Return the network for a ``py:`` source."""
    import keras

    return network(keras)
