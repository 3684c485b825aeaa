"""Merge methods that need more than the elements, for tests."""

from __future__ import annotations

import math

import numpy as np

from composer.tensors.merge_method import MergeMethod, Parameter


def _norms(passes, parameters):
    squares = [[], []]
    for elements in passes.elements():
        for found, array in zip(squares, elements.arrays, strict=False):
            found.append(float(np.sum(array * array)))
    return [math.fsum(found) for found in squares]


def _by_norm(elements, parameters, found):
    first, second = elements.arrays[0], elements.arrays[-1]
    return first / (1 + found[0]) + second * parameters["t"] / (1 + found[1])


BY_NORM = MergeMethod(
    name="by_norm",
    version=1,
    apply=_by_norm,
    parameters=(Parameter(name="t", default=0.5),),
    needs="passes",
    prepare=_norms,
)

LARGEST = MergeMethod(
    name="largest",
    version=1,
    needs="tensors",
    prepare=lambda passes, parameters: (
        np.quantile(passes.tensor(0), 0.5) if 0 not in passes.shape else 0.0
    ),
    apply=lambda elements, parameters, found: np.where(
        (elements.arrays[0] >= found) & (elements.places() % 2 == 0),
        *elements.arrays[::-1][:1],
        0.5,
    ),
)
