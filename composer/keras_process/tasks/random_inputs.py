"""Random arrays that a model can be called with, from the shapes and dtypes of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy

BATCH = 2
SIZES = (16, 64, 224, 4)
"""What an open dimension may be: larger ones for models that make their input much smaller, and a
small one for those that take sequences up to a length."""


def random_arrays(
    tensors: Sequence[keras.KerasTensor],
    *,
    seed: int,
    open_size: int,
    batch: int = BATCH,
    words: Sequence[str] = (),
) -> list[Any] | None:
    """Return one array a tensor, or None when one of them takes text and there are no words.

    Floats lie between -1 and 1. Integers are 0 or 1, which any vocabulary holds.

    Args:
        tensors: symbolic tensors, batch dimension first.
        seed: the same seed and shapes give the same arrays.
        open_size: stands in for each open dimension but the first.
        batch: stands in for the first, where that is open.
        words: what text is made of.
    """
    generator = numpy.random.default_rng(seed)
    arrays = []
    for tensor in tensors:
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype == "string" and not words:
            return None
        shape = [
            size if size is not None else (open_size if axis else batch)
            for axis, size in enumerate(tensor.shape)
        ]
        if dtype == "string":
            arrays.append(keras.ops.convert_to_tensor(generator.choice(words, shape)))
            continue
        if dtype == "bool" or "int" in dtype:
            values: Any = generator.integers(0, 2, shape)
        else:
            values = generator.uniform(-1.0, 1.0, shape)
        arrays.append(keras.ops.cast(keras.ops.convert_to_tensor(values), dtype))
    return arrays
