"""From one floating-point dtype to another: rounded once, to nearest, ties to even."""

from __future__ import annotations

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]


def array_dtype(storage: str, dtype: str) -> np.dtype[np.generic]:
    """Return the dtype of numpy arrays that hold a tensor's stored bytes."""
    return np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else storage)


def widened(array: Array) -> NDArray[np.float64]:
    """Return the values in float64, in which every one of them exists; itself if it is that."""
    if array.dtype == ml_dtypes.bfloat16:
        array = array.astype(np.float32)
    # A signalling NaN becomes a quiet one, which numpy would warn of.
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64, copy=False)


def rounded(array: Array, dtype: np.dtype[np.generic]) -> Array:
    """Return the values in another dtype; those beyond its range become infinite."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        if array.dtype == ml_dtypes.bfloat16:
            array = array.astype(np.float32)
        if dtype == ml_dtypes.bfloat16 and array.dtype == np.float64:
            array = _to_odd(array)
        return array.astype(dtype, copy=False)


def as_bytes(array: Array) -> memoryview:
    """Return the bytes of an array, row-major, without a copy where it lies so already."""
    return memoryview(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _to_odd(values: Array) -> NDArray[np.float32]:
    """Return float32 from which rounding on to bfloat16 is as rounding at once.

    ml_dtypes goes from float64 through float32, rounded to nearest, and so rounds twice. Instead,
    what float32 can't hold is cut off, and the last bit says that there was something (rounding
    to odd; S. Boldo and G. Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    """
    wide = values.astype(np.float64, copy=False)
    nearest = wide.astype(np.float32)
    back = nearest.astype(np.float64)
    bits = nearest.view(np.uint32)
    inexact = (back != wide) & ~np.isnan(wide)
    bits -= (np.abs(back) > np.abs(wide)).astype(np.uint32)
    bits |= inexact.astype(np.uint32)
    return nearest
