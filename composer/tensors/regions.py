"""Parts of tensors: for each axis, the indices that are wanted of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Indices: TypeAlias = range | NDArray[np.int64]
Region: TypeAlias = tuple[Indices, ...]
Shape: TypeAlias = tuple[int, ...]


def pieces(shape: Shape, elements: int) -> Iterator[Region]:
    """Cut a tensor into runs of at most ``elements`` row-major elements, in their order."""
    if not shape:
        yield ()
        return
    axis = len(shape) - 1
    inner = 1
    while axis > 0 and inner * shape[axis] <= elements:
        inner *= shape[axis]
        axis -= 1
    step = max(1, elements // max(1, inner))
    rest = tuple(range(length) for length in shape[axis + 1 :])
    for outer in np.ndindex(*shape[:axis]):
        before = tuple(range(index, index + 1) for index in outer)
        for first in range(0, shape[axis], step):
            yield (*before, range(first, min(first + step, shape[axis])), *rest)


def whole(shape: Shape) -> Region:
    """Return the region that is all of a tensor."""
    return tuple(range(length) for length in shape)


def shape_of(region: Region) -> Shape:
    """Return how many indices there are of each axis."""
    return tuple(len(indices) for indices in region)


def with_axis(region: Region, axis: int, indices: Indices) -> Region:
    """Return a region with other indices of one axis."""
    return (*region[:axis], indices, *region[axis + 1 :])


def looked_up(table: NDArray[np.int64], indices: Indices) -> Indices:
    """Return ``table[indices]``, as a range where it is one."""
    picked = table[indices.start : indices.stop] if isinstance(indices, range) else table[indices]
    first = int(picked[0]) if len(picked) else 0
    if np.array_equal(picked, np.arange(first, first + len(picked))):
        return range(first, first + len(picked))
    return picked


def positions(shape: Shape, region: Region) -> NDArray[np.int64]:
    """Return the row-major position of every element of a region of a tensor, in its shape."""
    found = np.zeros(shape_of(region), dtype=np.int64)
    stride = 1
    for axis in range(len(shape) - 1, -1, -1):
        found += _beside(region[axis], axis, len(shape)) * stride
        stride *= shape[axis]
    return found


def runs(shape: Shape, region: Region) -> tuple[NDArray[np.int64], int]:
    """Return a region as runs of neighbouring elements of one length.

    Returns:
        The position where each run begins, in the region's order, and the length of all of them.
    """
    axis = len(shape)
    length = 1
    while axis and _is_all(region[axis - 1], shape[axis - 1]):
        axis -= 1
        length *= shape[axis]
    before = 0
    last = region[axis - 1] if axis else None
    if isinstance(last, range):
        axis -= 1
        before = last.start * length
        length *= len(last)
    stride = int(np.prod(shape[axis:], dtype=np.int64))
    return positions(shape[:axis], region[:axis]).reshape(-1) * stride + before, length


def _is_all(indices: Indices, length: int) -> bool:
    return isinstance(indices, range) and indices == range(length)


def _beside(indices: Indices, axis: int, axes: int) -> NDArray[np.int64]:
    array = np.asarray(indices, dtype=np.int64)
    return array.reshape((1,) * axis + (-1,) + (1,) * (axes - axis - 1))
