"""Casts round once, to nearest, ties to even: against exact fractions."""

from __future__ import annotations

import struct
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from composer.tensors.rounding import array_dtype, rounded, widened

FORMATS = {  # bits of the significand, smallest and largest exponent
    "float16": (11, -14, 15),
    "bfloat16": (8, -126, 127),
    "float32": (24, -126, 127),
}
STORAGE = {"float16": "<f2", "bfloat16": "|V2", "float32": "<f4", "float64": "<f8"}


def exactly(value: float, dtype: str) -> float:
    """Round a float64 with whole numbers alone."""
    bits, least, most = FORMATS[dtype]
    number = abs(Fraction(value))
    if not number:
        return value
    exponent = max(number.numerator.bit_length() - number.denominator.bit_length(), least)
    while number >= 2 * Fraction(2) ** exponent:
        exponent += 1
    while number < Fraction(2) ** exponent and exponent > least:
        exponent -= 1
    unit = Fraction(2) ** (exponent - bits + 1)
    result = round(number / unit) * unit  # Python rounds ties to even
    if result >= 2 * Fraction(2) ** most:
        return float("inf") if value > 0 else float("-inf")
    return float(result) if value > 0 else -float(result)


def same(found: float, expected: float) -> bool:
    return struct.pack("<d", found) == struct.pack("<d", expected)


@pytest.mark.parametrize("dtype", FORMATS)
@settings(max_examples=400, deadline=None)
@given(
    value=st.one_of(
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(-70000, 70000),
        # Near the middle between two values, where rounding twice goes wrong.
        st.tuples(
            st.floats(allow_nan=False, allow_infinity=False, width=16),
            st.integers(-3, 3),
            st.sampled_from([8, 11, 24]),
        ).map(lambda it: it[0] * (1 + 2.0 ** -it[2]) * (1 + it[1] * 2.0**-52)),
    )
)
@example(value=1 + 2**-8 + 2.0**-40)
@example(value=-(1 + 2**-8 + 2.0**-40))
@example(value=1 + 3 * 2**-8 - 2.0**-40)
@example(value=2.0**-134)
@example(value=2.0**-1074)
@example(value=-0.0)
@example(value=3.3961775292304605e38)
def test_from_float64(dtype, value):
    found = rounded(np.array([value]), array_dtype(STORAGE[dtype], dtype))
    assert found.dtype == array_dtype(STORAGE[dtype], dtype)
    assert same(float(widened(found)[0]), exactly(value, dtype))


def test_every_bfloat16_and_float16_is_itself_after_any_wider_dtype():
    bits = np.arange(1 << 16, dtype="u2")
    for every in (bits.view(ml_dtypes.bfloat16), bits.view("f2")):
        narrow = every[~np.isnan(every.astype("f4"))]
        for wide in ("<f4", "<f8"):
            there = rounded(narrow, np.dtype(wide))
            assert (rounded(there, narrow.dtype).view("u2") == narrow.view("u2")).all()
        assert widened(narrow).dtype == np.float64


def test_every_bfloat16_as_float16_is_rounded_once():
    narrow = np.arange(1 << 16, dtype="u2").view(ml_dtypes.bfloat16)
    narrow = narrow[np.isfinite(narrow.astype("f4"))][::7]
    found = rounded(narrow, np.dtype("f2"))
    expected = [exactly(float(value), "float16") for value in narrow]
    assert all(map(same, found.astype(float), expected))


def test_infinity_and_nan_stay():
    values = np.array([np.inf, -np.inf, np.nan])
    for dtype, storage in STORAGE.items():
        found = widened(rounded(values, array_dtype(storage, dtype)))
        assert np.array_equal(found, values, equal_nan=True)
