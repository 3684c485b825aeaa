"""What a model computed in Keras, held against what its exported form computes elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy


def read_cases(path: str) -> Iterator[tuple[list[Any], list[Any]]]:
    """Yield inputs and expected outputs, one pair a case; see ``tasks/export.py``."""
    with numpy.load(path, allow_pickle=False) as arrays:
        keys = [name.split("/") for name in arrays.files]
        for case in dict.fromkeys(key[0] for key in keys):
            sides = []
            for side in ("in", "out"):
                count = sum(key[:2] == [case, side] for key in keys)
                sides.append([arrays[f"{case}/{side}/{number}"] for number in range(count)])
            yield sides[0], sides[1]


def compared(
    request: Mapping[str, Any], compute: Callable[[list[Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """Return how far a runtime is from Keras, over all cases.

    Args:
        request: ``cases``, and ``outputs``, the names in the order of the expected outputs.
        compute: takes the arrays of one case, returns its outputs by name.

    Returns:
        ``largest``: the largest absolute difference; ``relative``: the largest difference over
        the largest number of the same output; ``equal``: whether all is equal bit for bit;
        ``wrong``: what else differs, in words, or None.
    """
    names: Sequence[str] = request["outputs"]
    largest = relative = 0.0
    equal = True
    for inputs, expected in read_cases(request["cases"]):
        found = compute(inputs)
        if sorted(found) != sorted(names):
            return _wrong(f"its outputs are {sorted(found)}, expected are {sorted(names)}")
        for name, wanted in zip(names, expected, strict=True):
            value = numpy.asarray(found[name])
            if value.shape != wanted.shape:
                return _wrong(f"{name} has shape {value.shape}, expected is {wanted.shape}")
            equal = equal and _bits(value) == _bits(wanted)
            if not _is_number(wanted):
                if not numpy.array_equal(_text(value), _text(wanted)):
                    return _wrong(f"{name} differs")
                continue
            gap, scale = _gap(value.astype("float64"), wanted.astype("float64"))
            if not numpy.isfinite(gap):
                return _wrong(f"{name} is finite in one of the two and not in the other")
            exact = wanted.dtype.kind != "f"
            if exact and gap:
                return _wrong(f"{name}, whole numbers, differs by up to {gap:g}")
            largest = max(largest, gap)
            relative = max(relative, gap / scale)
    return {"largest": largest, "relative": relative, "equal": equal, "wrong": None}


def _gap(found: Any, wanted: Any) -> tuple[float, float]:
    """Return the largest difference (what is not finite must be the same), and what to scale by."""
    finite = numpy.isfinite(wanted)
    same = numpy.array_equal(found[~finite], wanted[~finite], equal_nan=True)
    if not same or not numpy.isfinite(found[finite]).all():
        return float("inf"), 1.0
    gap = numpy.abs(found[finite] - wanted[finite]).max(initial=0.0)
    return float(gap), float(numpy.abs(wanted[finite]).max(initial=0.0)) or 1.0


def _is_number(value: Any) -> bool:
    return value.dtype.kind in "fiub"


def _bits(value: Any) -> tuple[str, bytes]:
    return value.dtype.str, value.tobytes()


def _text(value: Any) -> Any:
    return value.astype("S") if value.dtype == object else value


def _wrong(what: str) -> dict[str, Any]:
    return {"largest": 0.0, "relative": 0.0, "equal": False, "wrong": what}


def names_differ(what: str, found: Sequence[str], expected: Sequence[str]) -> str | None:
    """Return words for names of inputs or outputs that are not the expected ones."""
    if sorted(found) == sorted(expected):
        return None
    return f"its {what} are {sorted(found)}, expected are {sorted(expected)}"


def refused(wrong: str) -> dict[str, Any]:
    """Return an answer that only says what is wrong."""
    return _wrong(wrong)
