"""A second way to evaluate an expression: whole tensors, plain numpy, nothing shared.

It has no pieces, no threads and no ranges of files, and must give the same bytes as
:mod:`composer.tensors.evaluate`. For tests, and for ``verify``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from composer.container.archive import opened_weights
from composer.container.stored import StoredTensor
from composer.tensors.evaluate import PASS_ELEMENTS, EvaluatedPiece
from composer.tensors.expression import (
    Cast,
    Combine,
    Join,
    Merge,
    Product,
    Stored,
    Take,
    TensorExpr,
    Zeros,
)
from composer.tensors.regions import pieces
from composer.tensors.rounding import array_dtype, rounded, widened

Array = NDArray[np.generic]
Wide = NDArray[np.float64]


def reference(node: TensorExpr) -> Array:
    """Return what an expression gives, as an array; memory grows with the tensors.

    Raises:
        FormatError: a file is not sound, or has no such tensor.
    """
    dtype = array_dtype(node.storage, node.dtype)
    match node:
        case Stored():
            with opened_weights(node.source.path) as weights:
                found = weights.find(node.source.tensor.path)
                assert isinstance(found, StoredTensor)
                return np.frombuffer(weights.read(found), dtype).reshape(found.shape)
        case Zeros():
            return np.zeros(node.shape, dtype)
        case Take():
            indices = np.array(node.indices, dtype=np.int64)
            return np.take(reference(node.operand), indices, axis=node.axis)
        case Join():
            return np.concatenate([reference(part) for part in node.parts], axis=node.axis)
        case Cast():
            return rounded(reference(node.operand), dtype)
        case Combine():
            return _combined(node)
        case Product():
            return _product(node)
        case Merge():
            return _merged(node)


def _combined(node: Combine) -> Wide:
    operand = np.moveaxis(widened(reference(node.operand)), node.axis, 0)
    result = np.empty((len(node.terms), *operand.shape[1:]))
    for place, ((first, scale), *others) in enumerate(node.terms):
        result[place] = operand[first] * scale
        for index, weight in others:
            result[place] += operand[index] * weight
    return np.moveaxis(result, 0, node.axis)


def _product(node: Product) -> Wide:
    left, right = widened(reference(node.left)), widened(reference(node.right))
    total = np.zeros(node.shape)
    for index in range(right.shape[0]):
        total += np.multiply.outer(left[..., index], right[index])
    return total


def _merged(node: Merge) -> Wide:
    operands = _Everything(tuple(widened(reference(model)) for model in node.models))
    parameters = dict(node.parameters)
    prepare = node.method.prepare
    found = prepare(operands, parameters) if prepare is not None else None
    return node.method.apply(operands, parameters, found)


@dataclass(frozen=True, slots=True)
class _Everything:
    """All elements at once, and in the pieces that a merge method may rely on."""

    arrays: tuple[Wide, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.arrays[0].shape

    def places(self) -> NDArray[np.int64]:
        return np.arange(self.arrays[0].size).reshape(self.shape)

    def tensor(self, index: int) -> Wide:
        return self.arrays[index]

    def elements(self) -> Iterator[EvaluatedPiece]:
        for region in pieces(self.shape, PASS_ELEMENTS):
            some = np.ix_(*region)
            arrays = tuple(np.ascontiguousarray(array[some]) for array in self.arrays)
            yield EvaluatedPiece(arrays, self.shape, region)
