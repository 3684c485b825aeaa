"""Models of every structure in which weights can be damaged, saved by ``layer_models``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers as L

from tests.state.custom_layers import LayerBox, TwoHeads


def _plain() -> Any:
    x = keras.Input((4,), name="x")
    y = L.Dense(4, name="two")(L.Dense(4, name="one")(x))
    y = L.Dropout(0.1, name="drop")(L.BatchNormalization(name="norm")(y))
    return keras.Model(x, L.Dense(4, name="last")(y), name="source")


def _tower(name: str) -> Any:
    x = keras.Input((4,), name=f"{name}_in")
    return keras.Model(x, L.Dense(4, name="b")(L.Dense(4, name="a")(x)), name=name)


def _nested() -> Any:
    x = keras.Input((4,), name="x")
    chain = keras.Sequential([keras.Input((4,)), L.Dense(4, name="a"), L.Dense(4)], name="chain")
    y = _tower("left")(_tower("right")(x))
    return keras.Model(x, L.Dense(4, name="head")(chain(y)), name="source")


def _sequential() -> Any:
    made = [keras.Input((4,), name="x"), L.Dense(4, name="a"), L.Dense(4, name="b")]
    return keras.Sequential(made, name="source")


def _wrapped() -> Any:
    x = keras.Input((3, 4), name="x")
    y = L.Bidirectional(L.LSTM(2, return_sequences=True), name="both")(x)
    y = L.TimeDistributed(L.Dense(4), name="each")(y)
    y = L.TimeDistributed(L.Dense(4), name="other")(y)
    y = L.MultiHeadAttention(2, 2, name="mha")(y, y)
    return keras.Model(x, L.GRU(4, name="gru")(y), name="source")


def _shared() -> Any:
    x = keras.Input((4,), name="x")
    shared = L.Dense(4, name="shared")
    return keras.Model(x, L.Dense(4, name="own")(shared(shared(x))), name="source")


def _custom() -> Any:
    x = keras.Input((4,), name="x")
    y = TwoHeads(4, name="two")(LayerBox(4, name="other")(LayerBox(4, name="box")(x)))
    return keras.Model(x, L.Dense(2, name="head")(y[0]), name="source")


def _opaque() -> Any:
    model = TwoHeads(4, name="source")
    model(np.zeros((1, 4), "float32"))
    return model


STRUCTURES: dict[str, Callable[[], Any]] = {
    "plain": _plain,
    "nested": _nested,
    "sequential": _sequential,
    "wrapped": _wrapped,
    "shared": _shared,
    "custom": _custom,
    "opaque": _opaque,
}


def save_structures(folder: Path) -> None:
    """Save each structure with different values in all of its variables, some as ``.h5`` too."""
    for name, make in STRUCTURES.items():
        model = make()
        generator = np.random.default_rng(len(name))
        for variable in model.variables:
            if "float" in variable.dtype:
                values = generator.uniform(0.05, 0.6, tuple(variable.shape))
                variable.assign(values.astype("float32"))
        model.save(folder / f"{name}.keras")
        if name in ("plain", "nested"):
            model.save(folder / f"{name}.h5")
